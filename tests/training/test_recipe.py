"""A recipe: everything that one classifier names, gathered from params.yaml and the stages before it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from frostline import files, paths
from frostline.datasets import calibration_photos, manifest
from frostline.datasets.layout import LabelledImage, LabelledImages
from frostline.errors import FrostlineError, InputError
from frostline.features import cut_model
from frostline.features.extraction import View
from frostline.features.local_stream import stream
from frostline.models import backbones
from frostline.models.keras_backend import keras
from frostline.runtime import openvino
from frostline.stages import weights
from frostline.training import assemble, recipe
from helpers.images import encoded, folder
from helpers.networks import HEIGHT, KERAS_COPIES, WIDTH
from helpers.networks import augmentation as settings
from helpers.onnx_networks import written
from helpers.params import PRETRAINED, WHOLE, changed

CONTENTS = {
    f"{name}/{number}.png": encoded(10 * number, height=30 + number) for number, name in enumerate("abcabc")
}
SPLITS = ["train", "train", "validation", "test", "train", "validation"]
PARAMS = changed(WHOLE, {"classifiers.net": PRETRAINED})
ONNX_NET = {
    "backbone": "onnx",
    "source": "net.onnx",
    "input": {"channels": "RGB", "scale": 1.0, "mean": [100.0] * 3, "std": [50.0] * 3},
    "taps": {"flat": {"pooling": "none", "prefix_tokens": 0}},
}
SMALL = changed(
    PRETRAINED,
    {
        "weights": "net",
        "precision": "int8",
        "network.end_at": None,
        "network.head": {"pooling": "flatten", "standardize": True, "dense": {}, "dropout": 0.0},
        "phases": {"head": {"freeze": "all", "solver": "logistic", "C": [0.1]}},
    },
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project after its preprocess and weights stages, with the plain network's weights entry."""
    (tmp_path / "dvc.yaml").touch()
    with (tmp_path / "params.yaml").open("w") as file:
        YAML().dump(PARAMS, file)
    monkeypatch.chdir(folder(tmp_path / "data/shapes", CONTENTS).parents[1])
    labelled = LabelledImages.of(LabelledImage(name, name[0], "") for name in sorted(CONTENTS))
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


TAPS = {name: {"pooling": "none", "prefix_tokens": 0} for name in ("flat", "vector")}


@pytest.mark.parametrize(
    "change",
    [
        {"weights.net.taps": {"vector": TAPS["vector"]}},
        {"weights.net.input.std": [51.0, 50.0, 50.0]},
        {"weights.net": {"backbone": "mobilenet", "source": "random"}},
    ],
)
def test_weights_that_were_changed_since_their_stage_ran(root: Path, change: dict[str, Any]) -> None:
    """Features of another tap or input are never trained on in silence; of an order, DVC would not see the change."""

    def written_down(values: dict[str, Any]) -> None:
        with (root / "params.yaml").open("w") as file:
            YAML().dump(values, file)

    values = changed(WHOLE, {"weights.net": {**ONNX_NET, "taps": TAPS}, "classifiers.small": SMALL})
    values = changed(values, {"classifiers.small.precision": "float32"})
    written(root / "pretrained/net.onnx", size=(HEIGHT, WIDTH))
    written_down(values)
    weights.run("net")
    written_down(changed(values, {"weights.net.taps": dict(reversed(TAPS.items()))}))
    assert sorted(recipe.read("small").weights) == ["backbone", "name", "sha256", "source"]
    written_down(changed(values, change))
    with pytest.raises(
        FrostlineError, match=r"weights\.net is not what its stage ran with; run `dvc repro weights@net`"
    ):
        recipe.read("small")


def test_a_size_that_an_onnx_network_does_not_take(root: Path) -> None:
    """The classifier's key is named: several may have the network."""
    size = {"height": HEIGHT + 8, "width": WIDTH}
    values = changed(WHOLE, {"weights.net": ONNX_NET, "classifiers.small": SMALL})
    with (root / "params.yaml").open("w") as file:
        YAML().dump(changed(values, {"classifiers.small.image.size": size}), file)
    written(root / "pretrained/net.onnx", size=(HEIGHT, WIDTH))
    weights.run("net")
    with pytest.raises(
        InputError, match=r"^params\.yaml: classifiers\.small\.image\.size: .*takes images of"
    ):
        recipe.read("small").network()


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


@pytest.mark.skipif(bool(openvino.missing()), reason="the extra cpu is not installed")
def test_int8_features_of_what_is_there_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One photo more, of the lowest hash of all: it alone passes the network, if the choice is written down."""
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").touch()
    written(tmp_path / "pretrained/net.onnx", size=None)
    with Path("params.yaml").open("w") as file:
        YAML().dump(changed(WHOLE, {"weights.net": ONNX_NET, "classifiers.small": SMALL}), file)
    weights.run("net")
    made = sorted((encoded(number, height=20) for number in range(102)), key=files.sha256)
    contents = {f"a/{number}.png": content for number, content in enumerate(made)}
    folder(tmp_path / "data/shapes", contents)
    newcomer, *others = contents
    passed = []

    def counting(items: Any, **given: Any) -> Any:
        passed.append(len(items))
        return stream(items, **given)

    def rows(names: list[str]) -> tuple[list[int], np.ndarray]:
        passed.clear()
        labelled = LabelledImages.of(LabelledImage(name, "a", "") for name in names)
        count = len(names)
        columns = {
            "sha256": [files.sha256(contents[name]) for name in names],
            "bytes": [9] * count, "height": [20] * count, "width": [53] * count,
            "split": ["train"] * count, "flags": [""] * count,
        }  # fmt: skip
        built = manifest.build(
            "data/shapes", labelled, classes=("a", "b"), reasons=[""] * count, columns=columns
        )
        manifest.write(built, paths.dataset("shapes") / "manifest.parquet")
        inputs = replace(recipe.read("small"), executor=counting)
        parts = assemble.cut_phases(inputs.network(), inputs.entry)["head"]
        return passed, np.asarray(inputs.rows(parts, "train")[:])

    listed = {files.sha256(contents[name]): name for name in others[: calibration_photos.COUNT]}
    paths.CALIBRATION.write_text(calibration_photos.text({"shapes": listed}))
    before = rows(others)[1]
    alone, after = rows(list(contents))
    assert alone == [1]
    assert np.array_equal(after[1:], before)
    paths.CALIBRATION.unlink()
    assert rows(list(contents))[0] == [102]
    assert newcomer not in listed.values()
