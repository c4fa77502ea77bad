"""Thumbnails: proportions, brightness and sizes of a dataset's images, and what happens when they changed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from frostline.datasets import thumbnails
from frostline.datasets.known_images import KnownImages
from frostline.errors import FrostlineError
from helpers.results import dataset

SOURCE = KnownImages(Path("data/pets"))
FIRST, SECOND = "cat/train-0.png", "dog/train-1.png"


@pytest.fixture
def manifest(tmp_path, monkeypatch):
    """A dataset of 19 images, (20 + 3n) x (35 + n) pixels."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    return dataset("pets")


def test_small_images_stay_as_they_are(manifest) -> None:
    """Pixel by pixel, in the order asked for."""
    found = thumbnails.thumbnails(SOURCE, manifest, [SECOND, FIRST])
    for pixels, path in zip(found, (SECOND, FIRST), strict=True):
        with Image.open(Path("data/pets") / path) as image:
            np.testing.assert_array_equal(pixels, np.asarray(image))


def test_large_images_keep_their_proportions(manifest, monkeypatch) -> None:
    """The longer side shrinks to the limit, the shorter with it."""
    monkeypatch.setattr(thumbnails, "LONGEST", 18)
    assert thumbnails.thumbnails(SOURCE, manifest, [SECOND])[0].shape == (12, 18, 3)  # of 23 x 36


def test_sizes(manifest) -> None:
    """Pixels as the manifest has them, in the order asked for."""
    assert thumbnails.areas(manifest, [SECOND, FIRST]).tolist() == [23 * 36, 20 * 35]


def test_brightness(manifest) -> None:
    """The mean luma of the whole image, near what its own pixels say."""
    with Image.open(Path("data/pets") / FIRST) as image:
        own = np.asarray(image.convert("L")).mean()
    assert thumbnails.brightness(SOURCE, manifest, [FIRST]) == pytest.approx([own], abs=1.5)


def test_brightness_is_kept(manifest, monkeypatch) -> None:
    """An image is decoded for it once, wherever it lies in a list; nothing where nothing is wanted."""
    first = thumbnails.brightness(SOURCE, manifest, [FIRST])
    both = thumbnails.brightness(SOURCE, manifest, [SECOND, FIRST, SECOND])
    monkeypatch.setattr(thumbnails, "_read", lambda *_: pytest.fail("read again"))
    again = thumbnails.brightness(SOURCE, manifest, [FIRST, SECOND])
    assert again.tolist() == [first[0], both[0]]
    assert both.tolist() == [again[1], again[0], again[1]]
    assert thumbnails.brightness(SOURCE, manifest, []).tolist() == []


def test_nothing_wanted_opens_nothing(manifest) -> None:
    """The photos may be gone where none is shown."""
    for path in Path("data/pets").rglob("*.png"):
        path.unlink()
    assert thumbnails.thumbnails(SOURCE, manifest, []) == []


def test_changed_since(manifest) -> None:
    """Other bytes than preprocess saw are refused by name."""
    (Path("data/pets") / FIRST).write_bytes((Path("data/pets") / SECOND).read_bytes())
    with pytest.raises(
        FrostlineError, match=r"cat/train-0\.png: changed since it was read first; run `dvc repro`"
    ):
        thumbnails.brightness(SOURCE, manifest, [SECOND, FIRST])
