"""Labels of a source: from a table or folders, alike from a folder, an archive, a shard, and one folder deeper."""

import random
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.datasets import labels
from frostline.datasets.layout import LabelledImage, LabelledImages
from frostline.datasets.source import open_source
from frostline.errors import InputError
from helpers.images import archive, folder, tar


def labelled(path: Path) -> list[LabelledImage]:
    """Every image of a source with its place."""
    with open_source(path) as source:
        return list(labels.read(source, path))


def images(*names: str) -> LabelledImages:
    return LabelledImages.of(LabelledImage(f"{row}.png", label, "") for row, label in enumerate(names))


NO_TABLES = {
    "labels.txt": b"cat\ndog\n",
    "metadata.json": b'{"made": 2024}',
    "labels.yaml": b"names: [other.png]",
}
HIDDEN = {
    ".thumbs/cat/1.png": b"1", "cat/.2.jpg": b"2", "__MACOSX/cat/3.png": b"3", "__MACOSX/cat/._1.png": b"4",
    "@eaDir/1.PNG": b"5", ".git/x.png": b"6", ".thumbs/notes.txt": b"7",
}  # fmt: skip


def test_what_is_named_and_not_read(tmp_path: Path) -> None:
    """Lists of classes are no tables, hidden images are counted, both alike from every kind of source."""
    files = {"cat/1.png": b"1", "dog/2.png": b"2", **NO_TABLES, **HIDDEN}
    packed = archive(tmp_path / "x.zip", files)
    shards = folder(tmp_path / "shards", {"x.zip": packed.read_bytes()})
    wrapped = {f"photos/{name}": content for name, content in files.items()}
    places = folder(tmp_path / "x", files), packed, tar(tmp_path / "x.tar", files), shards
    firsts = [".thumbs/cat/1.png"] * 3 + ["x.zip/.thumbs/cat/1.png", "photos/.thumbs/cat/1.png"]
    for place, first in zip((*places, folder(tmp_path / "y", wrapped)), firsts, strict=True):
        with open_source(place) as source:
            found = labels.read(source, place)
        assert {image.label for image in found} == {"cat", "dog"}
        skipped = f"skipped, hidden or left by a system: 4 images, the first {first!r}"
        assert skipped in found.remarks, place


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


def shard(path: Path, files: Mapping[str, bytes]) -> Path:
    """A folder with one archive of the given entries; returns the folder."""
    archive(path / "part.zip", files)
    return path


WRAPPER = "some photos"
# How the same files are packed, and what their names then begin with.
PACKINGS: dict[str, tuple[Callable[[Path, Mapping[str, bytes]], Path], str]] = {
    "folder": (folder, ""),
    "wrapped folder": (folder, f"{WRAPPER}/"),
    "zip": (archive, ""),
    "wrapped zip": (archive, f"{WRAPPER}/"),
    "tar": (tar, ""),
    "wrapped tar": (tar, f"{WRAPPER}/"),
    "shard": (shard, ""),
    "wrapped shard": (shard, f"{WRAPPER}/"),
}


def reading(packing: str, files: Mapping[str, bytes], place: Path) -> list[tuple[str, ...]] | str:
    """Name as in the files, class, split and group of each image; or the type of the error that names the source."""
    make, wrapper = PACKINGS[packing]
    place = make(place / packing, {f"{wrapper}{name}": content for name, content in files.items()})
    begin = wrapper if make is not shard else f"part.zip/{wrapper}"
    try:
        with open_source(place) as source:
            found = labels.read(source, place)
            labels.classes(found, None, where=str(place))
    except InputError as error:
        return "refused" if str(place) in str(error) else str(error)
    assert all(name.startswith(begin) for name in found.names)
    return sorted((one.name.removeprefix(begin), *one[1:4]) for one in found)


part = st.sampled_from(
    ["cat", "dog", "Cat", "cat ", "café", "cafe\N{COMBINING ACUTE ACCENT}", "2024", "train", "val"]
)
images_in = st.builds(
    lambda folders, number: "/".join((*folders, f"{number}.png")),
    st.lists(part, max_size=3),
    st.integers(0, 3),
)
label = st.sampled_from(["cat", " cat", "dog", "owl", ""])
table_name = st.sampled_from(["labels.csv", "Labels.CSV", "labels.parquet.csv"])


@st.composite
def layouts(draw: st.DrawFn) -> dict[str, bytes]:
    """Files of any layout: images in folders of all kinds, other files, and perhaps tables of labels somewhere."""
    names = draw(st.lists(images_in, min_size=1, max_size=12, unique=True))
    files = {name: name.encode() for name in names}
    for other in draw(st.lists(st.sampled_from(["notes.txt", "owl/a.jpg_large", "cat/x.csv"]), max_size=2)):
        files[other] = b"x"
    for place in draw(st.lists(st.sampled_from(["", "cat/", "train/"]), max_size=2, unique=True)):
        rows = draw(st.lists(st.sampled_from(names), min_size=1, max_size=12, unique=True))
        lines = [f"{name.removeprefix(place)},{draw(label)}" for name in rows]
        files[place + draw(table_name)] = "\n".join(["path,label", *lines]).encode()
    return files


@given(layouts())
def test_any_packing_is_the_same_dataset(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    """Folder, zip, tar and shard, and each of them one folder deeper: the same labels, or refused by name."""
    place = tmp_path_factory.mktemp("packed")
    found = {packing: reading(packing, files, place) for packing in PACKINGS}
    assert {packing: one for packing, one in found.items() if one != found["folder"]} == {}


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_table_is_found_in_any_packing(tmp_path: Path, packing: str) -> None:
    """Beside the images, in any case of its name: folders then mean nothing."""
    files = {
        "cat/1.png": b"1", "dog/2.png": b"2", "dog/3.png": b"3", "cat/labels.csv": b"no table that counts",
        "LABELS.csv": b"path,label,split\ncat/1.png,owl,test\ndog\\2.png, hen,\n",
    }  # fmt: skip
    expected = [("cat/1.png", "owl", "test", ""), ("dog/2.png", "hen", "", "")]
    assert reading(packing, files, tmp_path) == expected


def test_what_was_read_otherwise_is_remarked(tmp_path: Path) -> None:
    """The table, images that it does not name, blanks around labels, other files."""
    files = {"x/labels.csv": b"path,label\n1.png, a\n2.png,b\n", "x/old.txt": b"x"}
    place = folder(tmp_path, {**files, **{f"x/{n}.png": b"1" for n in range(5)}})
    with open_source(place) as source:
        remarks = labels.read(source, Path("data/x")).remarks
    assert remarks == (
        "skipped, not images: 1 file (.txt 1), the first 'x/old.txt'",
        "labels from x/labels.csv",
        "left out, not named in x/labels.csv: 3 images",
        "x/labels.csv: blanks around 1 label are left out, so that ' a' is read as 'a'",
    )


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_class_without_images_is_remarked(tmp_path: Path, packing: str) -> None:
    """Endings that nobody reads, and folders without any file; not those inside a class."""
    make, wrapper = PACKINGS[packing]
    files = {"cat/1.png": b"1", "dog/2.png": b"2", "owl/a.jpg_large": b"3", "cat/raw/x.nef": b"4"}
    place = make(tmp_path / "x", {f"{wrapper}{name}": content for name, content in files.items()})
    begin = wrapper if make is not shard else f"part.zip/{wrapper}"
    with open_source(place) as source:
        assert labels.read(source, place).remarks == (
            f"skipped, not images: 2 files (.jpg_large 1, .nef 1), the first {begin + 'cat/raw/x.nef'!r}",
            f"folders without images, not classes: {begin + 'owl'!r}",
        )


@pytest.mark.parametrize("make", [folder, archive, tar])
def test_an_empty_class_folder_is_remarked(tmp_path: Path, make: Callable[..., Path]) -> None:
    """Also where an archive names nothing but the folder."""
    place = make(tmp_path / "x", {"cat/1.png": b"1", "dog/2.png": b"2"})
    if place.is_dir():
        (place / "owl").mkdir()
    elif make is archive:
        with zipfile.ZipFile(place, "a") as made:
            made.mkdir("owl")
    else:
        with tarfile.open(place, "a") as made:
            member = tarfile.TarInfo("owl")
            member.type = tarfile.DIRTYPE
            made.addfile(member)
    with open_source(place) as source:
        assert labels.read(source, place).remarks == ("folders without images, not classes: 'owl'",)


TABLE = b"path,label\n1.png,a\n"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            {"a/1.png": b"1", "b/2.png": b"2", "a/labels.csv": TABLE},
            "a/labels.csv lies beside a part of the images",
        ),
        (
            {"1.png": b"1", "labels.csv": TABLE, "Labels.csv": TABLE},
            "holds both Labels.csv and labels.csv; remove one",
        ),
        (
            {"1.png": b"1", "labels.csv": TABLE, "labels.parquet": b""},
            "holds both labels.csv and labels.parquet",
        ),
        (
            {"a.jpg_large": b"1", "a.txt": b"2"},
            "no images found among 2 files (.jpg_large 1, .txt 1), the first",
        ),
        (
            {"inner.zip": b"PK", "deep/er.tar": b""},
            "holds no images but archives, the first 'deep/er.tar'; unpack it",
        ),
        (
            {"cat/1.png": b"1", "dog/1.png": b"1", "x/Label.CSV": TABLE},
            "'x/Label.CSV' may be a table of labels, but is not read, so that folders would be classes",
        ),
        (
            {"cat/1.png": b"1", "dog/1.png": b"1", "labels.xlsx": b"PK"},
            "'labels.xlsx' may be a table of labels",
        ),
        (
            {"cat/1.png": b"1", "dog/1.png": b"1", "labels.csv.gz": b""},
            "'labels.csv.gz' may be a table of labels",
        ),
        (
            {"cat/1.png": b"1", "dog/2.png": b"1", "labels.txt": b"images/1.png 0\nimages/2.png 1\n"},
            "'labels.txt' may be a table of labels",
        ),
        (
            {"cat/1.png": b"1", "dog/2.png": b"1", "x/Annotations.JSON": b'{"2.png": "cat", "1.png": "dog"}'},
            "'x/Annotations.JSON' may be a table of labels",
        ),
        (
            {"cat/1.png": b"1", "dog/2.png": b"1", "labels (1).csv": b"file_name,label\n1.png,x\n2.png,y\n"},
            "'labels (1).csv' may be a table of labels",
        ),
        (
            {"cat/1.png": b"1", "dog/1.png": b"1", "more/cat/2.png": b"2"},
            "'more' would be a class, but holds nothing but folders that are called as classes are, 'cat'",
        ),
    ],
)
def test_what_cannot_be_read_alike(tmp_path: Path, files: dict[str, bytes], words: str) -> None:
    """Named, whether from a folder or from an archive."""
    for place in (folder(tmp_path / "x", files), archive(tmp_path / "x.zip", files)):
        if place.is_dir() and "inner.zip" in files:
            continue  # a folder of archives is one dataset
        with open_source(place) as source, pytest.raises(InputError) as told:
            labels.read(source, place)
        assert words in str(told.value)
        assert str(place) in str(told.value)


def test_each_shard_has_its_table(tmp_path: Path) -> None:
    """Its labels are those of its images; one shard without a table is refused."""
    archive(tmp_path / "a.zip", {"photos/1.png": b"1", "photos/labels.csv": b"path,label\n1.png,cat\n"})
    archive(tmp_path / "b.zip", {"1.png": b"1", "Labels.csv": b"path,label\n1.png,dog\n"})
    assert labelled(tmp_path) == [
        LabelledImage("a.zip/photos/1.png", "cat", ""),
        LabelledImage("b.zip/1.png", "dog", "", wave=1),
    ]
    archive(tmp_path / "c.zip", {"1.png": b"1"})
    with pytest.raises(InputError, match=r"'a.zip/photos/labels.csv' labels .* and 'c.zip' has no table"):
        labelled(tmp_path)


def test_shards_called_as_splits_are_no_splits(tmp_path: Path) -> None:
    """They are parts of one dataset, which is said; folders in them may be splits."""
    archive(tmp_path / "train.zip", {"cat/1.png": b"1", "dog/1.png": b"1"})
    archive(tmp_path / "test.zip", {"cat/1.png": b"1"})
    with open_source(tmp_path) as source:
        found = labels.read(source, tmp_path)
    assert {image.split for image in found} == {""}
    assert found.remarks == (
        "archives are parts that came one after the other, no splits: 'test.zip', 'train.zip'",
    )


def test_shards_that_each_wrap_a_folder_of_their_own(tmp_path: Path) -> None:
    """Nobody can know whether the outer or the inner folders are classes."""
    for name in ("a", "b"):
        archive(tmp_path / f"{name}.zip", {f"{name}/cat/1.png": b"1", f"{name}/dog/1.png": b"1"})
    with pytest.raises(InputError) as told:
        labelled(tmp_path)
    assert "one folder of its own, 'a', 'b', and each of these the folders 'cat', 'dog'" in str(told.value)


@pytest.mark.parametrize("packing", PACKINGS)
def test_folders_within_a_class_are_remarked(tmp_path: Path, packing: str) -> None:
    """Somebody may have meant them as splits, or as the classes."""
    make, wrapper = PACKINGS[packing]
    names = [f"{wrapper}{kind}/{split}/1.png" for kind in ("cat", "dog") for split in ("test", "train")]
    place = make(tmp_path / "x", dict.fromkeys(names, b"1"))
    begin = wrapper if make is not shard else f"part.zip/{wrapper}"
    with open_source(place) as source:
        found = labels.read(source, place)
    assert {(image.label, image.split) for image in found} == {("cat", ""), ("dog", "")}
    first = ", ".join(repr(begin + inner) for inner in ("cat/test", "cat/train", "dog/test"))
    assert found.remarks == (
        f"neither classes nor splits, but parts of the class that they lie in: {first} and 1 more",
    )


def test_of_a_table_twice_in_an_archive_the_last_counts(tmp_path: Path) -> None:
    """As unpacking would have it."""
    place = archive(
        tmp_path / "x.zip", {"1.png": b"1", "2.png": b"2", "labels.csv": b"path,label\n1.png,cat\n"}
    )
    with zipfile.ZipFile(place, "a") as made, pytest.warns(UserWarning, match="Duplicate name"):
        made.writestr("labels.csv", "path,label\n1.png,dog\n2.png,owl\n")
    assert [image.label for image in labelled(place)] == ["dog", "owl"]


def test_a_table_of_tabs(tmp_path: Path) -> None:
    """`labels.tsv` is one, too."""
    files = {"1.png": b"1", "2.png": b"2", "labels.tsv": b"path\tlabel\n1.png\tcat, black\n2.png\tdog\n"}
    assert [image.label for image in labelled(folder(tmp_path, files))] == ["cat, black", "dog"]


def test_classes_of_unknown_encoding_are_refused(tmp_path: Path) -> None:
    """In GBK one class happens to be UTF-8 and another is not: neither can be trusted; ASCII folders can."""
    raw = {"??/1.png": "\u732b/1.png".encode("gbk"), "!!/1.png": "\u72d7/1.png".encode("gbk")}
    content = archive(tmp_path / "a.zip", dict.fromkeys(raw, b"1")).read_bytes()
    for stand_in, name in raw.items():
        content = content.replace(stand_in.encode(), name)
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"a.zip: names are not UTF-8, the first '.*/1.png'"):
        labelled(tmp_path / "a.zip")
    archive(tmp_path / "b.zip", {"cat/??.png": b"1", "dog/2.png": b"2"})
    (tmp_path / "b.zip").write_bytes((tmp_path / "b.zip").read_bytes().replace(b"??", b"\xb9\xb7"))
    assert [image.label for image in labelled(tmp_path / "b.zip")] == ["cat", "dog"]


def test_names_that_begin_with_a_dot_are_utf8(tmp_path: Path) -> None:
    """As tar writes them when it packs the folder it is in."""
    place = archive(tmp_path / "a.zip", {"./katze_ß/1.png": b"1", "./hund//2.png": b"2"})
    assert [image[:2] for image in labelled(place)] == [("hund/2.png", "hund"), ("katze_ß/1.png", "katze_ß")]


def test_a_zip_of_windows(tmp_path: Path) -> None:
    """Backslashes part its folders; in a zip of another system they may be part of a name."""
    place = archive(
        tmp_path / "a.zip", {"photos\\cat\\1.png": b"1", "photos\\dog\\2.png": b"2", "photos\\": b""}
    )
    assert [image[:2] for image in labelled(place)] == [
        ("photos/cat/1.png", "cat"),
        ("photos/dog/2.png", "dog"),
    ]
    place = archive(tmp_path / "b.zip", {"cat/a\\b.png": b"1", "dog/2.png": b"2"})
    assert [image.name for image in labelled(place)] == ["cat/a\\b.png", "dog/2.png"]


def test_shards_beside_a_table(tmp_path: Path) -> None:
    """Names start with the shard, which is the wave."""
    root = folder(tmp_path / "x", {"labels.csv": b"path,label\nb.zip/2.png,dog\na.zip/1.png,cat\n"})
    archive(root / "a.zip", {"1.png": b"1"})
    archive(root / "b.zip", {"2.png": b"2", "3.png": b"3"})
    assert labelled(root) == [
        LabelledImage("a.zip/1.png", "cat", ""),
        LabelledImage("b.zip/2.png", "dog", "", wave=1),
    ]


@given(
    st.lists(st.text(max_size=5), min_size=2, max_size=8, unique_by=labels._as_read).filter(
        lambda names: all(map(labels._as_read, names))
    ),
    st.randoms(),
)
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
def test_classes_that_do_not_fit(found: LabelledImages, fixed: list[str] | None, message: str) -> None:
    """Too few, too many, or others than the fixed ones."""
    with pytest.raises(InputError) as told:
        labels.classes(found, fixed, where="data/x", key="datasets.x")
    assert str(told.value).startswith(message)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cat", "cat "), ("cat", " cat"), ("cat", "Cat"), ("hot dog", "hot  dog"), ("cat", "cat\N{ZERO WIDTH SPACE}"),
        ("caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"), ("hot dog", "hot\xa0dog"),
        ("cat", "c\N{CYRILLIC SMALL LETTER A}t"), ("cat", "cat\N{VARIATION SELECTOR-16}"),
        ("t-shirt", "t\N{EN DASH}shirt"), ("it's", "it\N{RIGHT SINGLE QUOTATION MARK}s"), ("1", "01"), ("1", "1.0"),
        ("cat", "\uff43\uff41\uff54"),
    ],
)  # fmt: skip
def test_one_class_spelled_twice(one: str, other: str) -> None:
    """Refused, both spellings named so that they can be told apart, unless somebody lists both."""
    found = images(one, other, "owl")
    with pytest.raises(InputError) as told:
        labels.classes(found, None, where="data/x", key="datasets.x")
    for part in (f"{one!a}", f"{other!a}", "list all classes in datasets.x.classes"):
        assert part in str(told.value)
    listed = [other, "owl", one]
    assert labels.classes(found, listed, where="data/x", key="datasets.x") == tuple(listed)


def test_letters_are_classes_of_their_own() -> None:
    """A and a are two letters, and so are those of two alphabets."""
    names = ("A", "a", "\N{CYRILLIC SMALL LETTER A}")
    assert labels.classes(images(*names), None, where="data/x") == names


@pytest.mark.parametrize("name", ["", " ", "\xa0", "\N{ZERO WIDTH SPACE}", "\N{HANGUL FILLER}"])
def test_a_class_whose_name_shows_nothing(name: str) -> None:
    """Nobody could tell it in a table of results."""
    with pytest.raises(InputError) as told:
        labels.classes(images("cat", name), None, where="data/x")
    assert str(told.value) == f"data/x: the name of a class, {name!a}, shows nothing; rename it"
