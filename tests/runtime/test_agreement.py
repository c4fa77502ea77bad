"""Agreement: a model that says anything else than the trained network does not get its name."""

import functools
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from frostline.errors import FrostlineError
from frostline.features.cut_model import CutModel
from frostline.runtime import agreement, conversion, sessions
from frostline.runtime.contract import to_json
from frostline.training import assemble
from helpers.models import contract
from helpers.networks_tiny import built, cut, pictures, residual, said

PIXELS = pictures(64, seed=9)
CASES = [("cnn", "none"), ("cnn", "first_pool"), ("residual", "all"), ("residual", "pool1_pool")]


@functools.cache
def case(kind: str, freeze: str) -> tuple[CutModel, bytes, dict[str, Any]]:
    """A split network, its true export, and what Keras says: the arguments of `prove`."""
    parts = cut({"cnn": built, "residual": residual}[kind](), freeze)
    promised = to_json(contract(height=32, width=40))
    model = conversion.convert(*assemble.below_and_above(parts), height=32, width=40, metadata=promised)
    every = pictures(90, seed=8)
    features = None if parts.trunk is None else np.asarray(parts.trunk(every, training=False))
    told = {
        "pixels": PIXELS, "pixel_probs": said(parts, PIXELS), "features": features, "probs": said(parts, every)
    }  # fmt: skip
    return parts, model, told


@pytest.mark.parametrize(("kind", "freeze"), CASES)
def test_the_true_model_agrees(kind: str, freeze: str) -> None:
    """Far within the tolerance, over every image and every row of features."""
    _, model, told = case(kind, freeze)
    proof = agreement.prove(model, **told)
    assert proof.tolerance == agreement.TOLERANCE
    assert (proof.images, proof.features) == (64, 0 if freeze == "none" else 90)
    assert proof.image_difference < agreement.TOLERANCE / 10
    assert proof.feature_difference < agreement.TOLERANCE / 10


def initializers(model: bytes) -> list[str]:
    """Names of a model's float32 weights that are more than a constant of the graph's own."""
    found = onnx.load_from_string(model).graph.initializer
    return [each.name for each in found if each.data_type == 1 and np.prod(each.dims) > 1]


def perturbed(model: bytes, name: str) -> bytes:
    """The model with one element of one weight moved by half of the weight's own size, at least 0.05."""
    made = onnx.load_from_string(model)
    [tensor] = [each for each in made.graph.initializer if each.name == name]
    values = numpy_helper.to_array(tensor).copy()
    place = np.abs(values).argmax()
    values.flat[place] += max(0.05, 0.5 * float(np.abs(values).max()))
    tensor.CopyFrom(numpy_helper.from_array(values, name))
    return bytes(made.SerializeToString())


@pytest.mark.parametrize(("kind", "freeze"), CASES)
def test_one_changed_weight_is_noticed(kind: str, freeze: str) -> None:
    """Whichever weight of the graph is moved, in trunk, tail or head: the proof fails."""
    _, model, told = case(kind, freeze)
    names = initializers(model)
    assert len(names) >= 4
    for name in names:
        with pytest.raises(FrostlineError, match="disagrees with the trained network") as caught:
            agreement.prove(perturbed(model, name), **told)
        assert "\n" not in str(caught.value)
        assert "no model was written" in str(caught.value)


def test_features_are_compared_on_their_own() -> None:
    """A difference that only the cached features show, of images not among the pixels, is enough."""
    _, model, told = case("residual", "all")
    probs = told["probs"].copy()
    probs[77, 0] += 1e-3
    with pytest.raises(FrostlineError, match=r"above the frost line: a probability differs by 0\.001"):
        agreement.prove(model, **{**told, "probs": probs})


def test_pixels_are_compared_on_their_own() -> None:
    """A trunk that the features do not know of shows on whole images."""
    _, model, told = case("residual", "all")
    probs = told["pixel_probs"].copy()
    probs[63, 1] -= 2e-3
    with pytest.raises(FrostlineError, match=r"on whole images: a probability differs by 0\.002"):
        agreement.prove(model, **{**told, "pixel_probs": probs})


@pytest.mark.parametrize("which", ["pixel_probs", "probs"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_number_does_not_pass(which: str, value: float) -> None:
    """NaN and infinity are disagreements, wherever they stand."""
    _, model, told = case("residual", "all")
    probs = told[which].copy()
    probs[5, 2] = value
    with pytest.raises(FrostlineError, match=r"differs by (nan|inf)"):
        agreement.prove(model, **{**told, which: probs})


@pytest.mark.parametrize(
    "change",
    [
        {"pixel_probs": lambda told: told["pixel_probs"][:, :2]},
        {"pixel_probs": lambda told: told["pixel_probs"][:-1]},
        {"probs": lambda told: told["probs"][:-1]},
        {"probs": lambda told: told["probs"][:, :1]},
        {"pixels": lambda told: told["pixels"][:-3]},
        {"features": lambda told: told["features"][:-1]},
    ],
    ids=["classes", "image missing", "row missing", "column broadcast", "pixels missing", "features missing"],
)
def test_other_shapes_do_not_pass(change: dict[str, Any]) -> None:
    """Rows or columns that are missing on either side are a disagreement, never a broadcast."""
    _, model, told = case("residual", "all")
    with pytest.raises(FrostlineError, match="differs by inf"):
        agreement.prove(model, **{**told, **{key: make(told) for key, make in change.items()}})


def test_an_odd_batch_and_single_images_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole images go through in sevens and alone: a graph that fixes N would not pass."""
    sizes = []
    opened = agreement.sessions.open_session

    def watched(*args: Any, **kwargs: Any) -> Any:
        session = opened(*args, **kwargs)
        run = type(session).run

        def counting(self: Any, batch: np.ndarray) -> Any:
            sizes.append(len(batch))
            return run(self, batch)

        monkeypatch.setattr(type(session), "run", counting)
        return session

    monkeypatch.setattr(agreement.sessions, "open_session", watched)
    _, model, told = case("cnn", "none")
    agreement.prove(model, **told)
    assert {1, 7} <= set(sizes)
    assert sum(size for size in sizes if size != 1) >= 63


def test_another_head_is_proven_on_what_the_trunk_gave(monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures are those of the whole graph, which sees two images; a wrong head is noticed all the same."""
    _, model, told = case("residual", "all")
    kept = {name: np.full_like(told["features"][:64], np.nan) for name in ("batched", "alone")}
    first = agreement.prove(model, **told, kept=kept)
    known = {name: int((~agreement.unknown(rows)).sum()) for name, rows in kept.items()}
    assert known == {"batched": 64, "alone": agreement.SINGLES}
    seen: list[int] = []
    run = sessions.Session.run

    def counted(self: sessions.Session, batch: np.ndarray) -> Any:
        seen.append(len(batch))
        return run(self, batch)

    monkeypatch.setattr(sessions.Session, "run", counted)
    assert agreement.prove(model, **told, kept=kept) == first
    assert seen == [1, *[1] * agreement.WHOLE]  # the first is the grey image of every session
    seen.clear()
    kept["batched"][40:49] = np.nan
    assert agreement.prove(model, **told, kept=kept).image_difference == pytest.approx(
        first.image_difference, abs=1e-6
    )
    assert seen == [1, 7, 2, *[1] * agreement.WHOLE]  # nine images that are new
    assert not agreement.unknown(kept["batched"]).any()
    upper = conversion.upper(model)
    head = perturbed(upper, initializers(upper)[-1])
    with pytest.raises(FrostlineError, match="disagrees with the trained network on whole images"):
        agreement.prove(model, **told, head=head, kept=kept)
