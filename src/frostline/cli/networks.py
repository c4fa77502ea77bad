"""Commands about networks: what they are made of, what they see, what is in the table."""

from pathlib import Path
from typing import Any

import click

from frostline.cli.app import command, run


@command("frostline describe digits-vgg19 --picture network.png")
@click.argument("classifier")
@click.option(
    "--classes", type=click.IntRange(2, 100_000), help="How many classes, where the data is not here."
)
@click.option("--picture", type=click.Path(path_type=Path), help="Write the table as a picture too (.png).")
def describe(classifier: str, classes: int | None, picture: Path | None) -> None:
    """CLASSIFIER layer by layer: output, parameters, receptive field, memory, FLOPs, frozen or not."""
    run("describe", classifier, classes=classes, picture=picture)


@command("frostline maps digits-cnn .frostline/digits/3/0003.png --out maps")
@click.argument("classifier")
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--layer", "layers", multiple=True, help="A layer whose maps to draw; as often as you like.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder to write into.")
def maps(classifier: str, image: Path, layers: tuple[str, ...], out: Path) -> None:
    """What CLASSIFIER sees in IMAGE: maps of its layers, and where it finds its classes (Grad-CAM).

    The last --layer is the one explained by.
    """
    run("maps", classifier, image, layers=layers, out=out)


@command("frostline backbones mobilenet vgg19 --measure")
@click.argument("names", nargs=-1)
@click.option("--measure", is_flag=True, help="Time each, Keras beside ONNX Runtime; minutes for all.")
def backbones(names: tuple[str, ...], measure: bool) -> None:
    """The table of backbones, or NAMES of it: image size, parameters, depth, milliseconds an image."""
    run("backbones", names, measure=measure)


@command("frostline classify .frostline/digits/3/0003.png --backbone vgg19")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--backbone", required=True, help="A name in `frostline backbones`.")
@click.option(
    "--weights", type=click.Path(path_type=Path), help="Its weights file, with classification layers."
)
@click.option(
    "--classes", type=click.Path(path_type=Path), help="A copy of Keras' imagenet_class_index.json."
)
@click.option(
    "--top", default=5, show_default=True, type=click.IntRange(1, 1000), help="Names for each image."
)
def classify(images: tuple[Path, ...], **options: Any) -> None:
    """Name what is in IMAGES by ImageNet's 1,000 classes.

    Keras downloads weights and names the first time; without internet, give files.
    """
    run("classify", images, **options)
