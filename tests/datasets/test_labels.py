"""Labels from tables and folders, the order of classes, and what a table gets wrong by row and name."""

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frostline import csv_text
from frostline.datasets import labels
from frostline.datasets.layout import SPLITS, LabelledImage
from frostline.datasets.source import open_source
from frostline.errors import InputError
from helpers.hostile import FORMULAS
from helpers.images import archive, folder

NAMES = ["a/1.png", "a/2.png", "b, c/3.png"]


def csv(folder: Path, text: str) -> Path:
    """`labels.csv` of that text."""
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_is_found_by_its_name(tmp_path: Path) -> None:
    """CSV or Parquet, none, and not both."""
    assert labels.find_table(tmp_path) is None
    one = csv(tmp_path, "path,label\n")
    assert labels.find_table(tmp_path) == one
    (tmp_path / "labels.parquet").touch()
    with pytest.raises(InputError, match=r"holds both labels.csv and labels.parquet; remove one of them"):
        labels.find_table(tmp_path)


def test_folders_are_no_tables(tmp_path: Path) -> None:
    """A class may have any name."""
    (tmp_path / "labels.csv").mkdir()
    assert labels.find_table(tmp_path) is None


def test_label_split_and_group(tmp_path: Path) -> None:
    """In the source's order; images that the table does not name are left out; columns in any order."""
    path = csv(
        tmp_path,
        'group,path,label,split,note\nfilm 1,"b, c/3.png",cat,Val,x\n,./a/1.png,dog,,y\n',
    )
    assert list(labels.from_table(path, NAMES)) == [
        LabelledImage("a/1.png", "dog", ""),
        LabelledImage("b, c/3.png", "cat", "validation", "film 1"),
    ]


def test_labels_are_text(tmp_path: Path) -> None:
    """Zip codes keep their zeros, `NA` and `true` are names like others."""
    path = csv(tmp_path, "path,label\na/1.png,007\na/2.png,NA\n")
    assert [image.label for image in labels.from_table(path, NAMES)] == ["007", "NA"]


@pytest.mark.parametrize("name", FORMULAS)
def test_a_table_made_of_scores_has_the_true_names(tmp_path: Path, name: str) -> None:
    """As frostline's own CSV escapes what a spreadsheet would run."""
    path = tmp_path / "labels.csv"
    pa.csv.write_csv(pa.table({"path": [csv_text.escape(name)], "label": [csv_text.escape(name)]}), path)
    [image] = labels.from_table(path, [name])
    assert (image.name, image.label) == (name, name)


def test_numbers_and_gaps_in_parquet(tmp_path: Path) -> None:
    """Numbers are their digits, null is nothing."""
    path = tmp_path / "labels.parquet"
    columns = {"path": NAMES, "label": [3, 1, 2], "split": [None, "train", None], "group": [7, None, 7]}
    pa.parquet.write_table(pa.table(columns), path)
    assert list(labels.from_table(path, NAMES)) == [
        LabelledImage(NAMES[0], "3", "", "7"),
        LabelledImage(NAMES[1], "1", "train", ""),
        LabelledImage(NAMES[2], "2", "", "7"),
    ]


def test_shards_are_waves(tmp_path: Path) -> None:
    """An image's wave is the number of its shard."""
    path = csv(tmp_path, "path,label\n2.zip/x.png,cat\n1.zip/y.png,dog\n")
    found = labels.from_table(path, ["1.zip/y.png", "2.zip/x.png"], shards=["1.zip", "2.zip"])
    assert [(image.name, image.wave) for image in found] == [("1.zip/y.png", 0), ("2.zip/x.png", 1)]


text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
rows = st.lists(
    st.tuples(text, text, st.sampled_from(["", *SPLITS]), st.one_of(st.just(""), text)),
    min_size=1,
    max_size=9,
    unique_by=lambda row: row[0].removeprefix("./"),
)


@settings(max_examples=60, deadline=None)
@given(rows, st.sampled_from(labels.TABLES))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows, name: str) -> None:  # type: ignore[no-untyped-def]
    """Commas, quotes, spaces, any script: every row comes back as it was meant, from either form."""
    path = tmp_path_factory.mktemp("table") / name
    wanted = [LabelledImage(row[0].removeprefix("./"), *row[1:]) for row in rows]
    text = csv_text.escape if name.endswith(".csv") else str
    columns = zip(*([text(cell) for cell in row] for row in rows), strict=True)
    table = pa.table(dict(zip(("path", "label", "split", "group"), map(list, columns), strict=True)))
    if path.suffix == ".csv":
        pa.csv.write_csv(table, path)
    else:
        pa.parquet.write_table(table, path)
    assert list(labels.from_table(path, [image.name for image in wanted])) == wanted


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "labels.csv cannot be read: "),
        ("path,label\n", "labels.csv is empty; it needs one row per image: path,label"),
        ("path,class\na/1.png,cat\n", "labels.csv: no column 'label'; needed are path and label, allowed"),
        ("label\ncat\n", "labels.csv: no column 'path'; needed"),
        ("path,label\na/1.png,cat,dog\n", "labels.csv cannot be read: "),
        (
            "path,label\na/1.png,cat\n./a/1.png,dog\n",
            "labels.csv: row 2 names 'a/1.png' again; an image has one label",
        ),
        ("path,label\na/1.png,\n", "labels.csv: row 1, 'a/1.png', has no label; name its class"),
        (
            "path,label,split\na/1.png,cat,train\na/2.png,cat,holdout\n",
            "labels.csv: row 2 has the split 'holdout'; use train, validation, test, or nothing",
        ),
        (
            "path,label\na/1.png,cat\nphotos/a/2.png,cat\nx.png,dog\n",
            "labels.csv: 2 paths are not images here, the first 'photos/a/2.png'; paths start at "
            "the table's own folder",
        ),
    ],
)
def test_tables_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, message: str
) -> None:
    """The file, the row, the name, and what to do, in one line."""
    monkeypatch.chdir(tmp_path)
    csv(tmp_path, content)
    with pytest.raises(InputError) as told:
        labels.from_table(Path("labels.csv"), NAMES)
    assert str(told.value).startswith(message)
    assert "\n" not in str(told.value)


def labelled(path: Path) -> list[LabelledImage]:
    """Every image of a source with its place."""
    with open_source(path) as source:
        return list(labels.read(source, path))


def images(*names: str) -> list[LabelledImage]:
    return [LabelledImage(f"{row}.png", label, "") for row, label in enumerate(names)]


def test_folders_without_a_table(tmp_path: Path) -> None:
    """Class folders, in a folder or in an archive of it."""
    files = {"train/cat/1.png": b"1", "test/dog/2.png": b"2"}
    wanted = [
        LabelledImage("test/dog/2.png", "dog", "test"),
        LabelledImage("train/cat/1.png", "cat", "train"),
    ]
    assert labelled(folder(tmp_path / "x", files)) == wanted
    assert labelled(archive(tmp_path / "x.zip", files)) == wanted


def test_a_table_comes_before_folders(tmp_path: Path) -> None:
    """Where there is one, folders' names mean nothing."""
    table = b"path,label,split\ntrain/cat/1.png,owl,test\n"
    files = {"train/cat/1.png": b"1", "test/dog/2.png": b"2", "labels.csv": table}
    assert labelled(folder(tmp_path / "x", files)) == [LabelledImage("train/cat/1.png", "owl", "test")]


def test_a_table_in_an_archive_is_no_table(tmp_path: Path) -> None:
    """Only a folder can hold one beside its images."""
    files = {"cat/1.png": b"1", "dog/2.png": b"2", "labels.csv": b"path,label\ncat/1.png,owl\n"}
    assert [image.label for image in labelled(archive(tmp_path / "x.zip", files))] == ["cat", "dog"]


def test_shards_beside_a_table(tmp_path: Path) -> None:
    """Names start with the shard, which is the wave."""
    root = folder(tmp_path / "x", {"labels.csv": b"path,label\nb.zip/2.png,dog\na.zip/1.png,cat\n"})
    archive(root / "a.zip", {"1.png": b"1"})
    archive(root / "b.zip", {"2.png": b"2", "3.png": b"3"})
    assert labelled(root) == [
        LabelledImage("a.zip/1.png", "cat", ""),
        LabelledImage("b.zip/2.png", "dog", "", wave=1),
    ]


@given(st.lists(st.text(max_size=5), min_size=2, max_size=8, unique=True), st.randoms())
def test_order_of_classes(names: list[str], order: random.Random) -> None:
    """By name however the images come; the fixed order where there is one."""
    shuffled = names * 2
    order.shuffle(shuffled)
    found = images(*shuffled)
    assert labels.classes(found, None, where="data/x", key="datasets.x") == tuple(sorted(names))
    assert labels.classes(found, names, where="data/x", key="datasets.x") == tuple(names)


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
def test_classes_that_do_not_fit(found: list[LabelledImage], fixed: list[str] | None, message: str) -> None:
    """Too few, too many, or others than the fixed ones."""
    with pytest.raises(InputError) as told:
        labels.classes(found, fixed, where="data/x", key="datasets.x")
    assert str(told.value).startswith(message)
