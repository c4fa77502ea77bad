"""Commands that use an exported model."""

from pathlib import Path
from typing import Any

import click

from frostline.cli.app import command, run
from frostline.cli.options import on_cluster, option

OPTIONS = "scoring.plan.Options"


@command("frostline score data/digits.zip --model digits-vgg19 --out scores.parquet", at_root=False)
@click.argument("source", nargs=-1, type=click.Path())
@click.option("--list", "listed", multiple=True, type=click.Path(), help="A file with one path per line.")
@click.option("--model", required=True, help="A model.onnx, a classifier's name, or models:/NAME@champion.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="A .parquet, .jsonl or .csv file; image files alone need none, and their top classes are printed.",
)
@click.option("--resume", is_flag=True, help="Go on where an interrupted job ended.")
@option(
    "--device",
    source=OPTIONS,
    type=click.Choice(["auto", "cpu", "openvino", "cuda", "tensorrt"]),
    help="Where the network runs; auto says what it chose and why, any other runs there or not at all.",
)
@option(
    "--precision",
    source=OPTIONS,
    type=click.Choice(["auto", "float32", "float16", "bfloat16", "int8"]),
    help="What the network computes in; auto is float32.",
)
@click.option(
    "--batch-size", type=click.IntRange(1, 65536), help="Images per batch, instead of an autotuned number."
)
@click.option("--threads", type=click.IntRange(1, 1024), help="The network's threads on the CPU.")
@option("--top-k", source=OPTIONS, type=click.IntRange(1, 1000), help="Labels listed per image.")
@option(
    "--min-confidence",
    source=OPTIONS,
    type=click.FloatRange(0, 1),
    help="Give no label where the best probability is lower.",
)
@click.option(
    "--unknown",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Give images unlike the training ones no label; at most SHARE of images like them, such as 0.05, lose theirs.",
)
@click.option(
    "--coverage",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Add the classes that hold the actual one for at least SHARE of images, such as 0.95.",
)
@click.option(
    "--contract",
    type=click.Path(path_type=Path),
    help="A JSON file that describes a model that frostline did not export.",
)
@click.option("--features", is_flag=True, help="Add the features at the frost line to each row.")
@click.option(
    "--keep-features",
    is_flag=True,
    help="Cache the features of the frozen layers, so that the next model on them runs only its head.",
)
@click.option(
    "--page",
    is_flag=True,
    help="Write a page beside the output too: the images to look at, unknown and least sure ones first.",
)
@click.option(
    "--drift",
    is_flag=True,
    help="Compare with the model's test images; exit with 3 above the limits of params.yaml.",
)
@click.option(
    "--drift-limit",
    type=click.FloatRange(0, min_open=True),
    help="One limit for every drift index, instead of those of params.yaml.",
)
@option(
    "--escape-formulas/--no-escape-formulas",
    source=OPTIONS,
    default=None,
    help="In a .csv, put an apostrophe before names that a spreadsheet would run, such as =1+1.",
)
@option(
    "--engine",
    source=OPTIONS,
    type=click.Choice(["local", "ray"]),
    help="What computes: this process, or actors on a Ray cluster (extra `ray`).",
)
@on_cluster
def score(source: tuple[str, ...], listed: tuple[str, ...], **options: Any) -> None:
    """Score every image in SOURCE: one row per file, or, for image files without --out, their top classes.

    SOURCE is a folder, an archive, an image, a pattern in quotes, an address such as s3://bucket/photos,
    @FILE for a file of paths, or - for paths on standard input; several are scored one after the other.
    """
    run("score", [*source, *(f"@{name}" for name in listed)], **options)


@command("frostline drift scores.parquet --model digits-vgg19", at_root=False)
@click.argument("scores", type=click.Path(path_type=Path))
@click.option(
    "--model",
    required=True,
    help="The model that scored them, as for score; its test images are the baseline.",
)
@click.option(
    "--limit",
    type=click.FloatRange(0, min_open=True),
    help="One limit for all indices, instead of params.yaml's; above it, exit with 3.",
)
def drift(scores: Path, model: str, limit: float | None) -> None:
    """Compare SCORES' images and predictions with those of the model's test images.

    Image statistics and features are compared where they were scored with --drift.
    """
    run("drift", scores, model=model, limit=limit)
