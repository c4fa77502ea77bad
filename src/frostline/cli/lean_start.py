"""Keras without what it imports and frostline does not use of it, which is a third of its start."""

import contextlib
import sys
from collections.abc import Iterator
from types import FrameType

# For its wrappers, its galleries and its notebooks; where they are missing, it does without.
UNUSED = frozenset({"IPython", "matplotlib", "pandas", "sklearn"})


class _Finder:
    """Says to Keras, and to nobody else, that these packages are not installed."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        """As importlib asks every finder: None leaves the module to the next one."""
        if name in UNUSED and _importer().startswith("keras."):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def _importer() -> str:
    """Name of the module whose import is being looked up."""
    frame: FrameType | None = sys._getframe(1)
    while frame and (name := str(frame.f_globals.get("__name__"))):
        if name != __name__ and not name.startswith(("importlib", "_frozen_importlib")):
            return name
        frame = frame.f_back
    return ""


@contextlib.contextmanager
def lean_keras() -> Iterator[None]:
    """In this block Keras starts lean. For a process of our own: in a notebook, users give Keras data frames."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
