"""A model in two files: together they say what it says, apart they say whose they are."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from frostline import files
from frostline.errors import FrostlineError, InputError
from frostline.files import sha256
from frostline.runtime import parts, sessions
from frostline.runtime.contract import FEATURES
from helpers.models import contract, model
from helpers.remarks import flip, remarks

PIXELS = np.random.default_rng(4).integers(0, 256, (37, 20, 28, 3), np.uint8)


def laid(folder: Path, content: bytes) -> Path:
    """A model with its trunk and head in a folder."""
    folder.mkdir()
    for name, part in zip(
        ("model.onnx", "trunk.onnx", "head.onnx"), (content, *parts.make(content)), strict=True
    ):
        (folder / name).write_bytes(part)
    return folder / "model.onnx"


def test_head_of_trunk_is_the_model(tmp_path: Path) -> None:
    """Both files, opened as scoring opens them, give the model's probabilities and carry its names."""
    whole = laid(tmp_path / "a", model(features=True))
    head = parts.open_head(whole, precision="float32")
    trunk = parts.open_trunk(head, device="cpu")
    features = trunk.run(PIXELS)[FEATURES]
    assert features.shape[1:] == head.shape == (3,)
    said = sessions.open_session(whole, device="cpu").run(PIXELS)["probs"]
    assert np.abs(head.session.run(features)["probs"] - said).max() < parts.TOLERANCE
    assert head.session.sha256 == sha256(whole.read_bytes())
    assert head.session.contract == contract()
    assert head.trunk == trunk.sha256 == sha256((tmp_path / "a/trunk.onnx").read_bytes())


def test_the_trunk_is_the_same_file_below_another_head() -> None:
    """Another head, classifier or dataset changes nothing in it; another size of pixels does."""
    one, head = parts.make(model(features=True))
    others = contract(classifier="later", classes=("a", "b", "c"), dataset="e" * 64, recipe="s" * 64)
    other, other_head = parts.make(model(others, features=True, scale=0.07))
    assert one == other
    assert head != other_head
    assert parts.make(model(contract(height=30), features=True))[0] != one
    assert parts.make(model(contract(resize="crop"), features=True))[0] != one


def test_disagreement_is_refused() -> None:
    """A head with other weights is found out, and so is one that gives no numbers."""
    whole = model(features=True)
    trunk, head = parts.make(whole)
    assert parts.difference(whole, trunk, head, PIXELS) < parts.TOLERANCE
    kept = {name: np.full((37, 3), np.nan, np.float32) for name in ("inside", "apart")}
    first = parts.difference(whole, trunk, head, PIXELS, kept=kept)
    assert not np.isnan(list(kept.values())).any()
    assert parts.difference(b"", b"", head, PIXELS, kept=kept) == first  # on what is known of the trunk
    there = kept["inside"].copy()
    kept["inside"][[3, 36]] = np.nan
    parts.difference(whole, trunk, head, PIXELS, kept=kept)
    np.testing.assert_allclose(kept["inside"], there, atol=1e-6)
    other = parts.make(model(features=True, scale=0.051))[1]
    with pytest.raises(FrostlineError, match="trunk and head disagree with the whole model"):
        parts.difference(whole, trunk, other, PIXELS)
    kept["apart"] = kept["apart"] * np.float32(1.5)
    with pytest.raises(FrostlineError, match="trunk and head disagree with the whole model"):
        parts.difference(b"", b"", head, PIXELS, kept=kept)
    broken = onnx.load_from_string(head)
    weights = onnx.numpy_helper.to_array(broken.graph.initializer[0]) * np.float32("nan")
    broken.graph.initializer[0].CopyFrom(
        onnx.numpy_helper.from_array(weights, broken.graph.initializer[0].name)
    )
    with pytest.raises(FrostlineError, match="differs by nan"):
        parts.difference(whole, trunk, broken.SerializeToString(), PIXELS)


def test_parts_of_other_models_are_refused(tmp_path: Path) -> None:
    """A model without parts, a head of another model, another trunk, a precision that is a file of its own."""
    whole, other = laid(tmp_path / "a", model(features=True)), model(contract(height=30), features=True)
    with pytest.raises(InputError, match="features are kept in float32 or bfloat16, --precision is int8"):
        parts.open_head(whole, precision="int8")
    head = parts.open_head(whole, precision="float32")
    (tmp_path / "a/trunk.onnx").write_bytes(parts.make(other)[0])
    with pytest.raises(InputError, match=r"trunk\.onnx is not the trunk of .*; export the classifier again"):
        parts.open_trunk(head, device="cpu")
    whole.write_bytes(other)
    with pytest.raises(InputError, match=r"head\.onnx is not the head of"):
        parts.open_head(whole, precision="float32")
    (tmp_path / "a/head.onnx").unlink()
    with pytest.raises(InputError, match=r"there is no head\.onnx beside"):
        parts.open_head(whole, precision="float32")


def test_damaged_parts_are_cut_anew(tmp_path: Path) -> None:
    """Those of a downloaded model: a flipped bit in either is found, said and put right; whole ones stay."""
    path = tmp_path / "model.onnx"
    path.write_bytes(model(features=True))
    parts.write_beside(path)
    trunk, head = (path.with_name(name) for name in (parts.TRUNK, parts.HEAD))
    made = (trunk.read_bytes(), head.read_bytes())
    assert made == parts.make(path.read_bytes())
    for part in (trunk, head):
        flip(part, part.stat().st_size // 2)
        with remarks() as lines:
            parts.write_beside(path)
            parts.write_beside(path)
        assert ["damaged in the cache" in line for line in lines] == [True]
        assert (trunk.read_bytes(), head.read_bytes()) == made


def test_a_model_without_frozen_layers_has_no_parts(tmp_path: Path) -> None:
    """Nothing is written beside it."""
    path = tmp_path / "model.onnx"
    path.write_bytes(model())
    parts.write_beside(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_head_of_an_export_is_refused(tmp_path: Path) -> None:
    """The proof beside it says what was written; a proof of another model says nothing."""
    whole = laid(tmp_path / "a", model(features=True))
    head = whole.with_name("head.onnx")
    proof = {"model": sha256(whole.read_bytes()), "head": sha256(head.read_bytes())}
    files.write_json(whole.with_name("agreement.json"), proof)
    parts.open_head(whole, precision="float32")
    weights = onnx.load(head)
    flip(head, head.read_bytes().index(weights.graph.initializer[0].raw_data), bit=4)
    with pytest.raises(InputError, match=r"head\.onnx is damaged: "):
        parts.open_head(whole, precision="float32")
    files.write_json(whole.with_name("agreement.json"), proof | {"model": "0" * 64})
    parts.open_head(whole, precision="float32")
