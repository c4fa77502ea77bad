"""A look at a network: heat where it has maps, views where it was shown some."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from frostline import images
from frostline.datasets.source import open_source
from frostline.models import augmentation
from frostline.stages import preprocess, weights
from frostline.training import illustrations, recipe
from frostline.training.recipe import Recipe
from helpers.images import archive, classes
from helpers.networks import KERAS_COPIES
from helpers.params import CNN, LENIENT, WHOLE, changed

pytestmark = KERAS_COPIES

VIEWS = {
    "rotation": 20.0, "width_shift": 0.1, "height_shift": 0.1, "shear": 5.0, "zoom": 0.1,
    "horizontal_flip": True, "views": 3,
}  # fmt: skip
ENTRIES: dict[str, Any] = {
    "plain": CNN,
    "viewed": changed(CNN, {"augmentation": VIEWS}),
    "live": changed(CNN, {"augmentation": {**VIEWS, "views": "live"}, "phases.all.epochs": 9}),
    "brief": changed(CNN, {"augmentation": {**VIEWS, "views": "live"}, "phases.all.epochs": 2}),
}


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Photos, checked; it is the current folder."""
    root = tmp_path_factory.mktemp("project")
    archive(root / "data/shapes.zip", classes({"circle": 15, "square": 14, "étoile": 13}))
    (root / "dvc.yaml").write_text("stages: {}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        with Path("params.yaml").open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(
                changed(WHOLE, {"classifiers": ENTRIES, "datasets.shapes.audit": LENIENT}), file
            )
        weights.run("scratch")
        preprocess.run("shapes")
        yield root


def heat(inputs: Recipe, count: int, *, shift: int = 0) -> tuple[str, np.ndarray]:
    """Heat of the first test images, each for its class moved on by `shift`."""
    test = inputs.manifest.split("test")
    classes = (test.labels[:count] + shift) % len(inputs.manifest.classes)
    return illustrations.heat(
        inputs,
        inputs.network(),
        paths=tuple(test.paths[:count]),
        ids=tuple(test.ids[:count]),
        classes=classes,
    )


def test_heat_of_each_image() -> None:
    """One map per image, at a layer of the network; another class is found elsewhere."""
    inputs = recipe.read("plain")
    layer, found = heat(inputs, 5)
    assert layer in {each.name for each in inputs.network().body.layers}
    assert found.dtype == np.uint8
    assert found.shape[0] == 5
    assert found.max() == 255
    assert (heat(inputs, 5, shift=1)[1] != found).any()


def test_an_image_is_as_hot_alone_as_in_company() -> None:
    """Batches change nothing but rounding."""
    inputs = recipe.read("plain")
    count = len(inputs.manifest.split("test").ids)
    _, together = heat(inputs, count)
    _, alone = heat(inputs, 1)
    np.testing.assert_allclose(alone[0].astype(int), together[0].astype(int), atol=1)


def test_nothing_to_look_at() -> None:
    """No images: no layer, no heat."""
    layer, found = heat(recipe.read("plain"), 0)
    assert (layer, found.shape) == ("", (0, 1, 1))


@pytest.mark.parametrize(("name", "count"), [("viewed", 3), ("live", illustrations.VIEWS), ("brief", 2)])
def test_views_are_what_epochs_show(name: str, count: int) -> None:
    """View n of the picture is what epoch n trains on, the first of them the image as it is."""
    inputs = recipe.read(name)
    found = illustrations.views(inputs)
    split, rule = inputs.manifest.split("train"), inputs.entry.image
    assert len(found) == count
    with open_source(Path(inputs.manifest.root)) as source:
        content = source.read(split.paths[0])
    plain = images.decode(content, height=rule.size.height, width=rule.size.width, resize=rule.resize)
    np.testing.assert_array_equal(found[0], plain)
    for number, view in enumerate(found[1:], start=1):
        expected = augmentation.render(plain, inputs.entry.augmentation, content=split.ids[0], view=number)
        np.testing.assert_array_equal(view, expected)


def test_no_augmentation_no_views() -> None:
    """Nothing is shown where every epoch shows the image as it is."""
    assert len(illustrations.views(recipe.read("plain"))) == 0
