"""Commands that use an exported model."""

from pathlib import Path
from typing import Any

import click

from frostline.cli.app import command, verb


@command("frostline score data/digits.zip --model digits-vgg19 --out scores.parquet")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--model", required=True, help="A model.onnx, a classifier's name, or models:/NAME@champion.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="A .parquet, .jsonl or .csv file."
)
@click.option(
    "--device",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "cpu", "cuda", "tensorrt"]),
    help="Where the network runs; cuda and tensorrt run there or fail.",
)
@click.option(
    "--batch-size", default=32, show_default=True, type=click.IntRange(1, 4096), help="Images at once."
)
@click.option(
    "--top-k", default=5, show_default=True, type=click.IntRange(1, 1000), help="Labels listed per image."
)
def score(source: Path, **options: Any) -> None:
    """Score every image in SOURCE, a folder, an archive or one image: one row per file."""
    verb("score", source, **options)
