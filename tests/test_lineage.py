"""Lineage: which code a stage runs, and the key that equal trainings share."""

import ast
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import pytest

from frostline.errors import InputError
from frostline.pipeline import code_digest
from helpers.images import folder

SOURCES = {
    "__init__.py": "",
    "top.py": "import json\nfrom frostline import low\nfrom frostline.room import chair\n",
    "low.py": "def f():\n    from frostline.hidden import g\n    return g\n",
    "hidden.py": "import frostline.room.table.leg\n",
    "alone.py": "",
    "room/__init__.py": "",
    "room/chair.py": "",
    "room/unused.py": "",
    "room/table/__init__.py": "",
    "room/table/leg.py": "from frostline import top\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small package in this one's place."""
    place = folder(tmp_path / "frostline", {name: text.encode() for name, text in SOURCES.items()})
    monkeypatch.setattr(code_digest, "PACKAGE", place)
    return place


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("frostline.alone", {"alone.py"}),
        ("frostline.room", {"room/__init__.py"}),
        (
            "frostline.top",
            {"__init__.py", "top.py", "low.py", "hidden.py", "room/__init__.py", "room/chair.py",
             "room/table/__init__.py", "room/table/leg.py"},
        ),
        ("json", set()),
        ("frostline.nothing", set()),
    ],
)  # fmt: skip
def test_closure(package: Path, module: str, expected: set[str]) -> None:
    """Imports of imports, those inside functions, folders' own files, circles; nothing from outside."""
    assert {path.relative_to(package).as_posix() for path in code_digest.closure(module)} == expected


@pytest.mark.parametrize(
    ("edited", "differs"),
    [("top.py", True), ("hidden.py", True), ("room/table/__init__.py", True), ("alone.py", False)],
)
def test_code_changes_with_what_runs(package: Path, edited: str, differs: bool) -> None:
    """One character in a file that is imported, however deep, is other code; elsewhere it is not."""
    before = code_digest.code("frostline.top")
    with (package / edited).open("a") as file:
        file.write("# \n")
    assert (code_digest.code("frostline.top") != before) == differs


def test_code_is_independent_of_the_checkouts_place(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clone at another path runs the same code."""
    before = code_digest.code("frostline.top")
    (package.parent / "clone").mkdir()
    monkeypatch.setattr(code_digest, "PACKAGE", package.rename(package.parent / "clone" / "frostline"))
    assert code_digest.code("frostline.top") == before


def test_the_stages_code_is_found() -> None:
    """The training's closure reaches the networks, the cache, the decoder and what opens a trunk, not the scorer."""
    found = {
        path.relative_to(code_digest.PACKAGE).as_posix()
        for path in code_digest.closure("frostline.stages.train")
    }
    assert {
        "training/loop.py",
        "runtime/pool.py",
        "store.py",
        "images.py",
        "config/schema.py",
        "config/__init__.py",
    } <= found
    assert not {path for path in found if path.startswith(("scoring/", "runtime/sessions", "cli"))}


def test_the_package_imports_by_full_name() -> None:
    """Relative imports would be invisible to the closure; there are none."""
    for path in code_digest.PACKAGE.rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text()))
        assert not [node for node in nodes if isinstance(node, ast.ImportFrom) and node.level], path


def test_key_is_the_contents() -> None:
    """Equal parts in any order, equal keys; any other part, another."""
    parts = {"recipe": {"seed": 7, "epochs": 2}, "code": "c"}
    assert code_digest.key({"code": "c", "recipe": {"epochs": 2, "seed": 7}}) == code_digest.key(parts)
    assert code_digest.key({**parts, "code": "d"}) != code_digest.key(parts)
    assert len(code_digest.key(parts)) == 64


def versions(tmp_path: Path, wanted: Mapping[str, str]) -> Path:
    """A versions file."""
    path = tmp_path / "versions.yaml"
    path.write_text("".join(f'{name}: "{version}"\n' for name, version in wanted.items()))
    return path


def test_versions_as_locked(tmp_path: Path) -> None:
    """The locked versions pass, and `packages` says the same."""
    numpy = metadata.version("numpy")
    code_digest.require_versions(versions(tmp_path, {"numpy": numpy}))
    assert code_digest.packages(["numpy"]) == {"numpy": numpy}


def test_other_versions_are_refused(tmp_path: Path) -> None:
    """Each other or missing package is named with the version wanted; those that fit are not."""
    pillow, numpy = metadata.version("pillow"), metadata.version("numpy")
    wanted = {"pillow": "1.2", "no-such-package": "3", "numpy": numpy}
    with pytest.raises(InputError) as caught:
        code_digest.require_versions(versions(tmp_path, wanted))
    assert str(caught.value) == (
        f"installed: pillow {pillow} (not 1.2), no-such-package missing (not 3); "
        "run `make setup`, or `make lock` to move the project to new versions"
    )
