"""What a review is worth: wrong labels that are found, accuracy that comes back, labels that need not be given.

    python benchmarks/review.py PROJECT DATASET CLASSIFIER [--saved]

DATASET of the project in the folder PROJECT, through the frozen layers of its CLASSIFIER; features come from the
cache or are computed first. All accuracies are of one kind of classifier, a logistic regression on standardised
features (`next_to_label.fitted`), on the test photos, whose labels stay as they are.

Flipped: 5% of the training labels are given another class at random (seeds 0 to 4, fixed beforehand); photos are
listed as `frostline data review` lists them. Corrected: the labels of the first tenth of the list are put right.
With --saved: labels saved by `--next`. From 40 random training photos on, 20 at a time are chosen among all others,
until 300; beside it as many random ones, and 600. Ten seeds; intervals are 95% of the mean over seeds, by Student's t.
"""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

import frostline
from frostline import files
from frostline.evaluation.predictions import Predictions
from frostline.review import candidates
from frostline.training import cross_validation, next_to_label

FLIPPED, START, STEP, MOST, RANDOM = 0.05, 40, 20, 300, 600
SEEDS = range(1000, 1010)
Rows = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


class Photos:
    """A dataset's features (N, D) and labels (N,), of training and of test photos."""

    def __init__(self, project: Path, dataset: str, classifier: str) -> None:
        opened = frostline.open_project(project)
        place = project / opened.params.datasets[dataset].path
        found = frostline.extract_features(place, classifier=classifier, project=project)
        assert found.labels is not None
        assert found.splits is not None
        self.classes = tuple(sorted(set(found.labels)))
        labels = np.searchsorted(self.classes, found.labels)
        test = found.splits == "test"
        train = found.splits == "train" if (found.splits != "").any() else ~test
        self.train, self.labels = found.features[train], labels[train]
        self.test, self.truth = found.features[test], labels[test]

    def accuracy(self, rows: Sequence[int] | Labels, labels: Labels | None = None) -> float:
        """On the test photos, of a classifier that learnt from some training photos; `labels` are theirs."""
        given = self.labels[rows] if labels is None else labels
        return float(
            (next_to_label.fitted(self.train[rows], given, self.test).argmax(axis=1) == self.truth).mean()
        )


def flipped(photos: Photos, seed: int) -> dict[str, float]:
    """Shares of the flipped labels in the beginning of the list, and accuracies clean, flipped and corrected."""
    rng, count = np.random.default_rng(seed), len(photos.labels)
    wrong = rng.permutation(count)[: round(FLIPPED * count)]
    labels = photos.labels.copy()
    labels[wrong] = (labels[wrong] + rng.integers(1, len(photos.classes), len(wrong))) % len(photos.classes)
    names = tuple(f"{number}" for number in range(count))
    ids = tuple(files.sha256(name.encode()) for name in names)
    probs = cross_validation.out_of_fold([photos.train], labels, ids, classes=len(photos.classes), seed=7)
    assert probs is not None
    order = candidates.by_suspicion(
        Predictions(photos.classes, names, ids, ("train",) * count, labels, probs)
    )
    mended, first = labels.copy(), order[: round(0.1 * count)]
    mended[first] = photos.labels[first]
    every = np.arange(count)
    shares = {
        f"first {part:.1%}": float(np.isin(wrong, order[: round(part * count)]).mean())
        for part in (0.05, 0.075, 0.1)
    }
    return shares | {
        "clean": photos.accuracy(every),
        "flipped": photos.accuracy(every, labels),
        "corrected": photos.accuracy(every, mended),
    }


def chosen(photos: Photos, rows: list[int], seed: int) -> Labels:
    """The photos that `--next` takes, beside those that have a label."""
    others = np.setdiff1d(np.arange(len(photos.labels)), rows)
    known = np.unique(photos.labels[rows])
    labels = np.searchsorted(known, photos.labels[rows])
    probs = np.zeros((len(others), len(photos.classes)), np.float32)
    probs[:, known] = next_to_label.fitted(photos.train[rows], labels, photos.train[others])
    return others[next_to_label.order(photos.train[others], probs, count=STEP, seed=seed)]


def curve(photos: Photos, seed: int, pick: Callable[[Photos, list[int], int], Labels]) -> list[float]:
    """Accuracies with 40, 60, … 300 labels."""
    rows = np.random.default_rng(seed).permutation(len(photos.labels))[:START].tolist()
    found = [photos.accuracy(rows)]
    while len(rows) < MOST:
        rows += pick(photos, rows, seed).tolist()
        found.append(photos.accuracy(rows))
    return found


def at_random(photos: Photos, rows: list[int], seed: int) -> Labels:
    """As many others at random."""
    others = np.setdiff1d(np.arange(len(photos.labels)), rows)
    return np.random.default_rng([seed, len(rows)]).permutation(others)[:STEP]


def interval(values: npt.NDArray[np.float64]) -> str:
    """Mean and 95% interval of the mean, in percent."""
    from scipy import stats

    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{100 * values.mean():.2f} ({100 * (values.mean() - half):.2f} to {100 * (values.mean() + half):.2f})"


def saved(photos: Photos) -> None:
    """Print accuracies by number of labels, chosen and random, and where the chosen reach 600 random ones."""
    count = len(photos.labels)
    whole = np.array(
        [photos.accuracy(np.random.default_rng([seed, 1]).permutation(count)[:RANDOM]) for seed in SEEDS]
    )
    print(f"{RANDOM} random: {interval(whole)}; all {count}: {100 * photos.accuracy(np.arange(count)):.2f}")
    picked, drawn = (np.array([curve(photos, seed, pick) for seed in SEEDS]) for pick in (chosen, at_random))
    for place, labels in enumerate(range(START, MOST + 1, STEP)):
        one, other = picked[:, place], drawn[:, place]
        print(
            f"{labels}: chosen {interval(one)}, random {interval(other)}, chosen - 600 random {interval(one - whole)}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("dataset")
    parser.add_argument("classifier")
    parser.add_argument("--saved", action="store_true")
    given = parser.parse_args()
    photos, began = Photos(given.project, given.dataset, given.classifier), time.process_time()
    print(
        f"{len(photos.labels)} training photos, {len(photos.truth)} test photos, {os.cpu_count()} processors"
    )
    if given.saved:
        saved(photos)
    else:
        rows = [flipped(photos, seed) for seed in range(5)]
        for name in rows[0]:
            values = np.array([row[name] for row in rows])
            print(f"{name}: mean {100 * values.mean():.2f}%, least {100 * values.min():.2f}%")
    print(f"{time.process_time() - began:.0f} s of processor time")


if __name__ == "__main__":
    main()
