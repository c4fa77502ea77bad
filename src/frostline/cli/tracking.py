"""Commands about MLflow: runs, versions and what they came from."""

from frostline.cli.app import command, verb


@command("frostline sync")
def sync() -> None:
    """Bring MLflow up to date with the stage outputs: runs, pictures, models; as often as you like."""
    verb("sync")
