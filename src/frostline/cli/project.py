"""Commands about the project as a whole: its recipe, its state, its servers, its cache."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from frostline import progress
from frostline.cli.app import command, group, run
from frostline.cli.options import option


@command("frostline init flowers --data ~/photos/flowers", at_root=False)
@click.argument("name", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Your folder or archive of labelled photos.")
@click.option(
    "--weights",
    "pretrained",
    metavar="FILE|imagenet|none",
    help="Pretrained weights, instead of those at hand.",
)
@click.option("--compare-cnn", is_flag=True, help="Train a plain CNN beside the frozen backbone, to compare.")
@click.option(
    "--recipe",
    "template",
    metavar="NAME|FILE",
    help="A recipe instead of one that fits: cats_dogs, intel, a file.",
)
@click.option(
    "--sample", "from_sample", is_flag=True, help="Handwritten digits instead of photos, to try it."
)
@click.option(
    "--search",
    metavar="MINUTES",
    type=click.FloatRange(0.2, 10_000),
    help="Then find the best classifier among these weights in so many minutes (`frostline search`).",
)
@click.option(
    "--shards",
    is_flag=True,
    help="Pack the photos into archives of thousands; `frostline data add --shards` adds new ones.",
)
@click.option("--yes", is_flag=True, help="Do not ask on a terminal whether to go on.")
def init(name: Path, yes: bool, **options: Any) -> None:
    """Make the project NAME from your photos: a recipe that fits them, under git and DVC.

    The photos: one folder per class, with or without split folders, or a table of labels; an archive of them.
    """
    run("init", name, agree=_asked if _answers() and not yes else None, **options)


def _answers() -> bool:
    """Whether a person can answer: in a notebook a command has a terminal, and nobody types into it."""
    return sys.stdin.isatty() and "JPY_PARENT_PID" not in os.environ  # which Jupyter gives to its kernels


def _asked(findings: str) -> bool:
    """Whether a person at the terminal wants what was found."""
    with progress.waiting():
        return click.confirm(f"{findings}\nMake this project?", default=True)


@command("frostline lock")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where something would be written.")
def lock(check: bool) -> None:
    """Bring this project to the installed version: params.yaml, code.yaml, dvc.yaml, flows.

    Datasets of a classifier with `precision: int8` get photos to calibrate it on, in calibration.csv.

    After an upgrade: pip install -U 'frostline[train]' && frostline lock && dvc repro
    """
    run("lock", check=check)


@command("frostline tidy --dry-run")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, delete nothing.")
def tidy(dry_run: bool) -> None:
    """Delete what stages wrote for entries that are no longer in params.yaml; DVC's cache keeps it."""
    run("tidy", dry_run=dry_run)


@command("frostline doctor")
def doctor() -> None:
    """Check what frostline needs here; each line is ok, or says what to do."""
    run("doctor")


@command("frostline serve --api-port 4300 --mlflow-port 5300")
@option("--api-port", source="commands.serve.run", type=click.IntRange(1, 65535), help="Prefect's port.")
@option("--mlflow-port", source="commands.serve.run", type=click.IntRange(1, 65535), help="MLflow's port.")
@click.option("--mlflow-only", is_flag=True, help="MLflow's pages alone; no Prefect, no schedules.")
def serve(**options: Any) -> None:
    """Run MLflow, Prefect's server and a worker on this machine until Ctrl-C, with prefect.yaml's schedules."""
    run("serve", **options)


cache = group(
    "cache", "The cache of features and pixels: what it holds, less of it, a check that it is intact."
)


@command("frostline cache list", of=cache, name="list")
def list_() -> None:
    """List what the cache holds, by network, cut and image size."""
    run("cache", work="show")


@command("frostline cache prune --limit 20GB", of=cache)
@click.option("--limit", help="Keep at most this much, like 20GB; else $FROSTLINE_CACHE_LIMIT.")
@click.option(
    "--unused-days", type=click.FloatRange(min=0), help="Delete what was not used for so many days."
)
def prune(limit: str | None, unused_days: float | None) -> None:
    """Delete what was used least recently."""
    run("cache", work="prune", limit=limit, unused_days=unused_days)


@command("frostline cache verify", of=cache)
def verify() -> None:
    """Compare every file with its checksum; delete and name the damaged ones."""
    run("cache", work="verify")
