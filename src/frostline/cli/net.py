"""`frostline net`: what networks are made of, what they see, what is in the table."""

from pathlib import Path
from typing import Any

import click

from frostline.cli.app import command, group, run
from frostline.cli.options import Given, option

net = group("net", "Networks: layer by layer, what they see, which there are.")


@command("frostline net describe digits-vgg19 --picture network.png", of=net)
@click.argument("classifier")
@click.option(
    "--classes", type=click.IntRange(2, 100_000), help="How many classes, where the data is not here."
)
@click.option("--picture", type=Given(), help="Write the table as a picture too (.png).")
def describe(classifier: str, **options: Any) -> None:
    """Show CLASSIFIER layer by layer: output, parameters, receptive field, memory, FLOPs, frozen or not."""
    run("describe", classifier, **options)


@command("frostline net maps digits-cnn data/digits.zip/3/digit-0003.png --out maps", of=net)
@click.argument("classifier")
@click.argument("image", type=Given())
@click.option(
    "--layer", "layers", multiple=True, help="A layer whose activation maps to draw; can be repeated."
)
@click.option("--out", required=True, type=Given(), help="The folder to write into.")
def maps(classifier: str, image: Path, layers: tuple[str, ...], out: Path) -> None:
    """Show what CLASSIFIER sees in IMAGE: activation maps of its layers, and Grad-CAM of its top classes.

    IMAGE is a file, or an image in an archive: photos.zip/NAME. Grad-CAM explains by the last --layer.
    """
    run("maps", classifier, image, layers=layers, out=out)


@command("frostline net explain digits-vgg19 data/digits.zip/3/digit-0003.png", of=net)
@click.argument("classifier")
@click.argument("images", nargs=-1, required=True, type=Given())
@option(
    "--count", source="commands.explain.run", type=click.IntRange(1, 100), help="Training images per image."
)
def explain(classifier: str, images: tuple[Path, ...], **options: Any) -> None:
    """Print what CLASSIFIER says of each of IMAGES, and the training images that it finds most like it.

    IMAGES are files, or images in an archive: photos.zip/NAME. Nearest by the angle between features at the frost
    line.
    """
    run("explain", classifier, images, **options)


@command("frostline net backbones mobilenet vgg19 --measure", of=net)
@click.argument("names", nargs=-1)
@click.option("--measure", is_flag=True, help="Time each in Keras and in ONNX Runtime; minutes for all.")
def backbones(names: tuple[str, ...], measure: bool) -> None:
    """List the backbones, or NAMES of them: image size, parameters, depth, milliseconds per image."""
    run("backbones", names, measure=measure)


@command("frostline net fetch timm:vit_small_patch14_reg4_dinov2 --size 224", of=net)
@click.argument("source")
@click.option(
    "--checkpoint", type=Given(), help="A file of weights for a network of timm, instead of a download."
)
@click.option(
    "--size", type=click.IntRange(16, 4096), help="The side of images in pixels, for a network of timm."
)
@click.option("--sha256", metavar="HEX", help="The SHA-256 that the downloaded file must have.")
@click.option("--out", type=Given(), help="The file to write (.onnx), outside of any project's params.yaml.")
def fetch(source: str, **options: Any) -> None:
    """Fetch a network as an ONNX file that says what its images are, ready for `init` and `params.yaml`.

    SOURCE is timm:NAME (needs the extra timm: PyTorch), hf:OWNER/REPOSITORY/FILE.onnx[@REVISION] of the Hugging Face
    hub, or an address https://…/FILE.onnx. In a project it goes into pretrained/, with an entry in params.yaml.
    """
    run("fetch", source, **options)


@command("frostline net classify data/digits.zip/3/digit-0003.png --backbone vgg19", of=net)
@click.argument("images", nargs=-1, required=True, type=Given())
@click.option("--backbone", required=True, help="A name in `frostline net backbones`.")
@click.option("--weights", type=Given(), help="Its weights file, with classification layers.")
@click.option("--classes", type=Given(), help="A copy of Keras' imagenet_class_index.json.")
@option(
    "--top", source="commands.classify.run", type=click.IntRange(1, 1000), help="Classes listed per image."
)
def classify(images: tuple[Path, ...], **options: Any) -> None:
    """Name what is in IMAGES (files, or images in an archive: photos.zip/NAME) by ImageNet's 1,000 classes.

    Keras downloads weights and class names the first time; without internet, give files.
    """
    run("classify", images, **options)
