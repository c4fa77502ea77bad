"""The images of a job that are least like its model's test images, to be looked at."""

import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from frostline import images
from frostline.datasets.thumbnails import shrunk
from frostline.errors import FrostlineError
from frostline.images import ImageError
from frostline.scoring.drift_baseline import Baseline, Histogram, with_distance
from frostline.scoring.drift_stats import Floats, Sample
from frostline.scoring.sources import Source

SHOWN = 12
SECONDS = 20.0  # that pictures are looked for
_SIDE = 256  # pixels of a picture's longer side, at most
# What strangeness is measured by: the first of these that a sample has.
MEASURES = {
    "embedding": "distance of the features from those of the test images, in standard deviations",
    "brightness": "brightness and sharpness beyond the middle 80% of the test images, in widths of that range",
    "confidence": "low confidence",
}


@dataclass(frozen=True, order=True)
class Strange:
    """An image by how strange it is, its path, the number of the predicted class and its probability."""

    strangeness: float
    path: str
    predicted: int
    prob: float


def measure(sample: Sample, baseline: Baseline) -> str:
    """Which of MEASURES is known of a sample."""
    known = sample.keys() & baseline.histograms.keys()
    return next(name for name in MEASURES if name in known)


def strangest(
    before: Iterable[Strange], table: pa.Table, sample: Sample, baseline: Baseline
) -> list[Strange]:
    """The SHOWN strangest of those before and of a table's rows, whose (n, …) numbers are `sample`."""
    values = strangeness(sample, baseline)
    # All that are as strange as the last one shown: of equal ones the first by path is taken.
    threshold = np.sort(values)[-SHOWN:][0]
    candidates = [
        Strange(
            round(float(values[row]), 3),
            table["path"][row].as_py(),
            int(sample["answers"][row, 0]),
            round(max(table["probs"][row].as_py()), 4),
        )
        for row in np.flatnonzero(values >= threshold).tolist()
    ]
    return sorted([*before, *candidates], key=lambda image: (-image.strangeness, image.path))[:SHOWN]


def strangeness(sample: Sample, baseline: Baseline) -> Floats:
    """(n,) by the measure that is known of the sample; larger is stranger."""
    name = measure(sample, baseline)
    if name == "embedding":
        return with_distance(sample[name], baseline.mean, baseline.deviation)[:, -1]
    if name == "confidence":
        return 1 - sample[name][:, 0]
    return np.maximum(
        *(_beyond(sample[stat][:, 0], *baseline.histograms[stat]) for stat in ("brightness", "sharpness"))
    )


def _beyond(values: Floats, histogram: Histogram) -> Floats:
    """How far numbers lie outside a histogram's edges, from the first tenth to the last, in widths of that range."""
    if not histogram.edges:
        return np.zeros(len(values), np.float32)
    low, high = histogram.edges[0], histogram.edges[-1]
    outside = np.maximum(np.maximum(low - values, values - high), 0)
    return np.asarray(outside / max(high - low, 1e-6), np.float32)


def photos(source: Source | None, wanted: Sequence[str]) -> Mapping[str, np.ndarray]:
    """Small pictures, (H, W, 3) uint8, by name, of those that can still be read, and soon: a list is read only once,
    and a bucket of millions takes minutes to list again.
    """
    left, found = set(wanted), dict[str, np.ndarray]()
    until = time.monotonic() + SECONDS
    if source is None or not left:
        return found
    with contextlib.suppress(FrostlineError, OSError):
        for item in source.items():
            if item.name in left:
                left.remove(item.name)
                with contextlib.suppress(ImageError, OSError):
                    found[item.name] = small(item.read())
            if not left or time.monotonic() > until:
                break
    return found


def small(content: bytes) -> np.ndarray:
    """An image file's bytes as a small picture in its own proportions, (H, W, 3) uint8; ImageError for no image."""
    height, width = shrunk(*images.size(content), _SIDE)
    return images.decode(content, height=height, width=width, resize="squash")
