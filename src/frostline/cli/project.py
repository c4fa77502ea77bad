"""Commands about this project: its recipe, its data, its state."""

from pathlib import Path

import click

from frostline.cli.app import command, run


@command("frostline use recipes/intel.yaml --data ~/photos/intel")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Your folder or archive of photos."
)
def use(recipe: Path, data: Path) -> None:
    """Put RECIPE in place as params.yaml and link your photos under data/."""
    run("use", recipe, data=data)


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
    run("sample", out)


@command("frostline data-diff HEAD~1 HEAD")
@click.argument("old", metavar="REV1")
@click.argument("new", metavar="[REV2]", default="")
@click.option("--dataset", help="The dataset's name; needed where params.yaml has several.")
@click.option("--json", "as_json", is_flag=True, help="Every changed image as JSON instead of a table.")
def data_diff(old: str, new: str, dataset: str | None, as_json: bool) -> None:
    """Images added, removed, relabelled or moved between two revisions; without REV2, up to the workspace.

    A revision is a git commit, branch or tag, or a DVC experiment. Images are matched by their content.
    """
    run("data_diff", old, new, dataset=dataset, as_json=as_json)


@command("frostline doctor")
def doctor() -> None:
    """Look at what frostline needs here; each line is ok, or says what to do."""
    run("doctor")


@command("frostline cache prune --limit 20GB")
@click.argument("action", type=click.Choice(["list", "prune", "verify"]), default="list")
@click.option("--limit", help="Keep at most this much, like 20GB; else $FROSTLINE_CACHE_LIMIT.")
@click.option(
    "--unused-days", type=click.FloatRange(min=0), help="Delete what was not used for so many days."
)
def cache(action: str, limit: str | None, unused_days: float | None) -> None:
    """List what the cache holds, prune it (what was used last stays), or verify every file by its hash."""
    run("cache", action, limit=limit, unused_days=unused_days)


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
