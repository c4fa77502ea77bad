"""Commands that are printed: each exists, names what it names as a shell reads it, and works where it was printed."""

import ast
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from frostline import files
from frostline.automation import credential
from frostline.cli import cli
from frostline.commands import data_add, doctor, init, init_plan, registry, serve, trace_origin
from frostline.errors import FrostlineError, shell_command
from frostline.pipeline import holdings, processes
from frostline.scoring import model_path
from frostline.tracking import where_to_look
from helpers.images import encoded, folder
from helpers.projects import call

SOURCE = Path(__file__).parents[1] / "src/frostline"
OPEN, CLOSE = "\ue000", "\ue001"  # around the expressions in a text
# A command in a text, as far as it can go: to what ends it in a sentence.
COMMAND = re.compile(r"(?<![\w./-])(?:frostline|dvc|git|pip|prefect|rm|cd|cat|cp) [a-z-][^`;,)\n]*")
QUOTED = re.compile(r"`((?:frostline|dvc) [a-z][^`]*)`")
# A name of params.yaml is letters, digits, `_` and `-`; a stage of one needs no quotes.
STAGE_OF_A_NAME = re.compile(rf"dvc repro (?:--\w+ )*(?:\w+@{OPEN}[^{CLOSE}]*{CLOSE} ?)+")
# Expressions that stand in commands unquoted, and why they may.
PLAIN = {
    "self.dataset": "a name of params.yaml",
    "name": "a name of params.yaml",
    "' '.join(waiting)": "stages of a name",
    "commit[:12]": "a hash",
    "extra": "one of the extras of pyproject.toml",
    "paths.model('NAME')": "a placeholder",
    "paths.DECISIONS": "one file name",
}
SENTENCES = {"frostline reads", "frostline has been", "frostline serve (or", "git as", "dvc repro: "}


def texts() -> Iterator[tuple[str, str]]:
    """Every text of the package but docstrings, with its place, expressions between OPEN and CLOSE."""
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        lone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if id(node) in lone:
                continue
            place = f"{path.relative_to(SOURCE)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.JoinedStr):
                yield place, "".join(map(_part, node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield place, node.value


def _part(part: ast.expr) -> str:
    if isinstance(part, ast.FormattedValue):
        return f"{OPEN}{ast.unparse(part.value)}{CLOSE}"
    return str(ast.literal_eval(part))


def test_what_is_named_in_a_command_is_quoted() -> None:
    """By `shell_command`, or it is a word that no shell reads otherwise; a new one has to be put into the table."""
    found, expression = set(), re.compile(f"{OPEN}([^{CLOSE}]*){CLOSE}")
    for place, text in texts():
        for command in COMMAND.findall(expression.sub(lambda match: re.sub("[`;,]", "", match[0]), text)):
            if not any(command.startswith(start) for start in SENTENCES):
                bare = STAGE_OF_A_NAME.sub("", command)
                found |= {(each, place) for each in expression.findall(bare)}
    unknown = {(each, place) for each, place in found if each not in PLAIN and "shell_command" not in each}
    assert not unknown


def test_the_collection_finds_commands() -> None:
    """Else the test above would say nothing."""
    commands = {command.split()[0] for _, text in texts() for command in COMMAND.findall(text)}
    assert {"frostline", "dvc", "git", "pip"} <= commands
    assert sum(bool(QUOTED.search(text)) for _, text in texts()) > 40


def quoted(program: str) -> list[tuple[str, list[str]]]:
    """Every command of a program between backticks: where it stands, and its words, expressions as `x`."""
    spelt = [(place, re.sub(f"{OPEN}[^{CLOSE}]*{CLOSE}", "x", text)) for place, text in texts()]
    found = {(place, command) for place, text in spelt for command in QUOTED.findall(text)}
    return [(place, shlex.split(text)) for place, text in sorted(found) if text.startswith(f"{program} ")]


def test_commands_of_ours_exist() -> None:
    """With the options that they are printed with."""
    for place, words in quoted("frostline"):
        command: click.Command = cli
        left = words[1:]
        while isinstance(command, click.Group) and left and left[0] in command.commands:
            command = command.commands[left.pop(0)]
        assert command is not cli, f"{place}: {words}"
        known = {name for option in command.params for name in option.opts}
        assert {word.split("=")[0] for word in left if word.startswith("--")} <= known, f"{place}: {words}"


def test_commands_of_dvc_exist() -> None:
    """DVC's own parser takes them."""
    from dvc.cli.parser import get_main_parser

    parser = get_main_parser()
    for place, words in quoted("dvc"):
        try:
            parser.parse_args(words[1:])
        except BaseException as error:  # DVC's own, or SystemExit
            raise AssertionError(f"{place}: {words}") from error


# A path with all that shells read otherwise.
ODD = 'it\'s "my" lab; $(touch pwned) `x` & *'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in such a path, and photos beside it."""
    root = tmp_path / ODD / "a project"
    folder(
        tmp_path / ODD / "my photos", {f"{name}/{row}.png": encoded(row) for name in "ab" for row in range(3)}
    )
    folder(root, {"dvc.yaml": b"stages: {}\n", "data/my pets/a/1.png": encoded(1), "flows/x.py": b""})
    monkeypatch.chdir(root)
    return root


def said(function: Callable[..., Any], *arguments: Any, **options: Any) -> str:
    """The message of an error that must come."""
    with pytest.raises(FrostlineError) as caught:
        function(*arguments, **options)
    return str(caught.value)


def between(text: str) -> str:
    """The command between backticks."""
    return text.split("`")[1] if text.count("`") == 2 else text[text.index("`") + 1 : text.rindex("`")]


def held(project: Path) -> str:
    """What is to be added once more."""
    (project / "data.dvc").write_text("outs:\n- md5: aa.dir\n")
    folder(project, {".dvc/cache/files/md5/aa/.dir": b"[]"})
    return between(said(holdings.require_held, Path("data/my pets"), ["a/1.png"]))


def leftovers(project: Path) -> str:
    (project.parent / ".01234567.my flowers").mkdir()
    (line,) = init._leftovers(project.parent / "my flowers")
    return line.partition(": ")[2]


def taken(project: Path) -> str:
    return said(init._require_free, project).split("another dataset: ")[1]


def undone(project: Path) -> str:
    call("git", "init", "-q", cwd=project)
    folder(project, {"params.yaml": b"x: 1\n", "data.dvc": b"outs: []\n"})
    call("git", "add", "params.yaml", "data.dvc", cwd=project)
    call("git", "commit", "-qm", "start", cwd=project)
    new = data_add.Addition(
        "", "pets", "pets-cnn", None, Path("data/my pets"), None, {Path("data/my pets"): project}
    )  # type: ignore[arg-type]
    photos = (project / "data/my pets").rename(project / "elsewhere")
    (line,) = data_add._undo(new)  # is made before anything stands there
    photos.rename(project / "data/my pets")
    (project / "params.yaml").write_text("x: 2\n")
    return line.removeprefix("undo: ")


# What prints a command, the words that a shell makes of it ("HERE": the project), and whether it is run.
TABLE: dict[str, tuple[Callable[[Path], str], list[str], bool]] = {
    "dvc add": (held, ["dvc", "add", "data"], False),
    "init: leftovers": (leftovers, ["rm", "-r", "HERE/../.01234567.my flowers"], True),
    "init: a project already": (taken, ["cd", "HERE", "&&", "frostline", "data", "add", "PHOTOS"], False),
    "init: next": (
        lambda project: init._next(project, init_plan.InitPlan(SCORED, {}))[1],
        ["cd", "HERE"],
        True,
    ),
    "data add: undo": (
        undone,
        ["cd", "HERE", "&&", "rm", "-rf", "data/my pets", "&&", "git", "checkout", "params.yaml", "data.dvc"],
        True,
    ),
    "doctor: fetch": (
        lambda project: touched(project / "data/it's.zip.dvc") and between(doctor._fetch([Path("data/it's.zip")])),
        ["dvc", "pull", "data/it's.zip.dvc"],
        False,
    ),
    "promote": (
        lambda _: registry._accepting("my model", ["not worse"]),
        ["frostline", "registry", "promote", "my model", "--accept", "not worse: REASON"],
        False,
    ),
    "trace: a file": (
        lambda project: (call("git", "init", "-q", cwd=project), trace_origin.get("data/my pets/a.png", "abc1234"))[1],
        ["dvc", "get", ".", "data/my pets/a.png", "--rev", "abc1234", "--out", "data-my pets-a.png-abc1234"],
        False,
    ),
    "MLflow": (lambda _: where_to_look("sqlite:///x"), ["frostline", "serve", "--mlflow-only"], False),
    "a program that fails": (
        lambda _: between(said(processes.run, "git", "add", "it's gone")),
        ["git", "add", "it's gone"],
        False,
    ),
    "export": (
        lambda project: between(said(model_path.resolve, named(project, "mine"))),
        ["dvc", "repro", "export@mine"],
        False,
    ),
}  # fmt: skip
SCORED = "classifiers:\n  pets-cnn: {}\n"


def touched(path: Path) -> Path:
    path.touch()
    return path


def named(project: Path, name: str) -> str:
    """A classifier that is trained and not exported."""
    (project / "artifacts/classifiers" / name).mkdir(parents=True)
    return name


@pytest.mark.parametrize("case", TABLE)
def test_in_a_path_that_a_shell_reads_otherwise(
    project: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell makes these words of it; what does no harm is run, from where it was printed."""
    monkeypatch.setattr("frostline.commands.lock.scored", lambda _: "pets-cnn")
    produce, words, run = TABLE[case]
    command = produce(project)
    expected = [word.replace("HERE/..", str(project.parent)).replace("HERE", str(project)) for word in words]
    assert shlex.split(command) == expected
    if run:
        subprocess.run(["bash", "-ec", command], check=True, cwd=project)
    echoed = command.replace(" && ", " '&&' ")
    shown = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {echoed}"], capture_output=True, check=True, cwd=project.parent
    )
    assert shown.stdout.decode().split("\0")[:-1] == expected
    assert not list(project.parents[1].rglob("pwned"))


@pytest.mark.usefixtures("project")
def test_the_login_of_another_shell(capsys: pytest.CaptureFixture[str]) -> None:
    """`frostline serve` prints a line for one that stands anywhere."""
    files.write_text(credential.file(serve.servers.home()), "frostline:secret\n")
    serve._say_where(
        {"PREFECT_API_URL": "http://127.0.0.1:4200/api", "MLFLOW_TRACKING_URI": "http://x"}, mlflow_only=False
    )
    out = capsys.readouterr().out
    line = next(line for line in out.splitlines() if line.startswith("in another shell: "))
    show = f'{line.partition(": ")[2]}; printf %s "$PREFECT_API_AUTH_STRING"'
    done = subprocess.run(["bash", "-c", show], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout == "frostline:secret"


def test_dvc_s_commands_from_a_subfolder(project: Path) -> None:
    """DVC works in the project's folder alone, unlike ours; where ours was typed below it, the way there is said."""
    named(project, "mine")
    typed = ("frostline", "score", "../data", "--model", "mine", "--out", "s.csv")
    below = call(*typed, cwd=project / "flows", check=False)
    assert below.returncode == 2
    *_, way = below.stderr.splitlines()
    assert way == "dvc works in the project's folder: cd .."
    assert "works in the project" not in call(*typed, cwd=project, check=False).stderr


def test_quoting_is_tried() -> None:
    """The path of these tests breaks a command that is not quoted."""
    with pytest.raises(ValueError, match="quotation"):
        shlex.split(f"cd {ODD}")
    assert shlex.split(shell_command("cd", ODD)) == ["cd", ODD]
