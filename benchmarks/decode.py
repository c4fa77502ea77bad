"""Images a second on one core: from a JPEG's bytes to 224x224 RGB, whole and at libjpeg's scales.

    taskset -c 0 python benchmarks/decode.py --data ~/photos/cats_dogs

Photos from the folder are brought to 500x375 and 4000x3000 and encoded at quality 88; the two ways
take turns, and the best of five rounds counts for each.
"""

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from frostline import images

SIZES = {"500x375": (500, 375, 120), "12 megapixels": (4000, 3000, 6)}


def encoded(path: Path, width: int, height: int) -> bytes:
    """A photo at a size, as JPEG."""
    buffer = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC).save(
            buffer, "JPEG", quality=88
        )
    return buffer.getvalue()


def whole(content: bytes) -> np.ndarray:
    """Decoded at full size, then resized: what frostline did before its decode version 2."""
    with Image.open(io.BytesIO(content)) as image:
        return np.array(image.convert("RGB").resize((224, 224), Image.Resampling.BILINEAR))


def ours(content: bytes) -> np.ndarray:
    """As training and scoring read it."""
    return images.decode(content, height=224, width=224, resize="squash")


def rate(call: Callable[[bytes], object], contents: list[bytes]) -> float:
    """Images a second over all contents, once."""
    start = time.perf_counter()
    for content in contents:
        call(content)
    return len(contents) / (time.perf_counter() - start)


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of JPEG photos")
    photos = sorted(parser.parse_args().data.rglob("*.jpg"))
    print(
        "| JPEG | KB | whole, images/s | `decode`, images/s | ratio | mean difference | `overview`, images/s |"
    )
    print("|:--|--:|--:|--:|--:|--:|--:|")
    for name, (width, height, count) in SIZES.items():
        contents = [encoded(path, width, height) for path in photos[:count]]
        best = np.max(
            [[rate(call, contents) for call in (whole, ours, images.overview)] for _ in range(5)], axis=0
        )
        apart = np.mean([np.abs(whole(each).astype(int) - ours(each)).mean() for each in contents])
        size = sum(map(len, contents)) / len(contents) / 1000
        print(
            f"| {name} | {size:.0f} | {best[0]:.1f} | {best[1]:.1f} | {best[1] / best[0]:.2f} "
            f"| {apart:.2f} levels | {best[2]:.1f} |"
        )


if __name__ == "__main__":
    main()
