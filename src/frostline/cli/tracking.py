"""Commands about MLflow: runs, versions and what they came from."""

from pathlib import Path

import click

from frostline.cli.app import command, run


@command("frostline sync")
def sync() -> None:
    """Bring MLflow up to date with the stage outputs: runs, pictures, models; as often as you like."""
    run("sync")


@command("frostline promote digits-vgg19 --dry-run")
@click.argument("classifier")
@click.option("--dry-run", is_flag=True, help="Decide and say why, change nothing.")
@click.option("--rollback", is_flag=True, help="Make the champion before this one champion again.")
def promote(classifier: str, dry_run: bool, rollback: bool) -> None:
    """Make CLASSIFIER's challenger champion if it is proven not worse; else say which check failed."""
    run("promote", classifier, dry_run=dry_run, rollback=rollback)


@command("frostline trace scores.parquet --path digits/0/0004.png")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--path", help="One row of a score file: the image's name inside the scored source.")
def trace(file: Path, path: str | None) -> None:
    """Say where FILE came from (scores, a model, metrics, a report) and how to bring each part back."""
    run("trace", file, path=path)
