"""Commands that train a classifier in several ways to learn about it; they are no stages."""

from pathlib import Path

import click

from frostline.cli.app import command, run


@command("frostline sweep-freeze digits-vgg19 --most 3")
@click.argument("classifier")
@click.option("--cuts", help="Layers to freeze up to, separated by commas; else the ends of blocks, and all.")
@click.option(
    "--most", default=6, show_default=True, type=click.IntRange(1, 100), help="At most so many block ends."
)
@click.option(
    "--out", default="reports/sweep-freeze", show_default=True, type=click.Path(path_type=Path),
    help="Folder to write to.",
)  # fmt: skip
def sweep_freeze(classifier: str, cuts: str | None, most: int, out: Path) -> None:
    """Train CLASSIFIER frozen up to each block's end: accuracy and cost of each, as picture and table."""
    run("sweep_freeze", classifier, cuts=cuts, most=most, out=out)


@command("frostline sweep-views cats-dogs-vgg19 --views 1,4,live")
@click.argument("classifier")
@click.option(
    "--views",
    default="1,4,16,live",
    show_default=True,
    help="Numbers of views (1: images as they are) and live, separated by commas.",
)
@click.option(
    "--out", default="reports/sweep-views", show_default=True, type=click.Path(path_type=Path),
    help="Folder to write to.",
)  # fmt: skip
def sweep_views(classifier: str, views: str, out: Path) -> None:
    """Train CLASSIFIER with ever more renderings of each image: accuracy and cost, as picture and table."""
    run("sweep_views", classifier, views=views, out=out)


@command("frostline curves digits-cnn digits-vgg19 --seeds 3")
@click.argument("classifiers", nargs=-1, required=True)
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1, 100), help="Trainings of each.")
@click.option(
    "--out", default="reports/curves", show_default=True, type=click.Path(path_type=Path),
    help="Folder to write to.",
)  # fmt: skip
def curves(classifiers: tuple[str, ...], seeds: int, out: Path) -> None:
    """Learning curves of CLASSIFIERS over several seeds, with intervals, in one picture."""
    run("curves", classifiers, seeds=seeds, out=out)
