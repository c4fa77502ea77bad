"""`unknown` inside an exported model: what was fitted, on every engine, and at most the named share is rejected."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from frostline.errors import FrostlineError
from frostline.models.neighbours import Neighbours
from frostline.runtime import (
    agreement,
    answers,
    canonical,
    conversion,
    parts,
    pool,
    sessions,
    variants,
)
from frostline.runtime.contract import to_json
from frostline.training import unlike
from helpers import models


def fitted(shape: tuple[int, ...], *, held: int = 400, seed: int = 0) -> tuple[Neighbours, np.ndarray]:
    """Neighbours of positive features of one shape, and rows like them."""
    rng = np.random.default_rng(seed)
    centre = rng.random(shape[-1]).astype(np.float32)
    rows = np.abs(centre + 0.3 * rng.normal(size=(1000 + held, *shape))).astype(np.float32)
    ids = [f"{number:05d}" for number in range(600)]
    found = unlike.fit(rows[:600], ids, rows[600 : 600 + held], seed=3)
    assert found is not None
    return found, rows[600 + held :]


def plain(shape: tuple[int, ...]) -> bytes:
    """A model of which `features` are mean colours, spread to a shape; above them one matrix and a softmax."""
    count = int(np.prod(shape))
    rng = np.random.default_rng(1)
    weights = {
        "spread": rng.random((3, count), np.float32) / 255,
        "shape": np.array([-1, *shape]),
        "flat": np.array([-1, count]),
        "matrix": rng.normal(size=(count, 3)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["colour"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["colour", "spread"], ["spreaded"]),
        helper.make_node("Reshape", ["spreaded", "shape"], ["features"]),
        helper.make_node("Reshape", ["features", "flat"], ["vector"]),
        helper.make_node("MatMul", ["vector", "matrix"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probs"]),
    ]
    promised = models.contract()
    sides = {"image": (TensorProto.UINT8, [promised.height, promised.width, 3])}
    sides |= {"probs": (TensorProto.FLOAT, [3]), "features": (TensorProto.FLOAT, list(shape))}
    values = {
        name: helper.make_tensor_value_info(name, kind, ["N", *side]) for name, (kind, side) in sides.items()
    }
    graph = helper.make_graph(
        nodes,
        "plain",
        [values["image"]],
        [values["probs"], values["features"]],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    made = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])
    return canonical.form(made, metadata={"frostline": to_json(promised)})


def model(shape: tuple[int, ...], neighbours: Neighbours) -> bytes:
    """The plain model with `unknown`, as export writes it."""
    known = answers.Answers(unknown_images=len(neighbours.held_out))
    more = {answers.KEY: answers.to_json(known)}
    return models.answered(plain(shape), more=more, neighbours=neighbours)


def pixels(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 20, 28, 3), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(8,), (3, 2, 8), (4096,)])
def test_the_graph_does_what_was_fitted(shape: tuple[int, ...]) -> None:
    """Vectors, maps and wide vectors; `probs` stays bit for bit."""
    neighbours, rows = fitted(shape)
    made = model(shape, neighbours)
    values = agreement.prove_unknown(conversion.upper(made), neighbours, rows)
    assert values == pytest.approx(
        neighbours(rows), abs=2.01 / 401
    )  # similarities equal but for their last bits
    far = np.abs(np.random.default_rng(9).normal(size=rows.shape)).astype(np.float32) ** 4
    assert np.median(agreement.prove_unknown(conversion.upper(made), neighbours, far)) > 0.99
    before, after = pool.on_cpu(plain(shape))(pixels(3)), pool.on_cpu(made)(pixels(3))
    assert (after["probs"] == before["probs"]).all()
    assert after["unknown"].shape == (3,)


def test_a_model_that_says_something_else_is_refused() -> None:
    """Rows of another fit are not what the graph holds."""
    neighbours, rows = fitted((8,))
    other, _ = fitted((8,), seed=5)
    with pytest.raises(FrostlineError, match="unknown"):
        agreement.prove_unknown(conversion.upper(model((8,), neighbours)), other, rows)


def test_at_most_the_named_share_of_held_out_images_is_rejected() -> None:
    """The mean over draws of images like the training ones is the share, from below by at most 1 / (n + 1)."""
    shares = []
    for seed in range(20):
        neighbours, rows = fitted((8,), held=250, seed=seed)
        shares.append(answers.rejects(neighbours(rows), 0.1).mean())
    chance = 3 * np.std(shares) / np.sqrt(len(shares))
    assert 0.1 - 1 / 251 - chance <= np.mean(shares) <= 0.1 + chance


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_variants_keep_it_exact(precision: str) -> None:
    """Its few products stay in floats: the pixels alone come in other precision."""
    neighbours, _ = fitted((8,))
    exact = model((8,), neighbours)
    made = variants.make(precision, exact, calibration=lambda: iter([pixels(4)]))
    whole, variant = pool.on_cpu(exact)(pixels(20)), pool.on_cpu(made)(pixels(20))
    assert variant["unknown"].dtype == np.float32
    assert variant["unknown"] == pytest.approx(whole["unknown"], abs=0.05)


def test_sessions_give_it_with_and_without_features(tmp_path: Path) -> None:
    """And the parts do: the head gives what the whole model gives."""
    neighbours, _ = fitted((8,))
    path = tmp_path / "model.onnx"
    path.write_bytes(model((8,), neighbours))
    for features in (False, True):
        session = sessions.open_session(path, device="cpu", features=features)
        assert set(session.outputs) == {"probs", "unknown", *(["features"] if features else [])}
        assert answers.of(session.metadata).unknown_images == len(neighbours.held_out)
    parts.write_beside(path)
    head = parts.open_head(path, precision="float32")
    whole = session.run(pixels(5))
    given = head.session.run(whole["features"])
    assert given["unknown"] == pytest.approx(whole["unknown"], abs=0.01)
    assert answers.of(head.session.metadata).unknown_images == len(neighbours.held_out)


@pytest.mark.skipif(find_spec("openvino") is None, reason="extra cpu")
@pytest.mark.parametrize(("shape"), [(8,), (3, 2, 8), (4096,)])
def test_openvino_gives_the_same(shape: tuple[int, ...]) -> None:
    """By its own runtime, two steps apart at most."""
    neighbours, _ = fitted(shape)
    made = model(shape, neighbours)
    ours = sessions.open_session(made, device="openvino").run(pixels(20))
    theirs = sessions.open_session(made, device="cpu").run(pixels(20))
    assert ours["unknown"] == pytest.approx(theirs["unknown"], abs=2.01 / (len(neighbours.held_out) + 1))
