"""Commands about the project as a whole: its recipe, its state, its servers."""

from pathlib import Path

import click

from frostline.cli.app import Given, command, run


@command("frostline use recipes/intel.yaml --data ~/photos/intel")
@click.argument("recipe", type=Given())
@click.option("--data", required=True, type=Given(), help="Your folder or archive of photos.")
def use(recipe: Path, data: Path) -> None:
    """Put RECIPE in place as params.yaml and link your photos under data/."""
    run("use", recipe, data=data)


@command("frostline doctor")
def doctor() -> None:
    """Check what frostline needs here; each line is ok, or says what to do."""
    run("doctor")


@command("frostline serve --api-port 4300 --mlflow-port 5300")
@click.option(
    "--api-port", default=4200, show_default=True, type=click.IntRange(1, 65535), help="Prefect's port."
)
@click.option(
    "--mlflow-port", default=5000, show_default=True, type=click.IntRange(1, 65535), help="MLflow's port."
)
def serve(**options: int) -> None:
    """Run MLflow, Prefect's server and a worker on this machine until Ctrl-C, with prefect.yaml's schedules."""
    run("serve", **options)
