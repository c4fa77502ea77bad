"""The stages that `dvc repro` runs, as commands."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import click

from frostline.cli.app import command, run, stage
from frostline.cli.options import on_cluster, option

STAGES = ("weights", "preprocess", "train", "evaluate", "export", "compare")


def engine(source: str, *, does: str) -> Callable[[Any], Any]:
    """What works on images: options of a stage, which `dvc repro` takes from the environment."""
    return option(
        "--engine",
        source=source,
        envvar="FROSTLINE_ENGINE",
        type=click.Choice(["local", "ray"]),
        help=f"What {does}: this machine, or actors on a Ray cluster. For `dvc repro`, set $FROSTLINE_ENGINE.",
    )


@command("frostline weights vgg19-random")
@click.argument("name")
def weights(name: str) -> None:
    """Bring the pretrained weights NAME of params.yaml into one file."""
    stage("weights", name)


@command("frostline preprocess digits")
@click.argument("name")
@engine("features.examination.opener", does="decodes new images")
@on_cluster
def preprocess(name: str, engine: str | None, ray_address: str | None) -> None:
    """Check every image of dataset NAME, draw its splits, write its manifest."""
    elsewhere = None
    if engine or ray_address:
        elsewhere = import_module("frostline.features.examination").opener(engine or "local", ray_address)
    stage("preprocess", name, elsewhere=elsewhere)


@command("frostline train digits-vgg19")
@click.argument("name")
@engine("stages.train.run", does="computes features")
@on_cluster
def train(name: str, engine: str | None, ray_address: str | None) -> None:
    """Train classifier NAME on cached features; predict every image once."""
    live = import_module("frostline.tracking").live
    stage("train", name, live=live, engine=engine, ray_address=ray_address)


@command("frostline evaluate digits-vgg19")
@click.argument("name")
def evaluate(name: str) -> None:
    """Measure classifier NAME on each split; draw its learning curves, confusion matrix and errors."""
    stage("evaluate", name)


@command("frostline export digits-vgg19")
@click.argument("name")
def export(name: str) -> None:
    """Write classifier NAME as one ONNX file, proven to agree with the trained network."""
    stage("export", name)


@command("frostline compare digits-cnn digits-vgg19")
@click.argument("names", nargs=-1, metavar="[A B]")
@click.option(
    "--rev",
    "revisions",
    multiple=True,
    metavar="REV",
    help="Compare A and B at this revision or experiment; several of them are several seeds.",
)
def compare(names: tuple[str, ...], revisions: tuple[str, ...]) -> None:  # fmt: skip
    """Rank the classifiers of params.yaml by their test accuracy, with intervals and paired tests.

    With A and B, test these two on the same images. Each is a classifier's name, or NAME@REV as it
    was at a git revision, tag or DVC experiment.
    """
    if not names and not revisions:
        stage("compare")
    elif len(names) == 2:
        run("versus", *names, revisions=revisions)
    else:
        raise click.UsageError("name two classifiers, or none to rank all of params.yaml")
