"""Libraries without what they import and frostline does not use of it: a third of the start of Keras and MLflow."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from types import FrameType

# By who asks for them. Where they are missing, these do without: Keras has them for its wrappers, its galleries and its
# notebooks, MLflow for tables and models of others, Mako, which makes its databases, for colours, matplotlib for three
# dimensions, and OpenVINO to convert models.
UNUSED: Mapping[str, frozenset[str]] = {
    "keras": frozenset({"IPython", "matplotlib", "pandas", "sklearn"}),
    "mlflow": frozenset({"pandas", "scipy"}),
    "mako": frozenset({"pygments"}),
    "matplotlib": frozenset({"mpl_toolkits"}),
    "openvino": frozenset({"openvino.tools"}),
}


class _Finder:
    """Says to these packages, and to nobody else, that those are not installed."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        """As importlib asks every finder: None leaves the module to the next one."""
        if any(name in unused for unused in UNUSED.values()) and name in UNUSED.get(_importer(), ()):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def _importer() -> str:
    """Name of the package whose import is being looked up."""
    frame: FrameType | None = sys._getframe(1)
    while frame and (name := str(frame.f_globals.get("__name__"))):
        if name != __name__ and not name.startswith(("importlib", "_frozen_importlib")):
            return name.partition(".")[0]
        frame = frame.f_back
    return ""


@contextlib.contextmanager
def lean_libraries() -> Iterator[None]:
    """In this block they start lean. For a process of our own: in a notebook, users give them data frames."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
