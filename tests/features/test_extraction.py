"""Features: each image goes through the trunk once, ever; what comes back is right whatever the way."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frostline import files, images
from frostline.config import Image
from frostline.datasets import source
from frostline.errors import FrostlineError, InputError
from frostline.features import backends, cut_model
from frostline.features import extraction as room
from frostline.features.extraction import Images, View, features, pixels
from frostline.models import augmentation
from helpers.images import archive, encoded, folder
from helpers.networks import HEIGHT, WIDTH, residual
from helpers.networks import augmentation as settings
from helpers.remarks import flip, remarks

RULE = Image.model_validate(
    {"size": {"height": HEIGHT, "width": WIDTH}, "resize": "squash", "transform": "rescale"}
)
KEY = {"backbone": "small", "weights": "0" * 64}
CONTENTS = {f"{number:02}.png": encoded(number, height=20 + number, width=33) for number in range(40)}
TURNED = settings(rotation=30, horizontal_flip=True)


class Counting:
    """A trunk that counts the images it is given (padding is black, no picture here is)."""

    def __init__(self, model: Any, *, limit: int | None = None) -> None:
        self.model, self.output, self.limit, self.seen = model, model.output, limit, 0

    def predict_on_batch(self, batch: np.ndarray) -> np.ndarray:
        """The model's rows; KeyboardInterrupt once more than `limit` images came."""
        self.seen += int(batch.any(axis=(1, 2, 3)).sum())
        if self.limit is not None and self.seen > self.limit:
            raise KeyboardInterrupt
        return self.model.predict_on_batch(batch)


@pytest.fixture(scope="module")
def model() -> Any:
    """A small trunk with a residual block."""
    return cut_model.cut(residual(), "pool").trunk


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache for each test."""
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with all the images."""
    return folder(tmp_path / "photos", CONTENTS)


def of(root: Path, names: list[str] | None = None) -> Images:
    """Images of a folder by name, with the ids of what is there now."""
    with source.open_source(root) as opened:
        chosen = list(opened.names()) if names is None else names
        return Images(
            root=root, paths=chosen, ids=[files.sha256(opened.read(name)) for name in chosen], rule=RULE
        )


def decoded(content: bytes) -> np.ndarray:
    """The pixels of one file."""
    return images.decode(content, height=HEIGHT, width=WIDTH, resize="squash")


def forwarded(model: Any, these: Images, **options: Any) -> int:
    """How many images go through the trunk."""
    counting = Counting(model)
    features(these, trunk=counting, key=KEY, **options)
    return counting.seen


def test_rows_are_the_trunks(model: Any, root: Path) -> None:
    """One row for each image in the order asked: what the trunk makes of its pixels."""
    these = of(root)
    rows = features(these, trunk=model, key=KEY)
    assert len(rows) == 40
    expected = model.predict_on_batch(np.stack([decoded(CONTENTS[name]) for name in these.paths]))
    np.testing.assert_allclose(rows[:], expected, rtol=1e-5, atol=1e-6)
    assert rows[:].dtype == np.float32


def test_the_second_time_costs_nothing(model: Any, root: Path) -> None:
    """A warm cache opens no file and calls no network."""
    these = of(root)
    first = features(these, trunk=model, key=KEY)[:]
    shutil.rmtree(root)
    again = features(these, trunk=Counting(model, limit=-1), key=KEY)
    np.testing.assert_array_equal(again[:], first)


@pytest.mark.parametrize("place", [0.001, 0.2, 0.5, 0.9, 0.999])
def test_a_flipped_bit_is_computed_anew(model: Any, root: Path, tmp_path: Path, place: float) -> None:
    """Features and pixels of a damaged file never reach anybody: the images go through again, and that is said."""
    these = of(root)
    rows, decoded_rows = features(these, trunk=model, key=KEY)[:], pixels(these)[:]
    for kind in ("features", "pixels"):
        (file,) = (tmp_path / "cache" / kind).rglob("*.arrow")
        flip(file, int(place * file.stat().st_size), bit=6)
    with remarks() as lines:
        counting = Counting(model)
        np.testing.assert_allclose(features(these, trunk=counting, key=KEY)[:], rows, rtol=1e-6)
        np.testing.assert_array_equal(pixels(these)[:], decoded_rows)
    assert counting.seen == 40
    said = [line for line in lines if "damaged in the cache: " in line]
    assert ["features/" in said[0], "pixels/" in said[1]] == [True, True]
    assert (forwarded(model, these), len(said)) == (0, 2)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda root: (root / "07.png").rename(root / "zz.png"), 0),
        (lambda root: folder(root, {f"deep/{name}": content for name, content in CONTENTS.items()}), 0),
        (lambda root: (root / "07.png").write_bytes(encoded(777)), 1),
        (lambda root: folder(root, {"new1.png": encoded(901), "new2.png": encoded(902)}), 2),
        (lambda root: (root / "07.png").unlink(), 0),
        (lambda root: (root / "07.png").write_bytes(CONTENTS["08.png"]), 0),
    ],
    ids=["renamed", "copied", "edited", "added", "removed", "replaced by a copy"],
)
def test_only_what_is_new_is_computed(
    model: Any, root: Path, change: Callable[[Path], object], expected: int
) -> None:
    """Content decides: neither names nor places nor company do."""
    assert forwarded(model, of(root)) == 40
    change(root)
    assert forwarded(model, of(root)) == expected


def test_an_archive_of_the_same_images(model: Any, root: Path, tmp_path: Path) -> None:
    """Whether a folder or an archive holds them makes no difference."""
    assert forwarded(model, of(root)) == 40
    assert forwarded(model, of(archive(tmp_path / "photos.zip", CONTENTS))) == 0


def test_a_copy_is_computed_once(model: Any, root: Path) -> None:
    """The same content under three names, asked for twice each, is one forward pass."""
    these = of(folder(root.parent / "copies", {f"{name}.png": CONTENTS["03.png"] for name in "abc"}))
    twice = Images(root=these.root, paths=these.paths * 2, ids=these.ids * 2, rule=RULE)
    assert forwarded(model, twice) == 1
    rows = features(twice, trunk=model, key=KEY)[:]
    assert rows.shape == (6, 6)
    assert (rows == rows[0]).all()


def test_order_and_company_change_no_bit(
    model: Any, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone, in reverse, or among the others: the same image has the same row, bit for bit."""
    names = sorted(CONTENTS)
    orders = [names, names[::-1], names[5:9], names[33:34], [*names[20:], *names[:3]]]
    expected: dict[str, bytes] = {}
    for number, order in enumerate(orders):
        monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / f"cache{number}"))
        rows = features(of(root, order), trunk=model, key=KEY)[:]
        for name, row in zip(order, rows, strict=True):
            assert expected.setdefault(name, row.tobytes()) == row.tobytes()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, 0),
        ({"weights": "1" * 64}, 40),
        ({"cut": "stem"}, 40),
        ({"size": {"height": HEIGHT, "width": WIDTH}}, 0),
        ({"resize": "pad"}, 40),
        ({"transform": "backbone"}, 0),
    ],
)
def test_what_decides_a_row(model: Any, root: Path, change: dict[str, Any], expected: int) -> None:
    """Another trunk or another way to decode is another row; the transform is part of the trunk's own key."""
    these = of(root)
    assert forwarded(model, these) == 40
    rule = {name: value for name, value in change.items() if name in Image.model_fields}
    key = {name: value for name, value in change.items() if name not in rule}
    changed = Images(
        root=root, paths=these.paths, ids=these.ids, rule=Image.model_validate({**RULE.model_dump(), **rule})
    )
    counting = Counting(model)
    features(changed, trunk=counting, key={**KEY, **key})
    assert counting.seen == expected


@pytest.mark.parametrize("name", ["framework", "DECODE_VERSION"])
def test_other_software_is_another_row(
    model: Any, root: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Another framework or another decoder makes new rows, never mixes with old ones."""
    assert forwarded(model, of(root)) == 40
    if name == "framework":
        monkeypatch.setattr(backends, "framework", lambda: "keras 9 on tensorflow 9")
    else:
        monkeypatch.setattr(images, "DECODE_VERSION", "frostline-9/pillow-99")
    assert forwarded(model, of(root)) == 40


def test_the_cache_says_what_it_holds(model: Any, root: Path, tmp_path: Path) -> None:
    """Beside the rows stands the key that they belong to."""
    features(of(root), trunk=model, key=KEY)
    (path,) = (tmp_path / "cache/features").glob("*/key.json")
    key = files.read_json(path, made_by="x")
    assert key["backbone"] == "small"
    assert key["shape"] == [HEIGHT, WIDTH, 3]
    assert key["resize"] == "squash"
    assert key["framework"].startswith("keras ")
    assert files.digest(key)[:32] == path.parent.name


def test_views(model: Any, root: Path) -> None:
    """A view's rows are the trunk's rows of that rendering of each image; each view is computed once."""
    these = of(root)
    found = [features(these, trunk=model, key=KEY, view=View(TURNED, number))[:] for number in range(2)]
    plain = features(these, trunk=model, key=KEY)[:]
    for number, rows in enumerate(found):
        rendered = [
            augmentation.render(
                decoded(CONTENTS[name]), TURNED, content=files.sha256(CONTENTS[name]), view=number
            )
            for name in these.paths
        ]
        np.testing.assert_allclose(rows, model.predict_on_batch(np.stack(rendered)), rtol=1e-4, atol=1e-5)
    assert not np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], plain)
    more = TURNED.model_copy(update={"views": 9})
    assert [forwarded(model, these, view=View(more, number)) for number in range(3)] == [0, 0, 40]
    other = TURNED.model_copy(update={"rotation": 31})
    assert forwarded(model, these, view=View(other, 0)) == 40
    (root / "07.png").write_bytes(encoded(777))
    assert [forwarded(model, of(root), view=View(more, number)) for number in range(3)] == [1, 1, 1]


def test_pixels(root: Path) -> None:
    """Decoded images as rows: uint8, in order, from the cache the second time; views as well."""
    these = of(root)
    expected = np.stack([decoded(CONTENTS[name]) for name in these.paths])
    np.testing.assert_array_equal(pixels(these)[:], expected)
    assert pixels(these)[:].dtype == np.uint8
    view = pixels(these, view=View(TURNED, 1))[:]
    shutil.rmtree(root)
    np.testing.assert_array_equal(pixels(these)[:], expected)
    assert view.shape == expected.shape
    assert not np.array_equal(view, expected)


def test_an_interrupted_job_goes_on(model: Any, root: Path) -> None:
    """What was computed before the interruption is kept: only the rest is computed then."""
    these = of(root)
    with pytest.raises(KeyboardInterrupt):
        features(these, trunk=Counting(model, limit=room.BATCH), key=KEY)
    assert forwarded(model, these) == 40 - room.BATCH
    expected = model.predict_on_batch(np.stack([decoded(CONTENTS[name]) for name in these.paths]))
    np.testing.assert_allclose(features(these, trunk=model, key=KEY)[:], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda root: (root / "07.png").write_bytes(encoded(777)), FrostlineError,
         "07.png has changed since preprocess; run `dvc repro` again"),
        (lambda root: (root / "07.png").unlink(), FrostlineError,
         "07.png: cannot be read: no such file, though preprocess could read it; run `dvc repro` again"),
        (shutil.rmtree, InputError, "photos is missing; put it back, or fetch it with `dvc pull data.dvc`"),
    ],
    ids=["edited", "gone", "no folder"],
)  # fmt: skip
def test_data_that_changed_since_preprocess(
    model: Any, root: Path, change: Callable[[Path], object], error: type[Exception], message: str
) -> None:
    """Images that are no longer those of the manifest stop the job, and nothing false is stored."""
    these = of(root)
    change(root)
    with pytest.raises(error) as caught:
        features(these, trunk=model, key=KEY)
    assert str(caught.value).endswith(message)


def test_a_file_that_is_no_image(model: Any, root: Path) -> None:
    """A file that cannot be decoded is named with the reason."""
    (root / "07.png").write_bytes(b"<!DOCTYPE html>")
    with pytest.raises(FrostlineError, match=r"^07\.png: not an image.*, though preprocess could read it; "):
        features(of(root), trunk=model, key=KEY)
