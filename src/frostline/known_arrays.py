"""Arrays that were computed before, below a key of all that decides them: whole, or none."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import arrow, checksums, files, paths

NAME = "arrays.npz"

Arrays = dict[str, npt.NDArray[Any]]


@contextlib.contextmanager
def kept(kind: str, key: dict[str, Any]) -> Iterator[Arrays]:
    """Arrays of a key by name, {} where there are none; what is put in then is kept, if the block ends well.

    They lie in memory as a whole: a few rows, or a few numbers of many.
    """
    folder = paths.cache() / kind / arrow.key_name(key)
    arrays = _read(folder / NAME)
    known = bool(arrays)
    yield arrays
    if arrays and not known:
        arrow.folder_of(kind, key, cache=paths.cache())
        checksums.keep(folder, [NAME], lambda: _write(folder / NAME, arrays))


def _read(path: Path) -> Arrays:
    if not checksums.is_whole(path):
        return {}
    with contextlib.suppress(OSError):  # not ours to touch
        path.touch()  # what was used last is pruned last
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as found:
        return dict(found)


def _write(path: Path, arrays: dict[str, Any]) -> None:
    content = io.BytesIO()
    np.savez(content, **arrays)
    with files.writing(path) as temporary:
        temporary.write_bytes(content.getvalue())
