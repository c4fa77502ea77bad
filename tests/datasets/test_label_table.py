"""Tables of labels as people and their programs write them; what is wrong in one, by row and name."""

import io
from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline import csv_text
from frostline.datasets import label_table
from frostline.datasets.label_table import LabelRow
from frostline.datasets.layout import SPLITS
from frostline.errors import InputError
from helpers.hostile import FORMULAS

NAMES = ["a/1.png", "a/2.png", "b, c/3.png"]


def rows(text: str) -> list[LabelRow]:
    """What a CSV says."""
    return label_table.read(text.encode(), where="labels.csv").rows


def parquet(columns: Mapping[str, list[object]]) -> bytes:
    buffer = io.BytesIO()
    pa.parquet.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def csv(columns: dict[str, list[str]]) -> bytes:
    """As frostline's own CSV is written: what a spreadsheet would run is escaped."""
    buffer = io.BytesIO()
    escaped = {name: list(map(csv_text.escape, values)) for name, values in columns.items()}
    pa.csv.write_csv(pa.table(escaped), buffer)
    return buffer.getvalue()


def test_label_split_and_group() -> None:
    """Columns in any order, others are nothing to us."""
    text = 'group,path,label,split,note\nfilm 1,"b, c/3.png",cat,Val,x\n,./a/1.png,dog,,y\n'
    assert rows(text) == [
        LabelRow("b, c/3.png", "cat", "validation", "film 1"),
        LabelRow("./a/1.png", "dog", "", ""),
    ]


def test_labels_are_text() -> None:
    """Zip codes keep their zeros, `NA` and `true` are names like others."""
    assert [row.label for row in rows("path,label\n1.png,007\n2.png,NA\n3.png,true\n")] == [
        "007",
        "NA",
        "true",
    ]


@pytest.mark.parametrize("name", FORMULAS)
def test_a_table_made_of_scores_has_the_true_names(name: str) -> None:
    """As frostline's own CSV escapes what a spreadsheet would run."""
    [row] = label_table.read(csv({"path": [name], "label": [name]}), where="labels.csv").rows
    assert (row.path, row.label) == (name, name.strip())


def test_numbers_and_gaps_in_parquet() -> None:
    """Numbers are their digits, null is nothing."""
    columns = {"path": NAMES, "label": [3, 1, 2], "split": [None, "train", None], "group": [7, None, 7]}
    assert label_table.read(parquet(columns), where="x/LABELS.parquet").rows == [
        LabelRow(NAMES[0], "3", "", "7"),
        LabelRow(NAMES[1], "1", "train", ""),
        LabelRow(NAMES[2], "2", "", "7"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "path,label\na/1.png,cat\n",
        "path;label\r\na/1.png;cat\r\n",
        "path\tlabel\na/1.png\tcat",
        "\ufeffpath,label\na/1.png,cat\n",
        "Path, LABEL \n\na/1.png, cat \n",
        '"path";"label";""\n"a/1.png";"cat";\n',
        "label\rcat".replace("label", "path,label").replace("cat", "a/1.png,cat"),
    ],
    ids=["plain", "semicolons", "tabs", "byte order mark", "blanks", "empty column", "old Mac"],
)
def test_as_programs_write_it(text: str) -> None:
    """Excel of any language, hands, editors: the same one row."""
    assert rows(text) == [LabelRow("a/1.png", "cat", "", "")]


def test_blanks_around_labels_are_counted() -> None:
    """By the label as it stands there."""
    read = label_table.read(b"path,label\n1, a\n2, a\n3,b \n4,c\n", where="labels.csv")
    assert read.stripped == {" a": 2, "b ": 1}


text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
label = text.map(str.strip).filter(lambda word: word and not word.startswith('"'))
lines = st.lists(
    st.tuples(text, label, st.sampled_from(["", *SPLITS]), st.one_of(st.just(""), text.map(str.strip))),
    min_size=1,
    max_size=9,
)


@given(lines, st.sampled_from([csv, parquet]))
def test_what_is_written_is_read(
    wanted: list[tuple[str, ...]], write: Callable[[dict[str, list[str]]], bytes]
) -> None:
    """Commas, quotes, any script: every row comes back as it was meant, from either form."""
    columns = dict(
        zip(("path", "label", "split", "group"), map(list, zip(*wanted, strict=True)), strict=True)
    )
    assert label_table.read(write(columns), where=f"labels.{write.__name__}").rows == wanted


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "labels.csv is empty; it needs a header, path,label, and one row per image"),
        (b"path,label\n", "labels.csv is empty; it needs one row per image: path,label"),
        (
            b"path,class\na/1.png,cat\n",
            "labels.csv: no column 'label' among 'path', 'class'; needed are path and",
        ),
        (b"sep=;\npath;label\n", "labels.csv: no column 'path' among 'sep=;'; needed"),
        (b"path,label,Label\n1,2,3\n", "labels.csv: two columns are called 'label'; remove or rename one"),
        (
            b"path,label\na/1.png,cat,dog\n",
            "labels.csv: row 1 has 3 cells, the header 2; put names with commas",
        ),
        (b"path,label\na/1.png,\n", "labels.csv: row 1, 'a/1.png', has no label; name its class"),
        (b"path,label\na/1.png,  \n", "labels.csv: row 1, 'a/1.png', has no label; name its class"),
        (
            b'path,label\na/1.png, "cat"\n',
            "labels.csv: row 1 has the label ' \"cat\"'; remove what stands before",
        ),
        (b'path,label\na/1.png,"cat\n', "labels.csv cannot be read: "),
        (
            b"path,label,split\na/1.png,cat,train\na/2.png,cat,holdout\n",
            "labels.csv: row 2 has the split 'holdout'; use train, validation, test, or nothing",
        ),
        ("path,label\na/1.png,café\n".encode("latin-1"), "labels.csv: line 2 is not UTF-8; save it as UTF-8"),
        ("path,label\n".encode("utf-16"), "labels.csv is UTF-16; save it as UTF-8"),
        ("path,label\n".encode("utf-16-be"), "labels.csv is UTF-16; save it as UTF-8"),
        (b"path,label\n\0", "labels.csv is no text; save it as UTF-8"),
    ],
)
def test_tables_that_cannot_be_used(content: bytes, message: str) -> None:
    """The file, the row, the name, and what to do, in one line."""
    with pytest.raises(InputError) as told:
        label_table.read(content, where="labels.csv")
    assert str(told.value).startswith(message)
    assert "\n" not in str(told.value)


def test_damaged_parquet() -> None:
    """One line."""
    with pytest.raises(InputError, match=r"^labels.parquet cannot be read: "):
        label_table.read(b"PAR1 and no more", where="labels.parquet")


def found(paths: list[str], names: list[str]) -> list[str]:
    """The images that paths of a table mean."""
    table = [LabelRow(path, "cat", "", "") for path in paths]
    return list(label_table.by_name(table, names, where="labels.csv"))


def test_paths_as_people_write_them() -> None:
    """Exactly, from the folder on, with backslashes, blanks, or in another Unicode form; what is exact comes first."""
    assert found(["./a/1.png", "a\\2.png", " b, c/3.png "], NAMES) == NAMES
    assert found(["caf\u00e9.png"], ["cafe\u0301.png"]) == ["cafe\u0301.png"]
    assert found(["a\\1.png", "a/1.png"], ["a/1.png", "a\\1.png"]) == ["a\\1.png", "a/1.png"]


@pytest.mark.parametrize(
    ("paths", "names", "message"),
    [
        (["a/1.png", "./a/1.png"], NAMES, "row 2 names 'a/1.png' again; an image has one label"),
        (["a/1.png", "a\\1.png"], NAMES, "row 2 names 'a/1.png' again"),
        (
            ["a/1.png", "photos/a/2.png", "x.png"],
            NAMES,
            "2 paths are not images here, the first 'photos/a/2.png'; paths start at the table's own folder",
        ),
        ([" a.png"], ["a.png ", "a.png"], "1 paths are not images here, the first ' a.png'"),
    ],
)
def test_paths_that_mean_no_image(paths: list[str], names: list[str], message: str) -> None:
    """None, one that is named twice, or one of two that read alike."""
    with pytest.raises(InputError) as told:
        found(paths, names)
    assert str(told.value).startswith(f"labels.csv: {message}")
