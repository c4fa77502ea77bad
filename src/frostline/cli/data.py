"""`frostline data`: this project's images."""

from pathlib import Path

import click

from frostline.cli.app import Given, command, group, option, run

data = group(
    "data", "Datasets: another one for this project, the sample, what changed between two revisions."
)


def _weights(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A weights file as `Given`; `imagenet` and `none` are no files."""
    return value if value in (None, "imagenet", "none") else str(Given().convert(value, param, ctx))


@command("frostline data add ~/photos/birds", of=data)
@click.argument("photos", type=Given())
@click.option("--name", help="The dataset's name; else that of the folder.")
@click.option(
    "--weights",
    "pretrained",
    callback=_weights,
    metavar="FILE|imagenet|none",
    help="Pretrained weights, instead of this project's.",
)
def add(photos: Path, **options: str | None) -> None:
    """Add PHOTOS to this project: a dataset of their own, and a classifier on it."""
    run("data_add", photos, **options)


@command("frostline data sample", of=data)
@option("--out", source="commands.sample.run", type=Given(), help="The archive to write.")
def sample(out: Path | None) -> None:
    """Write the sample dataset: scikit-learn's 1,797 real handwritten digits."""
    run("sample", out=out)


@command("frostline data diff HEAD~1 HEAD", of=data)
@click.argument("old", metavar="REV1")
@click.argument("new", metavar="[REV2]", default="")
@click.option("--dataset", help="Only this dataset; else each in params.yaml. --json takes one.")
@click.option("--json", "as_json", is_flag=True, help="Every changed image as JSON instead of a table.")
def diff(old: str, new: str, dataset: str | None, as_json: bool) -> None:
    """List images added, removed, or moved to another class or split between two revisions.

    Without REV2, REV1 is compared with the workspace. A revision is a git commit, branch or tag, or a DVC
    experiment. Images are matched by their content.
    """
    run("data_diff", old, new, dataset=dataset, as_json=as_json)
