"""Less memory and time: pyarrow without pandas, imports without garbage collection, and what is free given back."""

import contextlib
import ctypes
import gc
import sys
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h


def spare_pandas() -> None:
    """Let pyarrow take its one look for pandas now, and find none.

    At its first array it would import pandas, a quarter of a second and 20 MB, more than half of the time that a
    job takes to its first batch, and no row meets a data frame. Where pandas is loaded already it is found, for
    nothing; where somebody wants a data frame later, pyarrow imports it then.
    """
    import pyarrow as pa

    with without_pandas():
        pa.array([])


@contextlib.contextmanager
def without_pandas() -> Iterator[None]:
    """Hide pandas from packages that are imported within: those that only ask whether it is there.

    Where pandas is loaded already it is found, for nothing. No other thread may import meanwhile.
    """
    hiding = _Hiding()
    if "pandas" not in sys.modules:
        sys.meta_path.insert(0, hiding)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.meta_path.remove(hiding)


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """No search for garbage within, where what is imported or listed stays: it would take a sixth of that time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def map_large() -> None:
    """Let arrays of half a megabyte and more be mapped each for itself, so that they go back once they are freed.

    Unless it is told, glibc raises that size to the largest array that it ever freed; all below leave holes
    between what stays. Once it is told, it would give back the end of its memory whenever more than 128 KB of it are
    free, and ask for it anew: of smaller arrays up to 8 MB are therefore kept at hand.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 2**19)
        ctypes.CDLL(None).mallopt(_TRIM_THRESHOLD, 2**23)


def give_back() -> None:
    """Let the system have what is free between what is not: glibc keeps it unless it is told."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


class _Hiding(MetaPathFinder):
    """An import system in which pandas is not installed."""

    def find_spec(self, fullname: str, *_: Any) -> None:
        """Nothing is found here, and pandas nowhere."""
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname, name=fullname)
