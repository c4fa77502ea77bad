"""Which inputs a result stands for: the code a stage runs, and the key of a training by content."""

import ast
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from frostline import files
from frostline.errors import InputError

PACKAGE = Path(__file__).parents[1]
VERSIONS = Path("requirements/versions.yaml")


def closure(module: str) -> list[Path]:
    """Files of this package that a module (`frostline.stages.train`) imports, itself included.

    Imports are read from the source, those inside functions too; folders' `__init__` come along.
    """
    found: dict[Path, None] = {}
    waiting = [module]
    while waiting:
        path = _file(waiting.pop())
        if path and path not in found:
            found[path] = None
            waiting += _imports(path)
    return sorted(found)


def code(module: str) -> str:
    """Digest of the source of everything in a module's closure."""
    return files.digest({str(path.relative_to(PACKAGE)): files.sha256_file(path) for path in closure(module)})


def packages(names: Iterable[str]) -> dict[str, str]:
    """Installed versions by distribution name."""
    return {name: metadata.version(name) for name in names}


def require_versions(path: Path = VERSIONS) -> None:
    """Refuse to compute with other packages than dvc.lock will say: InputError naming each of them."""
    try:
        wanted = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing; run this in the project's root") from None
    installed = {name: _installed(name) for name in wanted}
    if other := [
        f"{name} {installed[name]} (not {wanted[name]})" for name in wanted if installed[name] != wanted[name]
    ]:
        raise InputError(
            f"installed: {', '.join(other)}; run `make setup`, or `make lock` to move the project to new versions"
        )


def key(parts: dict[str, Any]) -> str:
    """The content key of a training: 64 hex digits that any equal recipe, data, weights and code share."""
    return files.digest(parts)


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def _file(module: str) -> Path | None:
    parts = module.split(".")
    if parts[0] != PACKAGE.name:
        return None
    base = PACKAGE.joinpath(*parts[1:])
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _imports(path: Path) -> list[str]:
    """Module names that a file may import; `from a import b` names both a and a.b."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [*names, *{".".join(name.split(".")[:n]) for name in names for n in range(1, name.count(".") + 1)}]
