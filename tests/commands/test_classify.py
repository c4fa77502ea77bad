"""classify: offline, through files of the layout that Keras downloads."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frostline.commands import classify
from frostline.errors import FrostlineError, InputError
from frostline.models import backbones
from frostline.models.keras_backend import keras
from helpers.images import encoded
from helpers.networks import KERAS_COPIES

pytestmark = KERAS_COPIES

NAMES = [f"thing_{place}" for place in range(1000)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """MobileNet's weights with its classification layers, and a class index: stand-ins, laid out as Keras' own."""
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    folder = tmp_path_factory.mktemp("keras")
    keras(seed=3)
    model = keras().applications.MobileNet(weights=None)
    bias = np.zeros(1000, np.float32)
    bias[[7, 400, 31]] = [9, 8, 7]  # whatever it sees: thing 7, then 400, then 31
    top = model.get_layer("conv_preds")
    top.set_weights([top.get_weights()[0] * 0, bias])
    with h5py.File(folder / "mobilenet.h5", "w") as file:  # the layout of the files that Keras downloads
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    index = {str(place): [f"n{place:08}", name] for place, name in enumerate(NAMES)}
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "photo.png").write_bytes(encoded(1))
    (folder / "broken.png").write_bytes(b"<html>")
    return {path.stem.split(".")[0]: path for path in folder.iterdir()}


def run(files: dict[str, Path], *images: str, **changes: Any) -> None:
    """Classify some of the files with MobileNet."""
    options = {"backbone": "mobilenet", "weights": files["mobilenet"], "classes": files["index"], "top": 3}
    classify.run([files[name] for name in images], **{**options, **changes})


def test_names(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """The most probable names with their probabilities, softmax over all 1,000, surest first."""
    run(files, "photo")
    first, *lines = capsys.readouterr().out.splitlines()
    total = np.exp([9, 8, 7]).sum() + 997
    assert first == str(files["photo"])
    assert lines == [
        f"  {np.exp(logit) / total:6.1%}  thing {place}" for logit, place in ((9, 7), (8, 400), (7, 31))
    ]


def test_pixels_pass_through_the_backbones_own_transform(files: dict[str, Path]) -> None:
    """The same pixels through Keras' own function and network give the same probabilities."""
    keras(seed=4)
    inner = keras().applications.MobileNet(weights=None)
    inner.save_weights(files["index"].parent / "other.weights.h5")
    whole = backbones.whole("mobilenet", weights=files["index"].parent / "other.weights.h5")
    pixels = np.random.default_rng(1).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    transformed = keras().applications.mobilenet.preprocess_input(pixels.astype(np.float32))
    np.testing.assert_allclose(np.asarray(whole(pixels)), np.asarray(inner(transformed)), atol=1e-6)


def test_an_unreadable_image_does_not_stop_the_others(
    files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is a line, the others are classified, and the command has failed."""
    with pytest.raises(FrostlineError, match=r"^1 of 2 images could not be read") as caught:
        run(files, "broken", "photo", top=1)
    assert caught.value.exit_code == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{files['broken']}: not an image: starts with '<html>'"
    assert said[2].endswith("  thing 7")


def test_names_through_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Keras has downloaded is used: its decode_predictions names every class."""
    import keras.src.applications.imagenet_utils as utils

    index = {str(place): [f"n{place:08}", name] for place, name in enumerate(NAMES)}
    monkeypatch.setattr(utils, "CLASS_INDEX", index)
    assert backbones.class_names(None) == NAMES


def test_offline(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be downloaded, one line says which file to give instead."""
    import keras.src.applications.imagenet_utils as utils
    import keras.src.applications.mobilenet as module

    def fail(*_: object, **__: object) -> None:
        raise Exception("URL fetch failure on https://x: None -- no route\nmore")

    monkeypatch.setattr(utils, "CLASS_INDEX", None)
    monkeypatch.setattr(utils.file_utils, "get_file", fail)
    monkeypatch.setattr(module.file_utils, "get_file", fail)
    with pytest.raises(
        InputError, match=r"give a copy of Keras' imagenet_class_index\.json with --classes FILE"
    ):
        run(files, "photo", classes=None)
    with pytest.raises(InputError, match=r"MobileNet\(\) with --weights FILE") as caught:
        run(files, "photo", weights=None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone": "mobilenet1"}, "no backbone 'mobilenet1'; did you mean 'mobilenet'?"),
        ({"weights": Path("gone.h5")}, "gone.h5 is missing; name a weights file of mobilenet"),
        ({"classes": Path("gone.json")}, "gone.json: cannot be read: No such file or directory"),
    ],
)
def test_mistakes(files: dict[str, Path], changes: dict[str, Any], message: str) -> None:
    """Refused before an image is read."""
    with pytest.raises(InputError) as caught:
        run(files, "photo", **changes)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("content", ["{}", "[]", "not json", '{"0": 1}'])
def test_no_class_index(tmp_path: Path, content: str) -> None:
    """A file that holds no thousand names is refused with what it should look like."""
    path = tmp_path / "index.json"
    path.write_text(content)
    with pytest.raises(InputError, match="is no class index of 1000 classes"):
        backbones.class_names(path)


def test_foreign_weights(files: dict[str, Path]) -> None:
    """A file that fits another network is refused, not loaded in part."""
    with pytest.raises(
        InputError, match=r"does not hold weights of mobilenetv2 with its classification layers"
    ):
        run(files, "photo", backbone="mobilenetv2")
