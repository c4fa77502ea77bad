"""The public interface: its names, that each is documented and typed, and that importing it is free."""

import ast
import importlib
import inspect
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import frostline
from frostline import errors

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "frostline"
NAMES = {
    "Explanation", "Features", "FrostlineError", "FrozenFeatures", "InputError", "Model", "Project", "ScoreJob",
    "Scores", "Table", "__version__", "extract_features", "open_model", "open_project", "score",
}  # fmt: skip
FREE = (
    "numpy",
    "pyarrow",
    "PIL",
    "onnxruntime",
    "tensorflow",
    "keras",
    "sklearn",
    "pandas",
    "pydantic",
    "click",
)


def test_these_names_and_no_others() -> None:
    """A name that is added or goes is a decision."""
    assert set(frostline.__all__) == set(dir(frostline)) == NAMES
    assert frostline.__all__ == sorted(frostline.__all__, key=lambda name: (name.islower(), name))
    with pytest.raises(AttributeError, match="nothing"):
        frostline.nothing  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("name", sorted(NAMES - {"__version__"}))
def test_every_name_is_documented(name: str) -> None:
    """Itself, and all that a class shows."""
    public = getattr(frostline, name)
    assert inspect.getdoc(public)
    assert public.__module__.startswith("frostline.")
    if inspect.isclass(public):
        members = [member for key, member in vars(public).items() if not key.startswith("_")]
        documented = [member for member in members if callable(member) or isinstance(member, property)]
        assert all(inspect.getdoc(member) for member in documented)


def test_type_checkers_see_the_same_names() -> None:
    """The stub imports each name from where it is loaded."""
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    found = {
        alias.asname: node.module
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert found.keys() == NAMES - {"__version__"}
    for name, module in found.items():
        assert getattr(importlib.import_module(str(module)), str(name)) is getattr(frostline, str(name))


def test_the_source_imports_no_room() -> None:
    """What a stage can reach must not grow by the public names: they are texts."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in imports] == ["from importlib import import_module"]


def test_importing_is_free() -> None:
    """Nothing but the standard library comes with it, and little of that."""
    code = (
        "import sys; before = set(sys.modules); import frostline; new = set(sys.modules) - before\n"
        f"print(sorted(new)); assert not new & set({FREE!r}), new; assert len(new) < 8, new\n"
        "dir(frostline); frostline.FrostlineError; assert not set(sys.modules) & set({'numpy', 'pyarrow'})\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(ROOT / "src")})


def test_opening_a_model_takes_only_the_base_install() -> None:
    """A scorer without the pipeline's packages has the same interface."""
    hidden = (
        "pydantic",
        "ruamel",
        "sklearn",
        "tensorflow",
        "keras",
        "pandas",
        "matplotlib",
        "scipy",
        "mlflow",
    )
    code = (
        f"import sys\nfor name in {hidden!r}: sys.modules[name] = None\n"
        "import frostline; frostline.open_model; frostline.score; frostline.Scores; frostline.Explanation"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(ROOT / "src")})


def test_a_missing_package_is_an_instruction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a traceback out of an import."""
    monkeypatch.delitem(vars(frostline), "score", raising=False)

    def missing(_: str) -> None:
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn.base")

    real = frostline.import_module  # type: ignore[attr-defined]
    monkeypatch.setattr(
        frostline, "import_module", lambda name: real(name) if name.endswith("errors") else missing(name)
    )
    with pytest.raises(errors.FrostlineError, match=r"sklearn.*frostline\[train\]"):
        frostline.score  # noqa: B018


def test_the_version_is_the_distribution_s() -> None:
    """One source; a copy of the code alone has none and still works."""
    code = "import frostline; print(frostline.__version__)"
    alone = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert alone.stdout.strip() == "unknown"
    assert frostline.__version__ == importlib.import_module("importlib.metadata").version("frostline")


def test_a_wheel_carries_the_types(tmp_path: Path) -> None:
    """py.typed and the stub are in it."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, check=True, cwd=ROOT, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        assert {"frostline/py.typed", "frostline/__init__.pyi"} <= set(content.namelist())


def test_types_are_seen(tmp_path: Path) -> None:
    """mypy, strict, of a user's program: real signatures, and mistakes are found.

    In the root, for the settings and the cache of `make lint`.
    """
    program = tmp_path / "program.py"
    program.write_text(
        "import frostline\n"
        "model = frostline.open_model('m.onnx', device='cpu')\n"
        "reveal_type(model.predict(['a.jpg']))\n"
        "reveal_type(frostline.score('photos', model='m.onnx'))\n"
        "reveal_type(frostline.score('photos', model='m.onnx', out='s.csv', resume=True))\n"
        "reveal_type(frostline.extract_features('photos', classifier='x'))\n"
        "reveal_type(frostline.open_project().model('x', batch_size=1).embed('photos'))\n"
        "reveal_type(frostline.__version__)\n"
        "frostline.open_model('m.onnx', device='gpu')\n"
        "frostline.nothing\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(program)],
        capture_output=True, text=True, check=False, cwd=ROOT, env={"MYPYPATH": "src"},
    )  # fmt: skip
    said = [line for line in done.stdout.splitlines() if "program.py" in line]
    revealed = [line.split('"')[1] for line in said if "Revealed" in line]
    wanted = ["Scores", "Scores", "ScoreJob", "Features", "_32Bit", "str"]
    assert [name in each for name, each in zip(wanted, revealed, strict=True)] == [True] * 6, done.stdout
    wrong = [line for line in said if "error" in line]
    assert ["arg-type" in wrong[0], "attr-defined" in wrong[1]] == [True, True], done.stdout
