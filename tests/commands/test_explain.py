"""net explain: the nearest training images of a really trained classifier, by name."""

import os
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from frostline import tracking
from frostline.commands import explain
from frostline.errors import InputError
from frostline.stages import export, preprocess, train, weights
from helpers.images import archive, classes
from helpers.networks import KERAS_COPIES
from helpers.onnx_networks import written
from helpers.params import LENIENT, PRETRAINED, WHOLE, changed

pytestmark = KERAS_COPIES

NET = {
    "backbone": "onnx",
    "source": "net.onnx",
    "input": {"channels": "RGB", "scale": 1.0, "mean": [127.0] * 3, "std": [128.0] * 3},
    "taps": {"vector": {"pooling": "none", "prefix_tokens": 0}},
}
LINEAR = changed(
    PRETRAINED,
    {
        "weights": "net",
        "image.resize": "squash",
        "network.end_at": None,
        "network.head": {"pooling": "flatten", "standardize": True, "dense": {}, "dropout": 0.0},
        "phases": {"head": {"freeze": "all", "solver": "logistic", "C": [0.01]}},
    },
)
SETTINGS = changed(
    WHOLE, {"weights.net": NET, "classifiers": {"linear": LINEAR}, "datasets.shapes.audit": LENIENT}
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one classifier on the network of an ONNX file, exported."""
    root = tmp_path_factory.mktemp("explained")
    archive(root / "data/shapes.zip", classes({"circle": 15, "square": 14, "star": 13}))
    written(root / "pretrained/net.onnx", size=None)
    (root / "dvc.yaml").write_text("stages: {}\n")
    (root / "broken.png").write_bytes(b"<html>")
    with (root / "params.yaml").open("w") as file:
        YAML(typ="safe").dump(SETTINGS, file)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("MLFLOW_", "DVC_", "FROSTLINE_"))]:
            patch.delenv(name)
        patch.chdir(root)
        weights.run("net")
        preprocess.run("shapes")
        train.run("linear", live=tracking.live)
        export.run("linear")
    return root


@pytest.fixture(autouse=True)
def _inside(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)


def test_a_training_image_is_nearest_to_itself(trained: Path) -> None:
    """By its name in the dataset, with its class; a few dozen images also tell how unlike they are."""
    from frostline.datasets import manifest

    rows = manifest.read(trained / "artifacts/datasets/shapes/manifest.parquet").split("train")
    [text] = explain.run("linear", [Path("data/shapes.zip") / rows.paths[0]], count=2)
    first, head, nearest, *others = text.splitlines()
    assert all(name in first for name in ("circle", "square", "star"))
    assert "images like them" in first
    assert head
    assert nearest.split()[0] == "1.000"
    assert nearest.endswith(rows.paths[0])
    assert len(others) == 1


def test_what_cannot_be_read_is_named() -> None:
    """One line, whether it is no image or is not there."""
    for name in ("broken.png", "gone.png"):
        with pytest.raises(InputError, match=name):
            explain.run("linear", [Path(name)])
