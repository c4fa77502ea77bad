"""Labels of a source's images: from a table beside them, else from their folders.

The table is `labels.csv`, `labels.tsv` or `labels.parquet`: columns path and label, and if wanted split and group. It
lies at the top or in a folder that all images lie below; only images in it belong to the dataset. An archive is read
as the folder that it was made of.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from frostline.datasets import label_table, layout
from frostline.datasets.layout import LabelledImage, LabelledImages
from frostline.datasets.listing_notes import ListingNotes, counted, listed, without_images
from frostline.datasets.source import ImageSource
from frostline.errors import InputError
from frostline.files import printable

# Unicode's Default_Ignorable_Code_Point beyond category Cf, and the blank of Braille.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# Cyrillic and Greek letters that look as Latin ones do, dashes and quotes, of case-folded names.
_ALIKE = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u043a\u043c\u0442\u0456\u0458\u0455\u03bf\u03bd"
    "\u2010\u2012\u2013\u2014\u2212\u2018\u2019\u02bc\u201c\u201d",
    "aeopcyxkmtijsov-----'''\"\"",
)
_IMAGE_NAME = re.compile(rb"[^\s\"',;:|=<>/\\]+\.(?:jpe?g|png|gif|bmp|tiff?|webp|ppm)", re.IGNORECASE)
_START = 2**20  # bytes of a table that tell whether it names images
_TABLES = 100  # of other programs that are looked into
_NUMBER = re.compile(r"0*([0-9]+)(?:\.0+)?")  # as spreadsheets and pandas rewrite it: 01, 1 and 1.0


def read(source: ImageSource, path: Path, *, more: bool = False) -> LabelledImages:
    """Class, given split, group and wave of the images of a dataset at `path`; InputError if unclear.

    With `more`, for images that join a dataset with split folders, a single split is enough.
    """
    where, names, notes = printable(path), source.names(), source.notes
    if not names:
        raise InputError(_no_images(notes, where))
    if tables := _tables(source, where=where):
        found = from_tables(source, tables, where=where)
        rest = notes.without(tables.values())
        return found.with_remarks(_passed_over(rest), _hidden(rest), *found.remarks)
    _require_no_other_table(source, where=where)
    _require_utf8_folders(names, notes, where=where)
    found = layout.from_folders(names, where=where, shards=source.shards, more=more)
    about = (_as_parts(source.shards, found), *_without_class(source, where=where))
    return found.with_remarks(_passed_over(notes), _hidden(notes), *about, *found.remarks)


def classes(
    images: LabelledImages, fixed: Sequence[str] | None, *, where: str, key: str = ""
) -> tuple[str, ...]:
    """The classes in their order: the `fixed` one, which must name exactly those of the images, or by name."""
    names = sorted(set(images.column("label")))
    if len(names) < 2:
        seen = "".join(f" ({remark})" for remark in images.remarks)
        raise InputError(
            f"{where}: only one class, {names[0]!r}; a classifier needs two or more class folders{seen}"
        )
    if fixed is None:
        require_distinct(names, where=where, key=key)
        return tuple(names)
    if extra := sorted(set(names) - set(fixed)):
        raise InputError(f"{where}: class {extra[0]!r} is not in {key}.classes; add it, or remove its images")
    if lacking := [name for name in fixed if name not in names]:
        raise InputError(f"{where}: no image of class {lacking[0]!r}, which {key}.classes names")
    return tuple(fixed)


def require_distinct(names: Iterable[str], *, where: str, key: str = "") -> None:
    """InputError for two classes that read the same, and for one whose name shows nothing.

    Such two differ in blanks, case, Unicode form or letters of other alphabets that look alike, or are one number.
    """
    seen: dict[str, str] = {}
    for name in names:
        if not (read := _as_read(name)):
            raise InputError(f"{where}: the name of a class, {name!a}, shows nothing; rename it")
        if (twin := seen.setdefault(read, name)) != name:
            meant = f", or, if both are meant, list all classes in {key}.classes" if key else ""
            raise InputError(
                f"{where}: two classes read the same, {twin!a} and {name!a}; give their images one class{meant}"
            )


def _as_read(name: str) -> str:
    """A name without what a reader does not see; of a single letter, A and a are two, and so are those of alphabets."""
    visible = "".join(filter(_is_seen, unicodedata.normalize("NFKC", name)))
    folded = visible.casefold().translate(_ALIKE) if len(visible) > 1 else visible
    read = " ".join(folded.split())
    number = _NUMBER.fullmatch(read)
    return number[1] if number else read


def _is_seen(letter: str) -> bool:
    return unicodedata.category(letter) != "Cf" and not _UNSEEN.fullmatch(letter)


def from_tables(source: ImageSource, tables: Mapping[str, str], *, where: str) -> LabelledImages:
    """Label, split and group of every image in the tables, in the order of the source's names.

    tables: what the names of images begin with that are a table's → the table.
    """
    rows: dict[str, label_table.LabelRow] = {}
    remarks: list[str] = []
    names = source.names()
    for scope, table in tables.items():
        shown, prefix = f"{where}/{table}", table[: table.rfind("/") + 1]
        mine = _below(prefix, scope, names, shown=shown)
        parsed = label_table.read(source.table(table), where=shown)
        named = label_table.by_name(parsed.rows, mine, where=shown)
        rows |= {prefix + name: row for name, row in named.items()}
        remarks += _about_table(table, parsed, left=len(mine) - len(named))
    return _labelled(source, rows, remarks)


def _labelled(
    source: ImageSource, rows: Mapping[str, label_table.LabelRow], remarks: Sequence[str]
) -> LabelledImages:
    waves = {shard: number for number, shard in enumerate(source.shards)}
    return LabelledImages.of(
        (
            LabelledImage(name, row.label, row.split, row.group, waves.get(name.partition("/")[0], 0))
            for name in source.names()
            if (row := rows.get(name))
        ),
        remarks=remarks,
    )


def _below(prefix: str, scope: str, names: Iterable[str], *, shown: str) -> list[str]:
    """Names in a table's scope, from the table's folder on; InputError where some lie elsewhere."""
    mine = [name for name in names if name.startswith(scope)]
    if outside := next((name for name in mine if not name.startswith(prefix)), None):
        raise InputError(
            f"{shown} lies beside a part of the images only, not beside {outside!r}; move it to the top with paths "
            "from there, or rename it if it is no table of labels"
        )
    return [name[len(prefix) :] for name in mine]


def _tables(source: ImageSource, *, where: str) -> dict[str, str]:
    """Scope → the table that labels its images: one for all, or one in each shard; of several the topmost."""
    tables, shards = source.notes.tables, source.shards
    if outer := [table for table in tables if table.partition("/")[0] not in shards]:
        return {"": _topmost(outer, where=where)}
    inside = {shard: [table for table in tables if table.startswith(f"{shard}/")] for shard in shards}
    having = {f"{shard}/": _topmost(found, where=where) for shard, found in inside.items() if found}
    if having and (lacking := [shard for shard, found in inside.items() if not found]):
        raise InputError(
            f"{where}: {next(iter(having.values()))!r} labels the images of one archive, and {lacking[0]!r} has no "
            "table; give each one, or put one table beside the archives"
        )
    return having


def _topmost(tables: Sequence[str], *, where: str) -> str:
    depth = min(table.count("/") for table in tables)
    top = sorted(table for table in tables if table.count("/") == depth)
    if len(top) > 1:
        raise InputError(f"{where} holds both {' and '.join(top[:2])}; remove one of them")
    return top[0]


def _require_no_other_table(source: ImageSource, *, where: str) -> None:
    """InputError for a file that may be the table of labels that somebody thinks is read.

    One that is called as those of other programs are may be: where it names an image that is here.
    """
    unread = sorted(source.notes.unread_tables) or _naming_images(source)
    if unread:
        raise InputError(
            f"{where}: {unread[0]!r} may be a table of labels, but is not read, so that folders would "
            "be classes; save it as labels.csv, or rename it if it is none"
        )


def _naming_images(source: ImageSource) -> list[str]:
    """The first table of another program that names several of the images; one that lies beside each names its own."""
    if not source.notes.foreign_tables:
        return []
    there = {name.rpartition("/")[2].encode() for name in source.names()}
    for table in sorted(source.notes.foreign_tables)[:_TABLES]:
        if len(there.intersection(_IMAGE_NAME.findall(source.table(table)[:_START]))) > 1:
            return [table]
    return []


def _require_utf8_folders(names: Iterable[str], notes: ListingNotes, *, where: str) -> None:
    """InputError where classes may be read in a wrong encoding: some names are not UTF-8, so none need be."""
    if not notes.not_utf8:
        return
    if notes.folder_not_utf8 or not all(name.rpartition("/")[0].isascii() for name in names):
        raise InputError(
            f"{where}: names are not UTF-8, the first {notes.folder_not_utf8 or notes.not_utf8!r}, so that classes "
            "cannot be read rightly; make the archive again with UTF-8 names, or rename the files"
        )


def _no_images(notes: ListingNotes, where: str) -> str:
    if notes.archives:
        return (
            f"{where} holds no images but archives, the first {min(notes.archives)!r}; "
            "unpack it, and name the folder"
        )
    found = f" among {notes.passed_over()}" if notes.passed_over() else ""
    return f"{where}: no images found{found}; put jpg or png files there, one folder per class"


def _passed_over(notes: ListingNotes) -> str:
    return f"skipped, not images: {notes.passed_over()}" if notes.passed_over() else ""


def _hidden(notes: ListingNotes) -> str:
    if not notes.hidden:
        return ""
    return f"skipped, hidden or left by a system: {counted(notes.hidden, 'image')}, the first {notes.first_hidden!r}"


def _as_parts(shards: Sequence[str], found: LabelledImages) -> str:
    """What to say of archives that are called as splits are."""
    named = [shard for shard in shards if layout.split_word(shard.partition(".")[0])]
    if not named or any(found.column("split")):
        return ""
    return f"archives are parts that came one after the other, no splits: {listed(named)}"


def _without_class(source: ImageSource, *, where: str) -> Iterator[str]:
    """What to say of folders that look like classes and hold no image."""
    names = source.names()
    if empty := without_images(source.notes.folders, names):
        known = layout.class_folders(names, where=where, shards=source.shards)
        missing = [folder for folder in empty if not _inside(folder, known)]
        if missing:
            yield f"folders without images, not classes: {listed(missing)}"


def _inside(folder: str, others: set[str]) -> bool:
    """Whether a folder lies below one of the others."""
    above = folder.rpartition("/")[0]
    return bool(above) and (above in others or _inside(above, others))


def _about_table(table: str, parsed: label_table.LabelTable, *, left: int) -> Iterator[str]:
    yield f"labels from {table}"
    if left:
        yield f"left out, not named in {table}: {counted(left, 'image')}"
    if parsed.stripped:
        first, many = min(parsed.stripped), counted(parsed.stripped.total(), "label")
        yield f"{table}: blanks around {many} are left out, so that {first!r} is read as {first.strip()!r}"
