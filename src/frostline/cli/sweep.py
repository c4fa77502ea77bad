"""`frostline sweep`: one key of a classifier over several values; no stage."""

from pathlib import Path

import click

from frostline.cli.app import command, run
from frostline.cli.options import Given, option


@command("frostline sweep digits-vgg19 phases.head.learning_rate 1e-4,1e-3,1e-2")
@click.argument("classifiers", metavar="CLASSIFIER[,…]")
@click.argument("key")
@click.argument("values", required=False)
@click.option("--most", type=click.IntRange(1, 100), help="At most so many values, where none are named.")
@option("--out", source="commands.sweep.run", type=Given(), help="The folder to write into.")
def sweep(classifiers: str, key: str, values: str | None, most: int | None, out: Path | None) -> None:
    """Train CLASSIFIER once for each of VALUES of KEY: accuracy and cost of each, as picture, table and CSV.

    KEY is a key below classifiers.CLASSIFIER in params.yaml, such as network.head.dropout, or `seed`; its last
    word is enough where that names one key. VALUES are separated by commas. Without VALUES: `freeze` takes the
    ends of the network's blocks and all, `views` 1, 4, 16 and live, `seed` three seeds. Several classifiers
    over `seed` are drawn as learning curves in one picture.

    \b
    More examples:
      frostline sweep digits-vgg19 freeze --most 3
      frostline sweep digits-cnn,digits-vgg19 seed 1,2,3
    """
    run("sweep", classifiers.split(","), key, values, most=most, out=out)
