"""`frostline search`: the best frozen network for a dataset, in the minutes given; no stage."""

from typing import Any

import click

from frostline.cli.app import command, run
from frostline.cli.options import Given, option


@command("frostline search digits --trunks vgg19-random --minutes 1")
@click.argument("dataset")
@option(
    "--minutes",
    source="commands.search.run",
    type=click.FloatRange(0.2, 10_000),
    help="Minutes after which it ends, finished or not.",
)
@click.option("--trunks", metavar="NAME[,…]", help="Only these weights of params.yaml or pretrained/.")
@click.option("--sizes", metavar="PIXELS[,…]", help="Sides of the images to try.")
@click.option(
    "--max-ms",
    type=click.FloatRange(min=0, min_open=True),
    help="Most milliseconds per image on this machine.",
)
@click.option("--max-mb", type=click.FloatRange(min=0, min_open=True), help="Most megabytes of weights.")
@click.option("--download", is_flag=True, help="First fetch well-known networks, the cheapest first.")
@click.option(
    "--include-thawed", is_flag=True, help="At last, try the chosen network with its last block thawed."
)
@option("--out", source="commands.search.run", type=Given(), help="The folder to write into.")
def search(dataset: str, **options: Any) -> None:
    """Find the best frozen network for DATASET: which weights, which image size, where to end it, which head.

    Candidates are the weights of params.yaml and the files in pretrained/; with --download, also networks of the
    Hugging Face hub, and of timm where its extra is installed, as far as a quarter of the time allows. They are judged
    by cross-validation on training and validation photos; test photos are not read. The winner is written into
    params.yaml as DATASET-search, for `dvc repro`. Killed or called again, it goes on from what it computed.
    """
    run("search", dataset, **options)
