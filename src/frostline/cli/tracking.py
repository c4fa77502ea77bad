"""Commands about MLflow: runs, versions and what they came from."""

import click

from frostline.cli.app import command, verb


@command("frostline sync")
def sync() -> None:
    """Bring MLflow up to date with the stage outputs: runs, pictures, models; as often as you like."""
    verb("sync")


@command("frostline promote digits-vgg19 --dry-run")
@click.argument("classifier")
@click.option("--dry-run", is_flag=True, help="Decide and say why, change nothing.")
@click.option("--rollback", is_flag=True, help="Make the champion before this one champion again.")
def promote(classifier: str, dry_run: bool, rollback: bool) -> None:
    """Make CLASSIFIER's challenger champion if it is proven not worse; else say which check failed."""
    verb("promote", classifier, dry_run=dry_run, rollback=rollback)
