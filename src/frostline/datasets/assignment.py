"""Where a source's labels come from: a table beside its images, else its folders."""

from collections.abc import Sequence
from pathlib import Path

from frostline.datasets import layout, tables
from frostline.datasets.layout import Placed, Placing
from frostline.datasets.source import ImageSource
from frostline.errors import InputError
from frostline.files import printable


def placed(source: ImageSource, path: Path) -> Placing:
    """Class, given split, group and wave of the images of a dataset at `path`; InputError if unclear."""
    table = tables.find(path) if path.is_dir() else None
    if table:
        return tables.place(table, source.names(), shards=source.shards)
    return layout.place(source.names(), where=printable(path), shards=source.shards)


def classes(found: Sequence[Placed], fixed: Sequence[str] | None, *, where: str, key: str) -> tuple[str, ...]:
    """The classes in their order: the `fixed` one, which must name exactly those found, or by name."""
    names = sorted({image.label for image in found})
    if len(names) < 2:
        raise InputError(
            f"{where}: only one class, {names[0]!r}; a classifier needs two or more class folders"
        )
    if fixed is None:
        return tuple(names)
    if extra := sorted(set(names) - set(fixed)):
        raise InputError(f"{where}: class {extra[0]!r} is not in {key}.classes; add it, or remove its images")
    if lacking := [name for name in fixed if name not in names]:
        raise InputError(f"{where}: no image of class {lacking[0]!r}, which {key}.classes names")
    return tuple(fixed)
