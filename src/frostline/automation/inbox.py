"""Which images of a folder are new since last time, remembered by path, size and time of change."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from frostline import arrow, files
from frostline.datasets.listing import is_image
from frostline.errors import FrostlineError, InputError

FileStamps = Mapping[str, tuple[int, int]]  # path below the folder → bytes, nanoseconds of the last change
SCHEMA = pa.schema([("path", pa.string()), ("bytes", pa.int64()), ("changed_ns", pa.int64())])


def ledger(folder: Path) -> Path:
    """Where a folder's images are remembered: a file by the folder's own path, in the project."""
    return Path(".frostline/inbox") / f"{files.sha256(os.fsencode(folder.absolute()))[:16]}.parquet"


def images(folder: Path) -> FileStamps:
    """All images in a folder and below it now; InputError where there is no such folder."""
    if not folder.is_dir():
        raise InputError(f"no folder {files.printable(folder)} to look for new images in")
    stamps: dict[str, tuple[int, int]] = {}
    for base, _, names in os.walk(folder):
        for name in names:
            path = Path(base) / name
            shown = path.relative_to(folder).as_posix()
            if is_image(shown) and path.is_file():
                status = path.stat()
                stamps[shown] = (status.st_size, status.st_mtime_ns)
    return dict(sorted(stamps.items()))


def recall(path: Path) -> FileStamps:
    """What was there last time; nothing the first time."""
    if not path.is_file():
        return {}
    try:
        table = arrow.read_parquet(path).cast(SCHEMA)
        paths, sizes, times = (column.to_pylist() for column in table.columns)
    except (pa.ArrowException, ValueError, OSError) as error:
        raise FrostlineError(f"{path} cannot be read ({error}); remove it, and all images are new") from None
    return dict(zip(paths, zip(sizes, times, strict=True), strict=True))


def remember(path: Path, stamps: FileStamps) -> None:
    """Write down what has been scored; only after it has been, so that a kill loses none."""
    sizes, times = ([stamp[part] for stamp in stamps.values()] for part in (0, 1))
    with files.writing(path) as temporary:
        pq.write_table(pa.table([list(stamps), sizes, times], schema=SCHEMA), temporary)


def new(now: FileStamps, before: FileStamps) -> list[str]:
    """Paths that were not there, or have another size or time: in order."""
    return [name for name, stamp in now.items() if before.get(name) != stamp]


def champion(classifiers: Collection[str]) -> str:
    """The one classifier's champion, as the registry names it; InputError where there are several."""
    names = [f"models:/{name}@champion" for name in sorted(classifiers)]
    if len(names) != 1:
        raise InputError(f"which model is to score? Set the parameter model to one of {', '.join(names)}")
    return names[0]


@dataclass(frozen=True)
class NewImages:
    """New images of a folder: how many, a list of their paths as a file, and where their scores go."""

    images: int
    listed: Path
    out: Path
    stamps: FileStamps  # to be remembered once they are scored
    ledger: Path


def batch(folder: str | Path, *, out: str | Path) -> NewImages | None:
    """What of a folder has not been scored, for scores in the folder `out`; None when there is nothing.

    Its name comes from its content: after a kill the same images give the same names, so that an
    interrupted score job goes on where it ended.
    """
    folder = Path(folder)
    now, memory = images(folder), ledger(folder)
    names = new(now, recall(memory))
    if not names:
        return None
    name = files.digest({path: now[path] for path in names})[:12]
    listed = memory.with_name(f"{name}.txt")
    files.write_text(listed, "".join(f"{(folder / path).absolute()}\n" for path in names))
    return NewImages(len(names), listed, Path(out) / f"{name}.parquet", now, memory)


def settle(done: NewImages) -> None:
    """Remember a batch as scored."""
    remember(done.ledger, done.stamps)
    done.listed.unlink(missing_ok=True)
