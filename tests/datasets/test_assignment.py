"""Where labels come from, and in which order classes stand."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.datasets import assignment
from frostline.datasets.layout import Placed
from frostline.datasets.source import open_source
from frostline.errors import InputError
from helpers.images import archive, folder


def placed(path: Path) -> list[Placed]:
    """Every image of a source with its place."""
    with open_source(path) as source:
        return list(assignment.placed(source, path))


def images(*labels: str) -> list[Placed]:
    return [Placed(f"{row}.png", label, "") for row, label in enumerate(labels)]


def test_folders_without_a_table(tmp_path: Path) -> None:
    """Class folders, in a folder or in an archive of it."""
    files = {"train/cat/1.png": b"1", "test/dog/2.png": b"2"}
    wanted = [Placed("test/dog/2.png", "dog", "test"), Placed("train/cat/1.png", "cat", "train")]
    assert placed(folder(tmp_path / "x", files)) == wanted
    assert placed(archive(tmp_path / "x.zip", files)) == wanted


def test_a_table_comes_before_folders(tmp_path: Path) -> None:
    """Where there is one, folders' names mean nothing."""
    table = b"path,label,split\ntrain/cat/1.png,owl,test\n"
    files = {"train/cat/1.png": b"1", "test/dog/2.png": b"2", "labels.csv": table}
    assert placed(folder(tmp_path / "x", files)) == [Placed("train/cat/1.png", "owl", "test")]


def test_a_table_in_an_archive_is_no_table(tmp_path: Path) -> None:
    """Only a folder can hold one beside its images."""
    files = {"cat/1.png": b"1", "dog/2.png": b"2", "labels.csv": b"path,label\ncat/1.png,owl\n"}
    assert [image.label for image in placed(archive(tmp_path / "x.zip", files))] == ["cat", "dog"]


def test_shards_beside_a_table(tmp_path: Path) -> None:
    """Names start with the shard, which is the wave."""
    root = folder(tmp_path / "x", {"labels.csv": b"path,label\nb.zip/2.png,dog\na.zip/1.png,cat\n"})
    archive(root / "a.zip", {"1.png": b"1"})
    archive(root / "b.zip", {"2.png": b"2", "3.png": b"3"})
    assert placed(root) == [Placed("a.zip/1.png", "cat", ""), Placed("b.zip/2.png", "dog", "", wave=1)]


@given(st.lists(st.text(max_size=5), min_size=2, max_size=8, unique=True), st.randoms())
def test_order_of_classes(names: list[str], order: random.Random) -> None:
    """By name however the images come; the fixed order where there is one."""
    labels = names * 2
    order.shuffle(labels)
    found = images(*labels)
    assert assignment.classes(found, None, where="data/x", key="datasets.x") == tuple(sorted(names))
    assert assignment.classes(found, names, where="data/x", key="datasets.x") == tuple(names)


@pytest.mark.parametrize(
    ("found", "fixed", "message"),
    [
        (images("cat", "cat"), None, "data/x: only one class, 'cat'; a classifier needs two or more"),
        (
            images("cat", "dog", "owl"),
            ["dog", "cat"],
            "data/x: class 'owl' is not in datasets.x.classes; add it, or remove its images",
        ),
        (
            images("cat", "dog"),
            ["dog", "owl", "cat"],
            "data/x: no image of class 'owl', which datasets.x.classes names",
        ),
    ],
)
def test_classes_that_do_not_fit(found: list[Placed], fixed: list[str] | None, message: str) -> None:
    """Too few, too many, or others than the fixed ones."""
    with pytest.raises(InputError) as told:
        assignment.classes(found, fixed, where="data/x", key="datasets.x")
    assert str(told.value).startswith(message)
