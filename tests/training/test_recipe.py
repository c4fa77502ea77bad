"""A recipe: everything that one classifier names, gathered from params.yaml and the stages before it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from frostline import files, paths
from frostline.datasets import manifest
from frostline.datasets.layout import LabelledImage
from frostline.errors import FrostlineError, InputError
from frostline.features import cut_model
from frostline.features.extraction import View
from frostline.models import backbones
from frostline.models.keras_backend import keras
from frostline.training import recipe
from helpers.images import encoded, folder
from helpers.networks import HEIGHT, KERAS_COPIES, WIDTH
from helpers.networks import augmentation as settings
from helpers.params import PRETRAINED, WHOLE, changed

CONTENTS = {
    f"{name}/{number}.png": encoded(10 * number, height=30 + number) for number, name in enumerate("abcabc")
}
SPLITS = ["train", "train", "validation", "test", "train", "validation"]
PARAMS = changed(WHOLE, {"classifiers.net": PRETRAINED})


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project after its preprocess and weights stages, with the plain network's weights entry."""
    (tmp_path / "dvc.yaml").touch()
    with (tmp_path / "params.yaml").open("w") as file:
        YAML().dump(PARAMS, file)
    monkeypatch.chdir(folder(tmp_path / "data/shapes", CONTENTS).parents[1])
    labelled = [LabelledImage(name, name[0], "") for name in sorted(CONTENTS)]
    contents = [CONTENTS[image.name] for image in labelled]
    columns = {
        "sha256": [files.sha256(content) for content in contents],
        "bytes": [len(content) for content in contents],
        "height": [30] * 6, "width": [53] * 6, "split": SPLITS, "flags": [""] * 6,
    }  # fmt: skip
    made = manifest.build("data/shapes", labelled, classes=("a", "b", "c"), reasons=[""] * 6, columns=columns)
    manifest.write(made, paths.dataset("shapes") / "manifest.parquet")
    said("scratch", None, None)
    return tmp_path


def said(name: str, backbone: str | None, sha256: str | None) -> None:
    """What the weights stage says of an entry."""
    source = {
        "name": name,
        "backbone": backbone,
        "source": "random" if backbone else "scratch",
        "sha256": sha256,
    }
    files.write_json(paths.weights(name) / "source.json", source)


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"sha256": null}'])
def test_a_damaged_weights_note(content: str) -> None:
    """Whatever is left of source.json, the answer is one line that names its stage."""
    path = paths.weights("scratch") / "source.json"
    path.write_text(content)
    with pytest.raises(
        FrostlineError, match=r"source\.json is damaged; run `dvc repro weights@scratch` again"
    ):
        recipe.read("cnn")


@pytest.mark.usefixtures("root")
def test_gathered() -> None:
    """Entry, seed, manifest and weights; the recipe as plain values names every key that trains."""
    found = recipe.read("cnn")
    assert (found.name, found.seed, found.weights_file) == ("cnn", 11, None)
    assert found.manifest.classes == ("a", "b", "c")
    assert found.weights["source"] == "scratch"
    entry = PARAMS["classifiers"]["cnn"]
    assert found.plain == {"seed": 11, **{key: entry[key] for key in entry if key != "variants"}}
    built = found.network()
    assert built.head.output.shape == (None, 3)
    assert built.body.inputs[0].shape == (None, HEIGHT, WIDTH, 3)


@pytest.mark.usefixtures("root")
def test_images_of_a_split() -> None:
    """A split's images in manifest order, with their contents' ids and the entry's rule."""
    found = recipe.read("cnn").images("train")
    names = [name for name, split in zip(sorted(CONTENTS), SPLITS, strict=True) if split == "train"]
    assert list(found.paths) == names
    assert list(found.ids) == [files.sha256(CONTENTS[name]) for name in names]
    assert found.shape == (HEIGHT, WIDTH, 3)


@pytest.mark.usefixtures("root")
def test_networks_are_drawn_from_the_seed() -> None:
    """The same recipe gives the same initial weights, whatever was drawn before."""
    first = [np.asarray(weight) for weight in recipe.read("cnn").network().body.weights]
    keras(seed=99)
    again = [np.asarray(weight) for weight in recipe.read("cnn").network().body.weights]
    for one, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, same)


@KERAS_COPIES
@pytest.mark.usefixtures("root")
def test_pretrained_weights_are_in_place() -> None:
    """The network of a pretrained classifier holds the weights stage's numbers."""
    keras(seed=123)
    source = backbones.build("mobilenet")
    place = paths.weights("mobilenet-random") / paths.BACKBONE
    with files.writing(place) as temporary:
        source.save_weights(temporary)
    said("mobilenet-random", "mobilenet", files.sha256_file(place))
    built = recipe.read("net").network()
    name = "conv_pw_1"
    np.testing.assert_array_equal(
        np.asarray(built.body.get_layer(name).kernel), np.asarray(source.get_layer(name).kernel)
    )


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("freeze", ["none", "second_conv1"])
def test_rows_are_what_the_upper_part_takes(freeze: str) -> None:
    """Pixels where nothing is frozen, else the trunk's features; a view changes them, the order stays."""
    found = recipe.read("cnn")
    network = found.network()
    parts = cut_model.cut(network, freeze)
    rows = found.rows(parts, "train")
    assert len(rows) == 3
    assert rows[:].dtype == (np.uint8 if freeze == "none" else np.float32)
    assert parts.upper(rows[:], training=False).shape == (3, 3)
    viewed = found.rows(parts, "train", view=View(settings(rotation=90), 0))
    assert viewed[:].shape == rows[:].shape
    assert not np.array_equal(viewed[:], rows[:])


def removed(*parts: str) -> Any:
    """A change that takes one file away."""
    return lambda root: root.joinpath(*parts).unlink()


@pytest.mark.parametrize(
    ("name", "change", "error", "message"),
    [
        ("cn", None, InputError, "no classifier named 'cn' in params.yaml; did you mean 'cnn'?"),
        ("cnn", removed("params.yaml"), InputError,
         "params.yaml is missing; run this in a project, or begin one: frostline init"),
        ("net", None, FrostlineError,
         "artifacts/weights/mobilenet-random/source.json is missing; run `dvc repro weights@mobilenet-random`"),
        ("cnn", removed("artifacts/datasets/shapes/manifest.parquet"), FrostlineError,
         "artifacts/datasets/shapes/manifest.parquet is missing; run `dvc repro preprocess@shapes`"),
    ],
)  # fmt: skip
def test_what_is_missing(root: Path, name: str, change: Any, error: type[Exception], message: str) -> None:
    """Each missing input is one line with the command that makes it."""
    if change:
        change(root)
    with pytest.raises(error) as caught:
        recipe.read(name)
    assert str(caught.value) == message
