"""The house: arrows only go down, importing is free, and dvc.yaml lists what each stage really uses."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from frostline.pipeline import code_digest
from frostline.pipeline.code_file import CODE, STAGES

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "frostline"

# The house from top to bottom: a room may import itself and whatever stands below it.
ROOMS = (
    "cli", "commands", "review", "automation", "template", "stages", "project", "scoring", "tracking", "training",
    "evaluation", "features", "runtime", "models", "datasets", "pipeline", "config", "images",
)  # fmt: skip
# What every room may use, and what uses no room.
TOOLS = {
    "arrow",
    "checksums",
    "csv_text",
    "errors",
    "files",
    "known_arrays",
    "memory",
    "pages",
    "paths",
    "progress",
    "snapshot",
    "store",
    "system",
    "table",
    "__init__",
}
HEAVY = (
    "tensorflow",
    "keras",
    "mlflow",
    "dvc",
    "prefect",
    "onnxruntime",
    "onnx",
    "matplotlib",
    "sklearn",
    "scipy",
    "faiss",
    "jinja2",
)
# Prefect's decorators make a task where it is defined. Flows import this module by name, nothing of the package does.
FLOWS_ONLY = PACKAGE / "automation" / "tasks.py"
# By the name they are imported by: they read params, draw progress, count threads, show a protocol's errors or move
# work. OpenVINO is an extra: the key of the features that it computed names its version.
NO_ARITHMETIC = {
    "fsspec", "google", "h5py", "ml_dtypes", "openvino", "pydantic", "pydantic_core", "ray", "rich", "ruamel",
    "threadpoolctl",
}  # fmt: skip


# A class of scikit-learn's has its base at its module's top; only a public name of the package leads there.
SUBCLASSES = {"training/transformer.py"}


def room(path: Path) -> str:
    """The room a file stands in: its folder, or itself at the top."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@functools.cache
def parsed(path: Path) -> ast.Module:
    """A file's syntax tree, parsed once for all tests."""
    return ast.parse(path.read_text())


def imported_rooms(path: Path) -> set[str]:
    """Rooms of this package that a file imports, at its top or inside functions."""
    rooms = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "frostline":
            inside = node.module.split(".")[1:]
            rooms |= {inside[0]} if inside else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            rooms |= {a.name.split(".")[1] for a in node.names if a.name.startswith("frostline.")}
    return rooms - {"__version__"}


def files() -> list[Path]:
    """Every source file of the package."""
    return sorted(path for path in PACKAGE.rglob("*.py") if "template/files" not in path.as_posix())


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_only_go_down(path: Path) -> None:
    """A room imports only itself and the rooms below it; what every room may use imports no room."""
    here = room(path)
    below = set(ROOMS[ROOMS.index(here) :]) if here in ROOMS else set()
    assert imported_rooms(path) <= below | TOOLS


def test_a_stage_does_not_import_another() -> None:
    """What two stages need is in a room below them."""
    stages = [path for path in files() if room(path) == "stages"]
    assert len(stages) > 5
    assert [path.name for path in stages if "stages" in imported_rooms(path)] == []


def test_the_arrow_test_can_fail(tmp_path: Path) -> None:
    """An import inside a function is seen as well as one at the top."""
    source = tmp_path / "x.py"
    source.write_text("def f():\n    from frostline.stages import train\n    import frostline.cli\n")
    assert imported_rooms(source) == {"stages", "cli"}


def test_every_room_is_known() -> None:
    """A new folder or module needs a place in the house."""
    assert {room(path) for path in files()} <= {*ROOMS, *TOOLS}


def stages() -> dict[str, dict]:
    """dvc.yaml's stages with their templates taken off."""
    found = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    return {name: stage.get("do", stage) for name, stage in found.items()}


def test_no_source_stands_in_the_graph() -> None:
    """Each stage depends on its own section of code.yaml and on no file of the library."""
    for name, stage in stages().items():
        assert {CODE.name: [name]} in stage["params"]
        assert not [dep for dep in stage["deps"] if "src" in dep]


@pytest.mark.parametrize("name", STAGES)
def test_every_package_in_reach_is_known(name: str) -> None:
    """What a stage can import either does arithmetic, and is in its section, or is known to do none."""
    reached = code_digest.closure(f"frostline.stages.{name}")
    tops = set().union(*map(imported_packages, reached)) - {"frostline"} - sys.stdlib_module_names
    assert tops <= {top for top, *_ in code_digest.ARITHMETIC.values()} | NO_ARITHMETIC


@functools.cache
def imported_packages(path: Path) -> frozenset[str]:
    """Top names of all that a file imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return frozenset(names)


def test_nothing_imports_what_is_for_flows_only() -> None:
    """So that Prefect is loaded by flows alone."""
    assert [path.name for path in files() if "automation.tasks" in path.read_text()] == []
    assert [path.name for path in files() if "automation import tasks" in path.read_text()] == []


@pytest.mark.parametrize(
    "path", [each for each in files() if each != FLOWS_ONLY], ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_no_heavy_import_at_the_top(path: Path) -> None:
    """Heavy libraries are imported by the functions that use them."""
    if path.relative_to(PACKAGE).as_posix() in SUBCLASSES:
        return
    top = [node for node in parsed(path).body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in top if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in top if isinstance(node, ast.ImportFrom)}
    assert not {name for name in names if name.split(".")[0] in HEAVY}


def test_parquet_is_read_in_one_place() -> None:
    """The one that says why not by Arrow's `read_table`."""
    assert [path.name for path in files() if "read_table(" in path.read_text()] == []


def test_importing_every_room_does_nothing() -> None:
    """No heavy library, logging set-up or folder comes from importing all of the package."""
    light = [
        path
        for path in files()
        if path != FLOWS_ONLY and path.relative_to(PACKAGE).as_posix() not in SUBCLASSES
    ]
    modules = [".".join(path.relative_to(ROOT / "src").with_suffix("").parts) for path in light]
    code = (
        "import importlib, logging, os, sys\n"
        "before = set(os.listdir('.')), dict(os.environ)\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "assert (set(os.listdir('.')), dict(os.environ)) == before, 'left something behind'\n"
        "assert not logging.root.handlers, 'set up logging'\n"
        f"heavy = set({HEAVY!r}) & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_every_class_name_stands_for_one_thing() -> None:
    """No name is defined in two files: a reader who met it knows it."""
    places: dict[str, list[str]] = {}
    for path in files():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(path.relative_to(PACKAGE)))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
