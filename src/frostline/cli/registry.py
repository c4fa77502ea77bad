"""`frostline registry`: MLflow's runs and versions, champions, and what anything came from."""

from pathlib import Path

import click

from frostline.cli.app import command, group, run
from frostline.cli.options import Given

registry = group("registry", "MLflow: runs and versions, champions, where a file came from.")


@command("frostline registry sync", of=registry)
@click.option("--experiments", is_flag=True, help="The results of `dvc exp run` too, without applying them.")
def sync(experiments: bool) -> None:
    """Bring MLflow up to date with the stage outputs: runs, pictures, models; as often as you like."""
    run("registry", work="sync", experiments=experiments)


@command("frostline registry promote digits-vgg19 --dry-run", of=registry)
@click.argument("classifier")
@click.option(
    "--accept",
    multiple=True,
    metavar="REASON",
    help="Overrule a failed check, for this reason, which the registry keeps: `CHECK: REASON`, or the reason alone "
    "where one check failed. May be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Decide and say why, change nothing.")
def promote(classifier: str, accept: tuple[str, ...], dry_run: bool) -> None:
    """Make CLASSIFIER's challenger champion if it is proven not worse; else say which check failed."""
    run("registry", classifier, work="promote", accept=accept, dry_run=dry_run)


@command("frostline registry rollback digits-vgg19 --dry-run", of=registry)
@click.argument("classifier")
@click.option("--dry-run", is_flag=True, help="Say what would happen, change nothing.")
def rollback(classifier: str, dry_run: bool) -> None:
    """Make the champion of CLASSIFIER before this one champion again; this one is withdrawn."""
    run("registry", classifier, work="roll_back", dry_run=dry_run)


@command("frostline registry trace artifacts/models/digits-vgg19/model.onnx", of=registry)
@click.argument("file", type=Given())
@click.option("--path", help="One row of a score file: the image's name inside the scored source.")
def trace(file: Path, path: str | None) -> None:
    """Say where FILE came from (scores, a model, metrics, a report) and how to bring each part back."""
    run("trace", file, path=path)
