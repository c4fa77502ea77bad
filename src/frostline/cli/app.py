"""What every command shares: the group, an example in each help, their work imported only when they run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from frostline import __version__
from frostline.errors import FrostlineError


class Group(click.Group):
    """Commands in the order they are defined: stages as they run, then the rest."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click calls it so
        return list(self.commands)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="frostline")
def cli() -> None:
    """From a folder of labelled images to an exported classifier, and scores for any folder.

    The first six commands are the stages that `dvc repro` runs; each can be run by hand too.
    """


def command(example: str, **options: Any) -> Callable[[Any], Any]:
    """A command whose help ends in an example that runs in a fresh project."""
    return cli.command(epilog=f"\b\nExample: {example}", **options)  # \b: a command is not wrapped


on_cluster = click.option(
    "--ray-address",
    metavar="ADDRESS",
    help="The cluster: HOST:PORT or auto, else $RAY_ADDRESS, else one of this machine's own.",
)


def stage(name: str, *args: Any, **kwargs: Any) -> None:
    """Run what DVC tracks the outputs of: only by the code and packages that code.yaml names."""
    with _packages(name):
        import_module("frostline.pipeline.code_file").require(name)
        import_module(f"frostline.stages.{name}").run(*args, **kwargs)


def run(name: str, *args: Any, **kwargs: Any) -> None:
    """Import what a command does only now: `--help` loads none of it."""
    with _packages(name):
        import_module(f"frostline.commands.{name}").run(*args, **kwargs)


@contextmanager
def _packages(name: str) -> Iterator[None]:
    """A package that a command misses is an instruction: the base install only scores."""
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing == "frostline":
            raise
        raise FrostlineError(
            f"{name} needs {missing}, which is not installed; install the pipeline: pip install 'frostline[train]'"
        ) from None
