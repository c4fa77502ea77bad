"""maps: pictures of a really trained classifier, for any image file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from frostline import tracking
from frostline.commands import maps
from frostline.errors import FrostlineError, InputError
from frostline.stages import preprocess, train, weights
from helpers.images import archive, classes, encoded, folder
from helpers.networks import KERAS_COPIES
from helpers.params import WHOLE

pytestmark = KERAS_COPIES


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one plain network, trained for two epochs, and two files to look at."""
    root = tmp_path_factory.mktemp("maps")
    archive(root / "data/shapes.zip", classes({"circle": 8, "square": 8, "étoile": 8}))
    folder(root, {"new.jpg": encoded(5, kind="jpeg"), "broken.png": b"<html>", "dvc.yaml": b"stages: {}"})
    with (root / "params.yaml").open("w") as file:
        YAML(typ="safe").dump(WHOLE, file)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        weights.run("scratch")
        preprocess.run("shapes")
        train.run("cnn", live=tracking.live)
    return root


@pytest.fixture(autouse=True)
def _inside(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)


def test_pictures(tmp_path: Path) -> None:
    """Both pictures, the classes by probability, the layers chosen; the same picture when asked again."""
    for out in ("a", "b"):
        said = maps.run("cnn", Path("new.jpg"), out=tmp_path / out)
    assert said[-2].startswith("new.jpg: ")
    assert all(name in said[-2] for name in ("circle", "square", "étoile"))
    assert said[-1].endswith(
        "gradcam.png (at second_pool) and maps.png (first_conv1, first_pool, second_conv1, second_pool)"
    )
    for name in ("gradcam.png", "maps.png"):
        one, two = (np.asarray(Image.open(tmp_path / out / name)) for out in ("a", "b"))
        # A network's last bit may differ from call to call, and with it the colour of a pixel.
        assert (one != two).mean() < 1e-4


def test_chosen_layers(tmp_path: Path) -> None:
    """Those named, in their order; the last explains."""
    said = maps.run("cnn", Path("new.jpg"), layers=("second_conv1", "first_pool"), out=tmp_path)
    assert said[-1].endswith("gradcam.png (at first_pool) and maps.png (second_conv1, first_pool)")


@pytest.mark.parametrize(
    ("image", "layers", "message"),
    [
        ("gone.png", (), "gone.png: cannot be read: No such file or directory; name an image file"),
        ("broken.png", (), "broken.png: not an image: starts with '<html>'; name another image"),
        ("new.jpg", ("pool",), "layer 'pool' has no map: its output is a vector; choose a layer before it"),
    ],
)
def test_mistakes(image: str, layers: tuple[str, ...], message: str, tmp_path: Path) -> None:
    """One line, and no picture."""
    with pytest.raises(InputError) as caught:
        maps.run("cnn", Path(image), layers=layers, out=tmp_path)
    assert str(caught.value) == message
    assert list(tmp_path.iterdir()) == []


def test_not_trained_yet(trained: Path, tmp_path: Path) -> None:
    """The stage to run is named."""
    kept = trained / "artifacts/classifiers/cnn/trained.weights.h5"
    kept.rename(tmp_path / "away")
    try:
        with pytest.raises(
            FrostlineError, match=r"trained\.weights\.h5 is missing; run `dvc repro train@cnn`"
        ):
            maps.run("cnn", Path("new.jpg"), layers=(), out=tmp_path)
    finally:
        (tmp_path / "away").rename(kept)
