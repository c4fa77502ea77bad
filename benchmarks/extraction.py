"""What a grown dataset costs: features of some images again, after one in a hundred was added.

    python benchmarks/extraction.py [--images 20000] [--backbone mobilenet] [--side 64]

That many different JPEGs are made (seed 1), their features extracted with an empty cache, then those of the
same images and 1% new ones, in another process. Printed: seconds of extraction of both, their ratio, and how
many images were decoded and passed the trunk. Random weights: speed does not depend on them.
"""

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image as Picture

from frostline import config, files, images
from frostline.features import extraction
from frostline.models.keras_backend import keras


def photo(number: int) -> bytes:
    """A small JPEG unlike all others: blocks of colour, smooth as photos are."""
    blocks = np.random.default_rng([1, number]).integers(0, 256, (8, 10, 3), np.uint8)
    content = io.BytesIO()
    Picture.fromarray(blocks).resize((120, 96), Picture.Resampling.BICUBIC).save(content, "JPEG", quality=90)
    return content.getvalue()


def make(folder: Path, start: int, stop: int) -> None:
    """Photos `start` to `stop` as files."""
    for number in range(start, stop):
        (folder / f"{number:07d}.jpg").write_bytes(photo(number))


def extract(folder: Path, backbone: str, side: int) -> None:
    """Extract all images of the folder; print seconds, images decoded, images forwarded."""
    os.environ["FROSTLINE_CACHE"] = str(folder.parent / "cache")
    k = keras(seed=7)
    base = getattr(k.applications, {"mobilenet": "MobileNet", "vgg19": "VGG19"}[backbone])
    pixels = k.Input((side, side, 3))
    scaled = k.layers.Rescaling(1 / 127.5, offset=-1)(pixels)
    body = base(include_top=False, weights=None, pooling="avg", input_shape=(side, side, 3))
    trunk = k.Model(pixels, body(scaled))
    trunk.predict_on_batch(np.zeros((extraction.BATCH, side, side, 3), np.uint8))
    counts = {"decoded": 0, "forwarded": 0}
    decode, forward = images.decode, trunk.predict_on_batch

    def decoding(*args: object, **kwargs: object) -> object:
        counts["decoded"] += 1
        return decode(*args, **kwargs)  # type: ignore[arg-type]

    def forwarding(batch: np.ndarray) -> object:
        counts["forwarded"] += len(batch)
        return forward(batch)

    images.decode, trunk.predict_on_batch = decoding, forwarding
    paths = sorted(path.name for path in folder.iterdir())
    ids = [files.sha256((folder / path).read_bytes()) for path in paths]
    rule = config.Image(size=config.Size(height=side, width=side), resize="squash", transform="rescale")
    started = time.perf_counter()
    rows = extraction.features(
        extraction.Images(folder, paths, ids, rule), trunk=trunk, key={"trunk": f"{backbone} at {side}"}
    )
    seconds = time.perf_counter() - started
    assert len(rows) == len(paths)
    print(seconds, counts["decoded"], counts["forwarded"])


def main() -> None:
    """Make the photos, extract, add, extract again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--backbone", default="mobilenet", choices=["mobilenet", "vgg19"])
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--child", type=Path)
    asked = parser.parse_args()
    if asked.child:
        extract(asked.child, asked.backbone, asked.side)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "photos"
        folder.mkdir()
        command = [sys.executable, __file__, "--child", str(folder), "--backbone", asked.backbone]
        command += ["--side", str(asked.side)]
        seconds = []
        for start, stop in ((0, asked.images), (asked.images, asked.images * 101 // 100)):
            make(folder, start, stop)
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            took, decoded, forwarded = done.stdout.split()
            seconds.append(float(took))
            print(
                f"{stop:,} images, {stop - start:,} of them new: {seconds[-1]:.2f} s, {decoded} decoded, "
                f"{forwarded} rows through the trunk (batches of {extraction.BATCH}, the last filled up)",
                flush=True,
            )
    print(f"1% new images cost {seconds[1] / seconds[0]:.2%} of all")


if __name__ == "__main__":
    main()
