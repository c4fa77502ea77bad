"""Errors of other libraries in one line of ours; commands that messages name, pasted into a shell."""

import subprocess
from pathlib import Path

import pytest

from frostline import errors
from frostline.errors import first_line, nearest, shell_command


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("no such layer", "no such layer"),
        ("\n\n  wrong shape.\nmore of it", "wrong shape"),
        ("", "ValueError"),
        (" \n \n", "ValueError"),
        ("...", "ValueError"),
    ],
)
def test_one_line_of_any_message(message: str, line: str) -> None:
    """The first line that says anything, ready for the middle of a sentence; the type where none does."""
    assert first_line(ValueError(message)) == line


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("lerning_rate", "; did you mean 'learning_rate'?"),
        ("zzz", "; known: learning_rate, 0, 1, 2, 3, 4, 5, 6, 7, 8 and 3 more (params.yaml)"),
    ],
)
def test_the_nearest_name(name: str, end: str) -> None:
    """The one that was meant, else a line of them and where the others are."""
    assert nearest(name, ["learning_rate", *range(12), "0"], all_in="params.yaml") == end


HOSTILE = (
    "my pics",
    "it's",
    'a "b"',
    "$HOME;rm -r x",
    "`id`",
    "line\nbreak",
    "-rf",
    "~",
    "*",
    "é☃",
    "tab\there",
)


def arguments(line: str) -> list[str]:
    """What bash makes of a command's words."""
    done = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True)
    return done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]


@pytest.mark.parametrize("name", [*HOSTILE, "not utf-8: \udcff", "back\\slash", "'\n'"])
def test_a_shell_reads_what_was_meant(name: str) -> None:
    """Every word comes back as it was, whatever is in it."""
    assert arguments(shell_command("rm", "-r", name, Path("data") / name)) == [
        "rm",
        "-r",
        name,
        f"data/{name}",
    ]


def test_a_path_is_no_option() -> None:
    """A folder may be called as an option is."""
    assert shell_command("cd", Path("-rf")) == "cd ./-rf"
    assert shell_command("rm", "-r", Path("my pics")) == "rm -r 'my pics'"


def test_simple_words_stay_as_they_are() -> None:
    """Nobody needs quotes around what a shell leaves alone."""
    assert shell_command("dvc", "repro", "train@digits-vgg19") == "dvc repro train@digits-vgg19"


def test_commands_are_quoted_in_one_place() -> None:
    """No other module quotes for itself: what it forgets, a name could run."""
    package = Path(errors.__file__).parent
    names = ("import shlex", "from shlex")
    assert [
        path.name for path in package.rglob("*.py") if any(name in path.read_text() for name in names)
    ] == ["errors.py"]
