"""The code that a stage can reach, and the packages that compute in it, as digests and versions.

A stage's results depend on what it runs, not on how that is written down: imports are followed from the stage's
module, and of each file the syntax tree counts, without comments, docstrings and formatting. What counts is equal
under every supported version of Python.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from frostline import files
from frostline.pipeline.known_code import Reached, remembered

PACKAGE = Path(__file__).parents[1]

# The packages whose arithmetic is in results: what they are imported as and what installs them.
ARITHMETIC: Mapping[str, tuple[str, ...]] = {
    "cleanlab": ("cleanlab", "cleanlab"),
    "faiss": ("faiss", "faiss-cpu", "faiss-gpu"),
    "jinja2": ("jinja2", "jinja2"),
    "keras": ("keras", "keras"),
    "matplotlib": ("matplotlib", "matplotlib"),
    "numpy": ("numpy", "numpy"),
    "onnx": ("onnx", "onnx"),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu", "onnxruntime"),
    "pillow": ("PIL", "pillow"),
    "pyarrow": ("pyarrow", "pyarrow"),
    "scikit-learn": ("sklearn", "scikit-learn"),
    "scipy": ("scipy", "scipy"),
    "tensorflow": ("tensorflow", "tensorflow"),
    "tf2onnx": ("tf2onnx", "tf2onnx"),
}
# No result holds anything of these: they name what there is, read params.yaml (whose values DVC compares itself),
# or say how far a stage has come.
SILENT = (
    "__init__", "config/__init__", "config/checks", "config/migration", "config/networks", "config/reading",
    "config/schema", "config/sections", "config/shapes", "config/training", "config/weights", "errors", "progress",
)  # fmt: skip

TEMPLATES = (".css", ".html", ".j2", ".js")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def closure(module: str) -> list[Path]:
    """Files of this package that a module (`frostline.stages.train`) imports, itself included.

    Imports are read from the source, those inside functions too, those for the type checker alone not;
    folders' `__init__` come along.
    """
    reached: dict[Path, None] = {}
    waiting = [module]
    while waiting:
        path = _file(waiting.pop())
        if path and path not in reached:
            reached[path] = None
            waiting += _names(path)
    return sorted(reached)


def stage(name: str) -> dict[str, Any]:
    """What the results of a stage depend on beside its inputs: `code` (64 hex digits), `packages` by version."""
    return module(f"frostline.stages.{name}")


def module(name: str) -> dict[str, Any]:
    """As `stage`, for any module of this package."""
    code, imported = _reached(name)
    return {
        "code": code,
        "packages": {name: _version(name) for name, (top, *_) in ARITHMETIC.items() if top in imported},
    }


@cache
def _reached(name: str) -> Reached:
    """The digest of the code that a module reaches, and the packages that it can import."""
    return remembered(name, _sources(), lambda: _followed(name))


def _sources() -> list[Path]:
    """All files of this package that a digest may be of."""
    return sorted(path for path in PACKAGE.rglob("*") if path.suffix in {".py", *TEMPLATES})


def _followed(name: str) -> Reached:
    reached = closure(name)
    counted = [path for path in reached if _relative(path) not in SILENT]
    trees = {_relative(path): _meaning(path) for path in counted}
    imported = {module.partition(".")[0] for path in reached for module in _names(path)}
    return files.digest([trees, _templates(counted)]), frozenset(imported)


@cache
def package() -> str:
    """Digest of all code of this package as it is installed (64 hex digits)."""
    return files.digest({_relative(path): _meaning(path) for path in sorted(PACKAGE.rglob("*.py"))})


def key(parts: Mapping[str, Any]) -> str:
    """The key of a training by its content: 64 hex digits that equal recipe, data, weights and code share."""
    return files.digest(dict(parts))


def _templates(sources: Sequence[Path]) -> dict[str, str]:
    """Files of this package that are no Python (pages, styles) and that sources, or they themselves, name."""
    unnamed = {path for path in PACKAGE.rglob("*.*") if path.suffix in TEMPLATES}
    waiting, found = [path.read_text(encoding="utf-8") for path in sources], {}
    while waiting:
        text = waiting.pop()
        for path in [path for path in unnamed if path.name in text]:
            unnamed.remove(path)
            found[path.relative_to(PACKAGE).as_posix()] = files.sha256_file(path)
            waiting.append(path.read_text(encoding="utf-8"))
    return found


def _relative(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def _version(name: str) -> str:
    """The installed version of a package; "" where it is missing."""
    for distribution in ARITHMETIC[name][1:]:
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return ""


def _file(module: str) -> Path | None:
    parts = module.split(".")
    if parts[0] != PACKAGE.name:
        return None
    base = PACKAGE.joinpath(*parts[1:])
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _meaning(path: Path) -> Any:
    """A file as nested lists of what its code says."""
    return _plain(_tree(path))


def _plain(node: Any) -> Any:
    """A syntax tree without positions, docstrings and what is not there."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, ast.AST):
        return node if isinstance(node, str | int | None) else repr(node)
    if isinstance(node, ast.Constant):
        return ["Constant", repr(node.value)]  # 1 is not 1.0, nor True
    fields = {name: _plain(value) for name, value in ast.iter_fields(node) if value not in (None, [])}
    if isinstance(node, ast.JoinedStr):  # some versions of Python see empty text between two values
        fields["values"] = [value for value in fields.get("values", []) if value != ["Constant", "''"]]
    if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = fields["body"][1:]
    return [type(node).__name__, fields]


@cache
def _names(path: Path) -> tuple[str, ...]:
    """Module names that a file may import; `from a import b` names both a and a.b, and a.b also a."""
    names: list[str] = []
    for node in _executed(_tree(path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    parents = {".".join(name.split(".")[:n]) for name in names for n in range(1, name.count(".") + 1)}
    return (*names, *sorted(parents))


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those below `if TYPE_CHECKING:`."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")):
            yield from _executed(child)
