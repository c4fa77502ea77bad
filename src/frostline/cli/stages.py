"""The stages that `dvc repro` runs, as commands."""

from importlib import import_module

import click

from frostline.cli.app import command, stage

STAGES = ("weights", "preprocess", "train", "evaluate", "export", "compare")


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
