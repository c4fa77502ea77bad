"""The command line: names, options and examples; each command hands over to its verb."""

import io
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from frostline import __version__
from frostline.errors import FrostlineError

STAGES = ("weights", "preprocess", "train", "evaluate", "export", "compare")


class Group(click.Group):
    """Commands in the order they are written down: stages as they run, then the rest."""

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


def stage(name: str, *args: Any, **kwargs: Any) -> None:
    """Run a verb whose outputs DVC tracks: only with the package versions that dvc.lock will name."""
    with _packages(name):
        import_module("frostline.lineage").require_versions()
    verb(name, *args, **kwargs)


def verb(name: str, *args: Any, **kwargs: Any) -> None:
    """Import a verb only now: `--help` loads none of them."""
    with _packages(name):
        import_module(f"frostline.verbs.{name}").run(*args, **kwargs)


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


@command("frostline weights vgg19-random")
@click.argument("name")
def weights(name: str) -> None:
    """Bring the pretrained weights NAME of params.yaml into one file."""
    stage("weights", name)


@command("frostline preprocess digits")
@click.argument("name")
def preprocess(name: str) -> None:
    """Check every image of dataset NAME, draw its splits, write its manifest."""
    stage("preprocess", name)


@command("frostline train digits-vgg19")
@click.argument("name")
def train(name: str) -> None:
    """Train classifier NAME on cached features; predict every image once."""
    stage("train", name, live=import_module("frostline.tracking").live)


@command("frostline evaluate digits-vgg19")
@click.argument("name")
def evaluate(name: str) -> None:
    """Measure classifier NAME on each split; draw its curves, confusion and mistakes."""
    stage("evaluate", name)


@command("frostline export digits-vgg19")
@click.argument("name")
def export(name: str) -> None:
    """Write classifier NAME as one ONNX file, proven to agree with the trained network."""
    stage("export", name)


@command("frostline compare")
def compare() -> None:
    """Rank the classifiers of params.yaml by their test accuracy, with intervals and paired tests."""
    stage("compare")


@command("frostline score data/digits.zip --model digits-vgg19 --out scores.parquet")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--model", required=True, help="A model.onnx, a classifier's name, or models:/NAME@champion.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="A .parquet, .jsonl or .csv file."
)
@click.option(
    "--device",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "cpu", "cuda", "tensorrt"]),
    help="Where the network runs; cuda and tensorrt run there or fail.",
)
@click.option(
    "--batch-size", default=32, show_default=True, type=click.IntRange(1, 4096), help="Images at once."
)
@click.option(
    "--top-k", default=5, show_default=True, type=click.IntRange(1, 1000), help="Labels listed per image."
)
def score(source: Path, **options: Any) -> None:
    """Score every image in SOURCE, a folder, an archive or one image: one row per file."""
    verb("score", source, **options)


@command("frostline sync")
def sync() -> None:
    """Bring MLflow up to date with the stage outputs: runs, pictures, models; as often as you like."""
    verb("sync")


@command("frostline use recipes/intel.yaml --data ~/photos/intel")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Your folder or archive of photos."
)
def use(recipe: Path, data: Path) -> None:
    """Put RECIPE in place as params.yaml and link your photos under data/."""
    verb("use", recipe, data=data)


@command("frostline sample")
@click.option(
    "--out",
    default="data/digits.zip",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The archive to write.",
)
def sample(out: Path) -> None:
    """Write the sample dataset: scikit-learn's 1,797 real handwritten digits."""
    verb("sample", out)


@command("frostline doctor")
def doctor() -> None:
    """Look at what frostline needs here; each line is ok, or says what to do."""
    verb("doctor")


def main() -> None:
    """Run the command line; whatever goes wrong for a known reason is lines on stderr, never a traceback."""
    _settle_streams()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries' remarks to developers are no news for users
    try:
        cli(standalone_mode=False)
    except click.exceptions.Abort:  # what click makes of Ctrl-C
        _explain("interrupted; what was finished is kept, run the command again to go on")
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except FrostlineError as error:
        _explain(str(error))
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(141)
    except MemoryError:
        _explain("out of memory; use a smaller batch size or smaller images")
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _explain(
            f"{where}{error.strerror or error}; free the disk or check the path, then run the command again"
        )
        sys.exit(1)


def _settle_streams() -> None:
    """Streams that take whatever is said: closed ones lead nowhere, unknown letters are escaped."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # in this order, so that no file of ours gets the stream's number
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123 - open until the end
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _explain(message: str) -> None:
    for line in message.splitlines():
        click.echo(f"frostline: {line}", err=True)


if __name__ == "__main__":
    main()
