"""`frostline data`: this project's images."""

from pathlib import Path
from typing import Any

import click

from frostline.cli.app import command, group, run
from frostline.cli.options import Given, option
from frostline.errors import InputError

data = group(
    "data",
    "Datasets: another one for this project, photos to review, the sample, what changed between two revisions.",
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
@click.option(
    "--shards",
    is_flag=True,
    help="Pack the photos into archives of thousands; called again, add what is new to them.",
)
def add(photos: Path, **options: Any) -> None:
    """Add PHOTOS to this project: a dataset of their own, and a classifier on it."""
    run("data_add", photos, **options)


@command("frostline data review digits --report", of=data)
@click.argument("dataset")
@click.option(
    "--next",
    "next_folder",
    type=Given(),
    metavar="FOLDER",
    help="Label photos of FOLDER, the most useful first.",
)
@option(
    "--count",
    source="commands.data_review.run",
    type=click.IntRange(1, 1000),
    help="Photos of --next, at most.",
)
@click.option(
    "--classifier",
    help="Take mistakes, suspected labels and features of this one; else of the best on validation.",
)
@click.option("--report", is_flag=True, help="Write the list as a page and CSV instead of serving it.")
@click.option(
    "--export",
    "form",
    type=click.Choice(["label-studio", "fiftyone"]),
    help="Write the list for another program.",
)
@click.option(
    "--import",
    "labelled",
    type=Given(),
    metavar="FILE",
    help="Make decisions of what Label Studio or FiftyOne wrote.",
)
@option(
    "--out",
    source="commands.data_review.export",
    type=Given(),
    help="The folder that --report and --export write into.",
)
@option(
    "--port", source="commands.data_review.run", type=click.IntRange(0, 65535), help="0: any that is free."
)
@click.option("--no-browser", is_flag=True, help="Open no browser; the address is printed anyway.")
def review(dataset: str, **options: Any) -> None:
    """Decide about photos of DATASET on a page in the browser: wrong labels, conflicts, copies, mistakes.

    Keys 1 to 9 give a class, space keeps it, x leaves the photo out, u takes the last decision back. Each decision is
    a row of decisions.csv at once; `dvc repro` applies them, the photos stay as they are. The page is for this
    machine alone, below a secret in its address.
    """
    shared, written = options.pop("classifier"), {"out": options.pop("out")}
    report, form, labelled = (options.pop(name) for name in ("report", "form", "labelled"))
    if sum(map(bool, (report, form, labelled, options["next_folder"]))) > 1:
        raise InputError("--next, --report, --export and --import are four things; name one of them")
    if report:
        run("data_review", dataset, work="write_report", classifier=shared, **written)
    elif form:
        run("data_review", dataset, form, work="export", classifier=shared, **written)
    elif labelled:
        run("data_review", dataset, labelled, work="take_in")
    else:
        options["browser"] = not options.pop("no_browser")
        run("data_review", dataset, classifier=shared, **options)


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
