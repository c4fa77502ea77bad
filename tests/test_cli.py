"""The command line: help that is quick and runs, and one honest line and exit code for what goes wrong."""

import ast
import contextlib
import errno
import importlib
import importlib.util
import inspect
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import click.testing
import pytest
import yaml
from PIL import Image

import frostline
from frostline import cli
from frostline.cli import app, lean_start, project
from frostline.datasets import source
from frostline.errors import FrostlineError, InputError
from frostline.pipeline import code_digest, code_file
from frostline.scoring import plan
from helpers.commands import leaves
from helpers.images import archive, classes
from helpers.models import endless

ROOT = Path(__file__).parents[1]
FROSTLINE = Path(sys.executable).with_name("frostline")
COMMANDS = leaves()
HELP_SECONDS = 0.5
PRINTED = {str(None), "<class 'str'>", "list[str]"}


def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command in the project's root."""
    return subprocess.run(
        [FROSTLINE, *arguments], cwd=ROOT, env={**os.environ, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run `main` in this process; its exit code."""
    monkeypatch.setattr(sys, "argv", ["frostline", *arguments])
    try:
        cli.main()
    except SystemExit as done:
        return int(done.code or 0)
    return 0


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make `frostline registry sync` fail so."""

    def run_(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(importlib.import_module("frostline.commands.registry"), "sync", run_)


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_help_is_quick(name: str | None) -> None:
    """Within half a second of processor time: neither a command nor its help loads what computes."""
    arguments = ["--help"] if name is None else [*name.split(), "--help"]
    best = float("inf")
    for _ in range(5):
        before = os.times()
        done = call(*arguments)
        after = os.times()
        best = min(best, sum(after[2:4]) - sum(before[2:4]))  # of children, by user and by system
        assert done.returncode == 0
        if best <= HELP_SECONDS:
            break
    assert best <= HELP_SECONDS


def example(name: str) -> list[str]:
    """The arguments of the example that a command's help ends in, on a line of its own."""
    words = name.split()
    said = click.testing.CliRunner().invoke(cli.cli, [*words, "--help"]).stdout
    last = said.rstrip().splitlines()[-1].strip()
    assert last.startswith("Example: frostline "), name
    return shlex.split(last.removeprefix("Example: frostline "))


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_in_an_example(name: str) -> None:
    """The help of each command says what it does and shows a call that its own parser takes."""
    assert COMMANDS[name].help
    words = name.split()
    assert example(name)[: len(words)] == words
    COMMANDS[name].make_context(name, example(name)[len(words) :])  # raises for options that do not exist


@pytest.mark.parametrize("name", cli.STAGES)
def test_examples_name_what_params_has(name: str) -> None:
    """A stage's example runs in a fresh project: its entry is in params.yaml."""
    collection = {"weights": "weights", "preprocess": "datasets"}.get(name, "classifiers")
    entries = yaml.safe_load((ROOT / "params.yaml").read_text())
    named = example(name)[1:]
    assert named
    assert set(named) <= entries[collection].keys()


def test_other_examples_name_what_is_there() -> None:
    """The model of `score` exists in a fresh project."""
    model = example("score")[example("score").index("--model") + 1]
    assert model in yaml.safe_load((ROOT / "params.yaml").read_text())["classifiers"]


def test_stages_commands_and_graph_agree() -> None:
    """The first commands are the stages of dvc.yaml in their order."""
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert tuple(graph) == cli.STAGES
    assert list(COMMANDS)[: len(graph)] == list(graph)
    for name, stage in graph.items():
        key = " ${key}" if "foreach" in stage else ""
        assert stage.get("do", stage)["cmd"] == f"frostline {name}{key}"


@pytest.mark.parametrize("name", app.MOVED)
def test_an_old_name_says_the_new_one(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line that names a command there is, and exit code 2; the old name itself is gone."""
    assert name not in cli.cli.commands
    assert run(monkeypatch, name, "digits-vgg19", "--any") == 2
    assert capsys.readouterr() == ("", f"frostline: it is now: frostline {app.MOVED[name]}\n")
    words = app.MOVED[name].split()
    assert {words[0], " ".join(words[:2])} & set(COMMANDS)


def test_without_arguments_the_help() -> None:
    """`frostline` alone lists every command once, the first to type first, and cuts no summary."""
    said = call()
    text = said.stdout + said.stderr
    listed = [name for names in app.SECTIONS.values() for name in names]
    assert sorted(listed) == sorted(cli.cli.commands)
    places = [text.index(f"\n  {name} ") for name in listed]
    assert places == sorted(places)
    assert text.count("...") == 1  # the usage


def test_version() -> None:
    """The package's own."""
    assert call("--version").stdout.strip() == f"frostline, version {frostline.__version__}"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["trian", "x"], 2, "No such command 'trian'"),
        (["train"], 2, "Missing argument 'NAME'"),
        (["score", "data", "--out", "s.csv"], 2, "Missing option '--model'"),
        (["score", "data", "--model", "m", "--out", "s.csv", "--device", "tpu"], 2, "'tpu' is not one of"),
        (
            ["score", "data", "--model", "m", "--out", "s.csv", "--batch-size", "0"],
            2,
            "0 is not in the range",
        ),
        (["compare", "me"], 2, "name two classifiers"),
        (["evaluate", "--fast", "x"], 2, "No such option"),
        (["net", "describe", "digits-vg19"], 2, "frostline: no classifier named 'digits-vg19'"),
        (["score", "data", "--model", "none.onnx", "--out", "s.csv"], 2, "frostline: "),
    ],
)
def test_what_was_asked_wrongly(
    arguments: list[str],
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2 and a line on stderr that names the mistake; nothing on stdout, no traceback."""
    monkeypatch.chdir(ROOT)
    assert run(monkeypatch, *arguments) == code
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["score", "", "--model", "m", "--out", "s.csv"],
        ["score", "data", "--model", "m", "--out", ""],
        ["score", "--list=", "--model", "m", "--out", "s.csv"],
        ["data", "add", ""],
        ["init", "", "--sample"],
        ["init", "flowers", "--data", ""],
        ["registry", "trace", ""],
        ["drift", "", "--model", "m"],
        ["net", "maps", "digits-cnn", "", "--out", "maps"],
        ["net", "classify", "--backbone", "vgg19", ""],
        ["train", ""],
    ],
)
def test_an_empty_word(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an unset variable of a shell leaves is no path, least of all the current folder."""
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "empty; is a variable of your shell not set?" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("pause", [0.02, 0.3])
def test_interrupted_twice(tmp_path: Path, pause: float) -> None:
    """Also while the network is in native code, which nothing ends: 130 and one line, at once."""
    (tmp_path / "model.onnx").write_bytes(endless(nodes=False, bright=True))
    Image.new("RGB", (20, 20), "white").save(tmp_path / "white.png")
    words = ["score", ".", "--model", "model.onnx", "--device", "cpu", "--batch-size", "1", "--out", "s.csv"]
    command = [FROSTLINE, *words]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        while len(list(tmp_path.iterdir())) == 2:  # until the job has a folder
            time.sleep(0.1)
        time.sleep(1)
        for _ in range(2):
            running.send_signal(signal.SIGINT)
            time.sleep(pause)
        said = running.stderr.read().strip().splitlines()
    assert running.returncode == 130
    assert said[-1] == "frostline: interrupted; what was finished is kept, run the command again to go on"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (FrostlineError("it broke; do this"), 1, "frostline: it broke; do this\n"),
        (InputError("a: wrong\nb: wrong too"), 2, "frostline: a: wrong\nfrostline: b: wrong too\n"),
        (
            KeyboardInterrupt(),
            130,
            "\nfrostline: interrupted; what was finished is kept, run the command again to go on\n",
        ),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "artifacts/x"),
            1,
            "frostline: artifacts/x: No space left on device; free the disk or check the path, "
            "then run the command again\n",
        ),
        (
            OSError(errno.EROFS, os.strerror(errno.EROFS)),
            1,
            "frostline: Read-only file system; free the disk or check the path, then run the command again\n",
        ),
        (MemoryError(), 1, "frostline: out of memory; use a smaller batch size or smaller images\n"),
        (BrokenPipeError(), 141, ""),
        (
            ModuleNotFoundError("No module named 'mlflow'", name="mlflow.tracking"),
            1,
            "frostline: registry sync needs mlflow, which is not installed; install the pipeline: "
            "pip install 'frostline[train]'\n",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_went_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, said: str
) -> None:  # fmt: skip
    """Each known failure is its own lines and exit code, on stderr only."""
    failing(monkeypatch, error)
    assert run(monkeypatch, "registry", "sync") == code
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize("error", [ValueError("a mistake"), ModuleNotFoundError("x", name="frostline.gone")])
def test_our_own_mistakes_are_not_hidden(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """What nobody foresaw keeps its traceback; a missing room of ours is no missing package."""
    failing(monkeypatch, error)
    with pytest.raises(type(error)):
        run(monkeypatch, "registry", "sync")


@pytest.mark.parametrize(
    ("arguments", "package"),
    [
        (["data", "sample", "--out", "digits.zip"], "sklearn"),
        (["train", "digits-vgg19"], "ruamel"),
        (["weights", "vgg19-random"], "pydantic"),
        (["data", "add", "data"], "pydantic"),
    ],
)
def test_a_missing_package_is_an_instruction(tmp_path: Path, arguments: list[str], package: str) -> None:
    """A real import that fails, in a process where the package cannot be found."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] == '{package}':\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
    )
    code_file.write(code_file.installed(), {}, tmp_path / "code.yaml")
    done = subprocess.run(
        [FROSTLINE, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT / "src")])},
    )  # fmt: skip
    name = " ".join(arguments[:2]) if arguments[0] == "data" else arguments[0]
    assert done.stderr == (
        f"frostline: {name} needs {package}, which is not installed; install the pipeline: "
        "pip install 'frostline[train]'\n"
    )
    assert done.returncode == 1


def test_stages_ask_for_the_locked_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stage computes only by the code and packages that code.yaml names; other commands do not ask."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(code_digest.metadata, "version", lambda _: "0.1")
    for name in cli.STAGES:
        arguments = [] if name == "compare" else ["digits-vgg19"]
        assert run(monkeypatch, name, *arguments) == 2, name
        said = capsys.readouterr().err
        assert said.startswith(f"frostline: {name}: code.yaml names other code than is installed (")
        assert re.search(r"numpy \S+ → 0\.1", said)
    failing(monkeypatch, FrostlineError("it was reached"))
    assert run(monkeypatch, "registry", "sync") == 1
    assert "it was reached" in capsys.readouterr().err


def test_what_is_printed_can_be() -> None:
    """Each function that a command prints the result of returns text, lines or nothing."""
    calls = [
        node
        for path in (ROOT / "src/frostline/cli").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "run"
        and isinstance(node.args[0], ast.Constant)
    ]
    assert len(calls) > 15
    for node in calls:
        work = {
            keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords if keyword.arg == "work"
        }
        module = importlib.import_module(f"frostline.commands.{ast.literal_eval(node.args[0])}")
        function = getattr(module, work.get("work", "run"))
        assert str(inspect.signature(function).return_annotation) in PRINTED, ast.unparse(node)


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (
            ["weights", "vgg19-ran"],
            "no weights named 'vgg19-ran' in params.yaml; did you mean 'vgg19-random'?",
        ),
        (["preprocess", "digit"], "no dataset named 'digit' in params.yaml; did you mean 'digits'?"),
        *(([name, "digits-vgg"], "did you mean 'digits-vgg19'?") for name in ("train", "evaluate", "export")),
        (["compare", "digit-cnn", "digits-vgg19"], "did you mean 'digits-cnn'?"),
        (["evaluate", "x; rm -r ~"], "known: digits-"),
        (["net", "maps", "digits-vgg", "x.png", "--out", "maps"], "did you mean 'digits-vgg19'?"),
    ],
)
def test_an_entry_that_there_is_not(
    arguments: list[str],
    near: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The nearest name that params.yaml has, and no command with the wrong one in it."""
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    code_file.write(code_file.installed(), {}, tmp_path / "code.yaml")
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *arguments) == 2
    said = capsys.readouterr().err
    assert near in said
    assert "dvc repro" not in said


def test_outside_a_project(tmp_path: Path) -> None:
    """In a folder without a project, stages say where they must run."""
    done = subprocess.run(
        [FROSTLINE, "train", "x"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("frostline: no dvc.yaml in ")
    assert done.stderr.endswith("run this in a project, or begin one: frostline init\n")
    assert not list(tmp_path.iterdir())


def test_in_a_subfolder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands work in the project's root; paths that were given are meant where they were typed."""
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    here = tmp_path / "photos/new"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    assert run(monkeypatch, "data", "sample", "--out", "mine.zip") == 0
    assert capsys.readouterr().out == f"Wrote {here / 'mine.zip'}: 1797 images in 10 classes\n"
    monkeypatch.chdir(here)
    assert run(monkeypatch, "data", "sample") == 0
    monkeypatch.chdir(here)
    assert run(monkeypatch, "registry", "trace", "none.csv") == 2
    assert str(here / "none.csv") in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.rglob("*.zip")) == ["digits.zip", "mine.zip"]
    assert (tmp_path / "data/digits.zip").is_file()
    for name in ("net maps", "net classify"):  # their examples show an image that a project of the sample has
        [image] = [word for word in example(name) if word.endswith(".png")]
        assert source.read_image(tmp_path / image).startswith(b"\x89PNG")


def test_defaults_are_those_of_the_functions() -> None:
    """Help shows the default that the Python function has; the command line has none of its own."""
    assert f"[default: {plan.Options().top_k}; 1<=x<=1000]" in " ".join(
        call("score", "--help").stdout.split()
    )
    assert "[default: data/digits.zip]" in call("data", "sample", "--help").stdout


def test_letters_that_stdout_cannot_show(tmp_path: Path) -> None:
    """Where stdout takes ASCII alone, or a name is no text, letters are escaped; nothing fails for it."""
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff" + "ö☃.zip".encode())
    done = call("data", "sample", "--out", name, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Wrote {tmp_path}/\\xff\\xf6\\u2603.zip: 1797 images")


ALL_CLOSED = "<&- >&- 2>&-"


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ALL_CLOSED])
def test_closed_streams(tmp_path: Path, closed: str) -> None:
    """Started by something that closed its streams, the work is done, and what is said goes nowhere."""
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    code_file.write(code_file.installed(), {}, tmp_path / "code.yaml")
    words, made = "data sample", "data/digits.zip"
    if closed == ALL_CLOSED:
        archive(tmp_path / made, classes({"one": 9, "two": 9}))
        words, made = "preprocess digits", "artifacts/datasets/digits/summary.json"
    script = f"{FROSTLINE} {words} {closed}"
    done = subprocess.run(script, cwd=tmp_path, shell=True, capture_output=True, check=False)
    assert done.returncode == 0
    assert (tmp_path / made).is_file()
    assert zipfile.is_zipfile(tmp_path / "data/digits.zip")


def test_a_notebook_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command of a Jupyter cell has a terminal that nobody types into: a question would wait for ever."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    assert project._answers()
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    assert not project._answers()


@pytest.mark.parametrize(
    ("importer", "found"),
    [("keras.src.wrappers", False), ("kerastuner", True), ("mlflow.data", True), ("frostline.stages", True)],
)
def test_keras_starts_lean(monkeypatch: pytest.MonkeyPatch, importer: str, *, found: bool) -> None:
    """What it does without is hidden from it alone, by either kind of import, and only while a command runs."""
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    look = "from importlib.util import find_spec; assert find_spec('IPython'); import IPython"
    with (
        lean_start.lean_libraries(),
        contextlib.nullcontext() if found else pytest.raises(ModuleNotFoundError),
    ):
        exec(look, {"__name__": importer})
    exec(look, {"__name__": "keras.src.wrappers"})


@pytest.mark.parametrize(
    ("library", "package", "file", "asked"),
    [
        ("keras", "pandas", "src/trainers/data_adapters/array_slicing", "try:\n    import pandas"),
        ("keras", "sklearn", "src/wrappers/fixes", "try:\n    import sklearn"),
        ("keras", "matplotlib", "src/visualization/plot_image_gallery", "try:\n    import matplotlib"),
        ("keras", "IPython", "src/saving/file_editor", "try:\n    import IPython"),
        (
            "mlflow",
            "pandas",
            "data/dataset_registry",
            "with suppress(ImportError):\n    from mlflow.data.pandas_dataset",
        ),
        ("mlflow", "pandas", "models/__init__", "try:\n    from mlflow.models.python_api import predict"),
        ("mlflow", "scipy", "models/utils", "try:\n    from scipy.sparse"),
        ("mako", "pygments", "exceptions", "try:\n        _install_pygments()"),
        ("matplotlib", "mpl_toolkits", "projections/__init__", "try:\n    from mpl_toolkits.mplot3d"),
        (
            "openvino",
            "openvino.tools",
            "__init__",
            "    from openvino.tools.ovc import convert_model\nexcept ImportError",
        ),
    ],
)
def test_a_library_does_without(library: str, package: str, file: str, asked: str) -> None:
    """The hidden packages are the ones that it imports only to see whether they are there."""
    assert package in lean_start.UNUSED[library]
    if library == "openvino" and importlib.util.find_spec(library) is None:
        pytest.skip("not installed")
    (folder,) = importlib.util.find_spec(library).submodule_search_locations  # type: ignore[union-attr,misc]
    assert asked in Path(folder, f"{file}.py").read_text()
