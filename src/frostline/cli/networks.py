"""Commands about networks: what they are made of, what they see, what is in the table."""

from pathlib import Path

import click

from frostline.cli.app import command, verb


@command("frostline describe digits-vgg19 --picture network.png")
@click.argument("classifier")
@click.option(
    "--classes", type=click.IntRange(2, 100_000), help="How many classes, where the data is not here."
)
@click.option("--picture", type=click.Path(path_type=Path), help="Write the table as a picture too (.png).")
def describe(classifier: str, classes: int | None, picture: Path | None) -> None:
    """CLASSIFIER layer by layer: output, parameters, receptive field, memory, FLOPs, frozen or not."""
    verb("describe", classifier, classes=classes, picture=picture)
