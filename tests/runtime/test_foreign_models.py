"""Models that frostline did not make: described by a file, checked against it, scored the same."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from frostline.errors import InputError
from frostline.runtime import foreign_models
from frostline.runtime.sessions import open_session
from helpers.foreign_models import VALUES, network
from helpers.params import changed

BATCH = np.random.default_rng(3).integers(0, 256, (5, 6, 8, 3), np.uint8)


def described(folder: Path, **changes: Any) -> foreign_models.ForeignModel:
    """A contract file, with changes at dotted keys (written with __ here)."""
    values = changed(VALUES, {key.replace("__", "."): value for key, value in changes.items()})
    (folder / "birds.json").write_text(json.dumps(values))
    return foreign_models.read(folder / "birds.json")


def by_hand(columns: int = 3, channels: str = "BGR") -> np.ndarray:
    """The logits that NumPy alone gets from the description."""
    pixels = BATCH[..., ::-1] if channels == "BGR" else BATCH
    values = (pixels * 0.5 - np.array([1, 2, 3])) / np.array([2, 4, 8])
    weights = np.random.default_rng(5).normal(size=(3, columns)).astype(np.float32)
    return np.asarray(values.mean(axis=(1, 2)) @ weights)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("channels", ["RGB", "BGR"])
@pytest.mark.parametrize("batch", ["N", 1, 3])
def test_layouts_channels_and_fixed_batches(
    tmp_path: Path, layout: str, channels: str, batch: int | str
) -> None:
    """The same answer as by hand, whatever the layout, the order of colours and the batch it insists on."""
    about = described(tmp_path, input__layout=layout, input__channels=channels)
    session = open_session(network(layout, batch=batch), device="cpu", foreign=about)
    powers = np.exp(by_hand(channels=channels))
    np.testing.assert_allclose(
        session.run(BATCH)["probs"], powers / powers.sum(axis=1, keepdims=True), rtol=1e-4, atol=1e-6
    )
    assert session.contract.classes == ("cat", "dog", "owl")
    assert session.contract.classifier == "birds"


def test_one_logit_for_two_classes(tmp_path: Path) -> None:
    """The sigmoid is the second class's."""
    about = described(tmp_path, classes=["no", "yes"], output__activation="sigmoid")
    probs = open_session(network(columns=1), device="cpu", foreign=about).run(BATCH)["probs"]
    np.testing.assert_allclose(probs[:, 1], 1 / (1 + np.exp(-by_hand(1)[:, 0])), rtol=1e-4)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-6)


def test_features_by_the_name_it_gives_them(tmp_path: Path) -> None:
    """An output of the model's own becomes `features`."""
    about = described(tmp_path, output__features="pooled")
    found = open_session(network(), device="cpu", foreign=about, features=True).run(BATCH)
    assert found["features"].shape == (5, 3)
    with pytest.raises(InputError, match="names no output for `features`"):
        open_session(network(), device="cpu", foreign=described(tmp_path), features=True)


def test_another_description_is_another_model(tmp_path: Path) -> None:
    """Rows carry a hash of both."""
    hashes = {
        open_session(network(), device="cpu", foreign=described(tmp_path, input__scale=scale)).sha256
        for scale in (0.5, 0.25, 0.5)
    }
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ["cat"]}, "classes must be a list of two or more"),
        ({"classes": ["cat", "cat"]}, "classes must be a list of two or more different names"),
        ({"image__resize": "stretch"}, "image.resize must be one of squash, crop, pad"),
        ({"input__layout": "NWHC"}, "input.layout must be one of NCHW, NHWC"),
        ({"input__std": [1, 0, 1]}, "input.std must be three numbers other than 0"),
        ({"input__mean": [1, 2]}, "input.mean must be three numbers"),
        ({"input__scale": True}, "input.scale must be a number"),
        ({"input__gamma": 1}, "unknown key 'input.gamma'; known: name, layout"),
        ({"output": []}, "output must be an object"),
        ({"output__activation": "relu"}, "output.activation must be one of softmax, sigmoid, none"),
        ({"input__name": "picture"}, "names the input 'picture', the model has ['data']"),
        ({"output__name": "scores"}, "names the output 'scores', the model has ['logits', 'pooled']"),
        ({"image__height": 8}, "asks for ['N', 3, 8, 8], the model takes ['N', 3, 6, 8]"),
        ({"input__layout": "NHWC"}, "asks for ['N', 6, 8, 3], the model takes"),
        (
            {"classes": ["a", "b"]},
            "names 2 classes, which with softmax are 2 numbers per image; the model gives 3 numbers",
        ),
        # not the first of three numbers for the only one
        (
            {"classes": ["a", "b"], "output__activation": "sigmoid"},
            "names 2 classes, which with sigmoid are 1 number per image; the model gives 3 numbers",
        ),
        ({"output__activation": "none"}, "its probabilities sum to"),
    ],
)
def test_a_description_that_does_not_fit_is_one_line(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    """What is wrong, by its dotted name, before any image is read."""
    with pytest.raises(InputError) as caught:
        open_session(network(), device="cpu", foreign=described(tmp_path, **changes))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_types_are_refused(tmp_path: Path) -> None:
    """float32 is what can be described."""
    with pytest.raises(InputError, match=r"its input is tensor\(double\); only float32"):
        open_session(_double(), device="cpu", foreign=described(tmp_path))


def _double() -> bytes:
    made = onnx.load_from_string(network(kind=TensorProto.DOUBLE))
    weights = numpy_helper.to_array(made.graph.initializer[0]).astype(np.float64)
    made.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "weights"))
    for output in made.graph.output:
        output.type.tensor_type.elem_type = TensorProto.DOUBLE
    return bytes(made.SerializeToString())


@pytest.mark.parametrize(
    ("text", "message"), [("no json", "it is not JSON"), ("[1]", "it is not a JSON object")]
)
def test_files_that_are_no_description(tmp_path: Path, text: str, message: str) -> None:
    """Named, in one line."""
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(InputError, match=message):
        foreign_models.read(tmp_path / "c.json")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        foreign_models.read(tmp_path / "none.json")
