"""The baseline: statistics of a model's test images and of its predictions, in a few kilobytes of JSON. Pure.

Each index has one or more histograms: predicted classes have one bin per class, numbers have bins that hold a tenth
of the test images each. The images of a job are counted into the same bins.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline.errors import InputError
from frostline.scoring.drift_stats import Floats, Sample

KEY = "frostline.drift"  # of a model's metadata
VERSION = 1
MOST = 2000  # images that a baseline is made of: more would hardly move a decile
INDICES = {  # by name, as in params.yaml: what a person reads
    "size": "image size",
    "brightness": "brightness",
    "sharpness": "sharpness",
    "embedding": "features at the frost line",
    "answers": "predicted classes",
    "confidence": "confidence",
}
_BINS = 10
_FLAT = 1e-4  # of its size: by how much a constant projection may vary in arithmetic

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Histogram:
    """Counts of float32 numbers between ascending edges, below the first and from the last on."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    def count(self, values: Floats) -> Counts:
        """How many of (n,) numbers fall into each bin; an edge belongs to the bin above it."""
        places = np.searchsorted(np.array(self.edges, np.float32), values, side="right")
        return np.bincount(places, minlength=len(self.counts)).astype(np.int64)


@dataclass(frozen=True)
class Baseline:
    """Histograms of `images` test images by index; mean and deviation of each projection of the embedding."""

    images: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    histograms: Mapping[str, tuple[Histogram, ...]]

    def count(self, sample: Sample) -> dict[str, list[Counts]]:
        """A sample in the baseline's bins; an index that it has no numbers for is left out."""
        whole = {name: self._with_distance(name, values) for name, values in sample.items()}
        return {
            name: [one.count(column) for one, column in zip(histograms, whole[name].T, strict=True)]
            for name, histograms in self.histograms.items()
            if name in whole
        }

    def _with_distance(self, name: str, values: Floats) -> Floats:
        return with_distance(values, self.mean, self.deviation) if name == "embedding" else values


def make(sample: Sample, *, classes: int) -> Baseline:
    """The baseline of a sample of the test images, at least one."""
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    columns = dict(sample)
    if "embedding" in columns:
        mean, deviation = _mean_and_deviation(columns["embedding"])
        columns["embedding"] = with_distance(columns["embedding"], mean, deviation)
    return Baseline(
        images=len(columns["answers"]),
        mean=mean,
        deviation=deviation,
        histograms={
            name: tuple(_histogram(column, _edges(name, column, classes)) for column in columns[name].T)
            for name in INDICES
            if name in columns
        },
    )


def with_distance(values: Floats, mean: Sequence[float], deviation: Sequence[float]) -> Floats:
    """(n, k) projections and, as one column more, how far they are from the mean in deviations.

    What is far from everything in another direction for each image shows in no single projection. One that
    never varies (deviation 0) says nothing and counts as 0.
    """
    wide = np.array(deviation, np.float32)
    alive = wide > 0
    scaled = (values - np.array(mean, np.float32)) / np.where(alive, wide, 1)
    far = np.sqrt((scaled**2 * alive).mean(axis=1, keepdims=True))
    return np.concatenate([values * alive, far], axis=1).astype(np.float32)


def _mean_and_deviation(values: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    mean, wide = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)
    flat = wide <= _FLAT * np.abs(values).max(axis=0)
    return _float32s(mean), _float32s(np.where(flat, 0, wide))


def _edges(name: str, values: Floats, classes: int) -> tuple[float, ...]:
    """Between the classes, or between tenths; a number that many images share has a bin of its own."""
    if name == "answers":
        return tuple(number + 0.5 for number in range(classes - 1))
    ordered, count = np.sort(values), len(values)
    place = np.ceil(np.arange(1, _BINS) * count / _BINS).astype(int)  # images below each cut
    # Halfway: no image lies so near that another processor's last digit moves it.
    middle = (ordered[place - 1] + ordered[np.minimum(place, count - 1)]) / np.float32(2)
    cuts, times = np.unique(middle, return_counts=True)
    after = np.nextafter(cuts[times > 1], np.float32(np.inf))
    return _float32s(np.unique(np.concatenate([cuts, after])))


def _histogram(values: Floats, edges: tuple[float, ...]) -> Histogram:
    empty = Histogram(edges, (0,) * (len(edges) + 1))
    return Histogram(edges, tuple(empty.count(values).tolist()))


def _float32s(values: npt.NDArray[Any]) -> tuple[float, ...]:
    """As float32, in the fewest digits that are it."""
    return tuple(float(str(value)) for value in values.astype(np.float32))


def to_json(baseline: Baseline) -> str:
    """The baseline as its one compact JSON text."""
    histograms = {
        name: [{"edges": histogram.edges, "counts": histogram.counts} for histogram in some]
        for name, some in baseline.histograms.items()
    }
    values = {
        "version": VERSION, "images": baseline.images, "mean": baseline.mean, "deviation": baseline.deviation,
        "histograms": histograms,
    }  # fmt: skip
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def from_json(text: str) -> Baseline:
    """What `to_json` wrote; InputError for anything else."""
    try:
        values = json.loads(text)
        if values["version"] != VERSION:
            raise ValueError(f"version {values['version']!r} is unknown, this frostline reads {VERSION}")
        histograms = {
            name: tuple(
                Histogram(tuple(histogram["edges"]), tuple(histogram["counts"])) for histogram in some
            )
            for name, some in values["histograms"].items()
        }
        return Baseline(values["images"], tuple(values["mean"]), tuple(values["deviation"]), histograms)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"the model's baseline for drift is broken ({error}); export the model again"
        ) from None
