"""What `init` will make, before it makes anything: recipe, links, and the lines about them."""

from pathlib import Path

import pytest

from frostline import config
from frostline.commands import init_plan
from frostline.errors import InputError
from frostline.template import project
from helpers.images import classes, folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of photos."""
    return folder(tmp_path / "my photos", classes({"rose": 9, "tulip": 7}))


def test_without_photos_the_sample(tmp_path: Path) -> None:
    """Its recipe as it is, nothing linked and no fact known."""
    assert init_plan.make(tmp_path / "it", None, None, None, cnn=False, shards=False) == init_plan.InitPlan(
        project.recipe("sample"), {}
    )


def test_a_recipe_that_fits_the_photos(photos: Path, tmp_path: Path) -> None:
    """The dataset is called as the project, lies in its data folder, and has what was counted; it says so."""
    plan = init_plan.make(tmp_path / "flowers", photos, None, "none", cnn=False, shards=False)
    settings = config.parse(config.plain(plan.params))
    assert plan.links == {Path("data/flowers"): photos}
    assert settings.datasets["flowers"].path == "data/flowers"
    assert plan.photos is not None
    assert plan.photos.classes == {"rose": 9, "tulip": 7}
    lines = init_plan.findings(plan, asked="none")
    assert lines[0].startswith("16 photos in 2 classes (rose 9, tulip 7); ")
    assert [f"classifier {name}: a plain CNN from scratch" for name in settings.classifiers] == [
        line for line in lines if line.startswith("classifier ")
    ]
    assert "as asked" in lines[-1]


def test_a_recipe_for_other_classes(photos: Path, tmp_path: Path) -> None:
    """Both lists of classes are named."""
    text = project.recipe("sample").replace("classes: null", "classes: [crow, owl]")
    assert "crow" in text
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InputError, match=r"crow, owl; these photos have rose, tulip"):
        init_plan.make(
            tmp_path / "flowers", photos, str(tmp_path / "mine.yaml"), None, cnn=False, shards=False
        )


def test_a_recipe_of_ones_own_takes_the_photos_place(photos: Path, tmp_path: Path) -> None:
    """Its text stays, but for the ending of the path."""
    (tmp_path / "mine.yaml").write_text(project.recipe("sample"))
    plan = init_plan.make(
        tmp_path / "flowers", photos, str(tmp_path / "mine.yaml"), None, cnn=False, shards=False
    )
    ((place, source),) = plan.links.items()
    [dataset] = config.parse(config.plain(plan.params)).datasets.values()
    assert (str(place), source) == (dataset.path, photos)
