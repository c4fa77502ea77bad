"""Which code and packages a stage can reach, and the key that equal trainings share."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from frostline.pipeline import code_digest
from helpers.images import folder

SOURCES = {
    "__init__.py": "",
    "errors.py": "",
    "top.py": "import json\nfrom frostline import errors, low\nfrom frostline.room import chair\n",
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
    for function in (code_digest._reached, code_digest._tree, code_digest._names):
        function.cache_clear()
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
            {"__init__.py", "errors.py", "top.py", "low.py", "hidden.py", "room/__init__.py", "room/chair.py",
             "room/table/__init__.py", "room/table/leg.py"},
        ),
        ("json", set()),
        ("frostline.nothing", set()),
    ],
)  # fmt: skip
def test_closure(package: Path, module: str, expected: set[str]) -> None:
    """Imports of imports, those inside functions, folders' own files, circles; nothing from outside."""
    assert {path.relative_to(package).as_posix() for path in code_digest.closure(module)} == expected


def digest() -> str:
    """What `frostline.top` runs, computed anew."""
    for function in (code_digest._reached, code_digest._tree, code_digest._names):
        function.cache_clear()
    return str(code_digest.module("frostline.top")["code"])


@pytest.mark.parametrize(
    ("edited", "differs"),
    [("top.py", True), ("hidden.py", True), ("room/table/__init__.py", True), ("alone.py", False),
     ("__init__.py", False), ("errors.py", False)],
)  # fmt: skip
def test_code_changes_with_what_runs(package: Path, edited: str, differs: bool) -> None:
    """A statement in a file that is imported, however deep, is other code; elsewhere it is not."""
    before = digest()
    with (package / edited).open("a") as file:
        file.write("changed = 1\n")
    assert (digest() != before) == differs


@pytest.mark.parametrize(
    ("source", "differs"),
    [
        ('"""Other words."""\n\n\ndef f(\n    a,\n    b=1,\n):\n    # why\n    return [a, "x"]\n', False),
        ("def f(a, b=1):\n    'Words.'\n    return [a, 'x',]\n", False),
        ("def f(a, b=1):\n    return [a, 'y']\n", True),
        ("def f(a, b=1.0):\n    return [a, 'x']\n", True),
        ("def f(a, b=True):\n    return [a, 'x']\n", True),
        ("def f(a, b=1):\n    pass\n    return [a, 'x']\n", True),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from frostline import alone\n", True),
    ],
)
def test_only_meaning_counts(package: Path, source: str, differs: bool) -> None:
    """Comments, docstrings, quotes, trailing commas and line breaks do not; values and their types do."""
    (package / "hidden.py").write_text("def f(a, b=1):\n    return [a, 'x']\n")
    before = digest()
    (package / "hidden.py").write_text(source)
    assert (digest() != before) == differs


def test_imports_for_the_type_checker_alone_are_not_followed(package: Path) -> None:
    """They are never executed."""
    (package / "hidden.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import frostline.alone\n"
    )
    digest()
    assert package / "alone.py" not in code_digest.closure("frostline.top")


def test_templates_count_where_they_are_named(package: Path) -> None:
    """A page's template, and the style that it names, are code of the stage that draws it; others are not."""
    (package / "hidden.py").write_text("PAGE = 'page.html.j2'\n")
    for name, text in (("page.html.j2", "{% include 'style.css' %}"), ("style.css", "a"), ("other.css", "a")):
        (package / name).write_text(text)
    found = {}
    for name in ("page.html.j2", "style.css", "other.css"):
        before = digest()
        (package / name).write_text((package / name).read_text() + " b")
        found[name] = digest() != before
    assert found == {"page.html.j2": True, "style.css": True, "other.css": False}


def test_code_is_independent_of_the_place(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation at another path runs the same code."""
    before = digest()
    (package.parent / "clone").mkdir()
    monkeypatch.setattr(code_digest, "PACKAGE", package.rename(package.parent / "clone" / "frostline"))
    assert digest() == before


OTHERS = [path for name in ("python3.12", "python3.13") if (path := shutil.which(name))]


@pytest.mark.parametrize("python", OTHERS)
def test_every_python_reads_the_same(python: str) -> None:
    """A project's code.yaml fits colleagues with other versions of Python."""
    source = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from frostline.pipeline import code_digest as c\n"
        "print(*(c.stage(name)['code'] for name in ('weights', 'train', 'evaluate')), c.package())"
    )
    here, there = (
        subprocess.run(
            [each, "-c", source, code_digest.PACKAGE.parent], capture_output=True, text=True, check=False
        )
        for each in (sys.executable, python)
    )
    assert (
        there.returncode or there.stdout == here.stdout
    )  # pyenv's stand-ins fail where no version is chosen


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
        "images/__init__.py",
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
