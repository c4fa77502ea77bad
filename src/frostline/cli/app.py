"""What every command shares: groups, an example in each help, the project's root, one place that prints.

What a command does is imported only when it runs: help costs nothing.
"""

import functools
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from frostline import __version__, paths, progress
from frostline.cli.options import root_above
from frostline.errors import FrostlineError, InputError, shell_command, visible
from frostline.progress import Reporter

_OF_DVC = re.compile(r"\bdvc (add|checkout|commit|exp|fetch|get|pull|push|remote|repro|status)\b")
_named: set[str] = set()  # "dvc", once a line had a command of DVC's


def _say(line: str) -> None:
    look_at(line)
    print(line, flush=True)  # not click's echo, which writes UTF-8 where the terminal takes ASCII


def _note(line: str) -> None:
    look_at(line)
    print(line, file=sys.stderr, flush=True)


def look_at(line: str) -> None:
    """Remember that a line which is printed has a command of DVC's: unlike ours, it works in the root alone."""
    if _OF_DVC.search(line):
        _named.add("dvc")


def say_where(start: Path | None) -> None:
    """Where printed commands of DVC's work, for somebody who typed ours in a subfolder, `start`."""
    if "dvc" not in _named or start is None:
        return
    _named.clear()
    with suppress(InputError, OSError):
        root = paths.find_root(start)
        if root != start:
            _note(
                f"dvc works in the project's folder: {shell_command('cd', Path(os.path.relpath(root, start)))}"
            )


REPORTER = Reporter(say=_say, note=_note, bars=True)

SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

# What commands were called before they stood in groups.
MOVED = {
    "use": "init",
    "describe": "net describe",
    "maps": "net maps",
    "backbones": "net backbones",
    "classify": "net classify",
    "sample": "data sample",
    "data-diff": "data diff",
    "sync": "registry sync",
    "promote": "registry promote",
    "trace": "registry trace",
    "sweep-freeze": "sweep CLASSIFIER freeze",
    "sweep-views": "sweep CLASSIFIER augmentation.views",
    "curves": "sweep CLASSIFIERS seed",
}


# How `frostline --help` lists the commands; a name that is in no section comes last.
SECTIONS = {
    "Begin": ("init", "doctor", "data"),
    "Stages, which `dvc repro` runs": ("weights", "preprocess", "train", "evaluate", "export", "compare"),
    "Use and study": ("score", "drift", "search", "sweep", "net", "registry"),
    "Keep running": ("serve", "lock", "tidy", "cache"),
}


# Where params.yaml has what a stage is run for; the others are run for a classifier.
SECTION_OF = {"weights": "weights", "preprocess": "datasets"}


class Command(click.Command):
    """A command that lists show with its whole first sentence, and that takes no empty words."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click, after a look at the words: an empty path would be the current folder."""
        for word in args:
            if not word or re.fullmatch(r"--[a-z-]+=", word):
                option = f"{word.removesuffix('=')}: " if word else ""
                raise InputError(f"{option}a word is empty; is a variable of your shell not set?")
        return super().parse_args(ctx, args)

    def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002  # click wraps it
        return _summary(self.help)


class Group(click.Group):
    """Commands in the order they are defined; one that has moved says where to."""

    command_class = Command

    def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002  # click wraps it
        """The whole summary."""
        return _summary(self.help)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands in sections; those of a group are one section."""
        sections = SECTIONS if ctx.parent is None else {}
        rest = [name for name in self.commands if not any(name in names for names in sections.values())]
        for title, names in {**sections, "Commands": rest}.items():
            rows = [
                (name, self.commands[name].get_short_help_str()) for name in names if name in self.commands
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click calls it so
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if ctx.parent is None and args[0] not in self.commands and (now := MOVED.get(args[0])):
            raise InputError(f"it is now: frostline {now}")
        return super().resolve_command(ctx, args)


@click.group(cls=Group, context_settings=SETTINGS)
@click.version_option(__version__, prog_name="frostline")
def cli() -> None:
    """From a folder of labelled images to an exported classifier, and scores for any folder.

    It begins with `frostline init`. Stages can be run by hand too. All commands work in any folder of a project.
    """


def _summary(text: str | None) -> str:
    """The first sentence of a help, without its full stop."""
    paragraph = " ".join((text or "").partition("\n\n")[0].split())
    return paragraph.partition(". ")[0].removesuffix(".")


def group(name: str, summary: str) -> click.Group:
    """A group of commands about one subject."""
    subgroup = Group(name, help=summary, context_settings=SETTINGS)
    cli.add_command(subgroup)
    return subgroup


def command(
    example: str, *, of: click.Group = cli, name: str | None = None, at_root: bool = True
) -> Callable[[Callable[..., Any]], click.Command]:
    """A command whose help ends in an example that runs in a fresh project.

    It works in the project's root, wherever in the project it was typed; `at_root` False leaves it where it is.
    """

    def decorate(function: Callable[..., Any]) -> click.Command:
        @functools.wraps(function)
        def work(*args: Any, **kwargs: Any) -> Any:
            if at_root and (root := root_above()):
                os.chdir(root)
            return function(*args, **kwargs)

        # \b: a command is not wrapped
        return of.command(name, epilog=f"\b\nExample: {example}", context_settings=SETTINGS)(work)

    return decorate


def stage(name: str, /, *args: Any, **kwargs: Any) -> None:
    """Run what DVC tracks the outputs of: only by the code and packages that code.yaml names, on an entry there is."""
    with _packages(), _at_work():
        import_module("frostline.memory").spare_pandas()
        import_module("frostline.pipeline.code_file").require(name)
        for entry in args:
            import_module("frostline.config").require_entry(SECTION_OF.get(name, "classifiers"), entry)
        given = {option: value for option, value in kwargs.items() if value is not None}
        _print(import_module(f"frostline.stages.{name}").run(*args, **given))


def run(name: str, /, *args: Any, work: Any = "run", **kwargs: Any) -> None:
    """Call a function of a module in `commands` and print what it returns; `--help` imports none of it.

    An option that was not given is not passed on: the function's own default holds.
    """
    with _packages(), _at_work():
        function = getattr(import_module(f"frostline.commands.{name}"), work)
        given = {option: value for option, value in kwargs.items() if value is not None}
        _print(function(*args, **given))


def _print(lines: str | list[str] | None) -> None:
    """What a command returned; what it reported while it worked is there already."""
    if lines is not None:
        _say(visible(lines if isinstance(lines, str) else "\n".join(lines)))


def _at_work() -> AbstractContextManager[None]:
    """Nobody waits for long in silence, whatever the command."""
    return progress.at_work(_command())


def _command() -> str:
    """The command as it was typed, without the program's name: `net describe`."""
    return click.get_current_context().command_path.partition(" ")[2]


@contextmanager
def _packages() -> Iterator[None]:
    """A package that a command misses is an instruction: the base install only scores."""
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing == "frostline":
            raise
        raise FrostlineError(
            f"{_command()} needs {missing}, which is not installed; install the pipeline: "
            "pip install 'frostline[train]'"
        ) from None
