"""A project with a dataset to review, and sessions on it, without any training."""

from pathlib import Path

import numpy as np

from frostline import config, paths
from frostline.datasets.decision_log import DecisionLog
from frostline.datasets.source import open_source
from frostline.evaluation import predictions
from frostline.evaluation.predictions import Predictions
from frostline.review import gathering
from frostline.review.candidates import ReviewItem
from frostline.review.session import About, ReviewSession
from helpers.images import classes, encoded, folder
from helpers.projects import pets

COUNTS = {"bird": 9, "cat": 12, "dog": 20}
CLASSES = ("bird", "cat", "dog")


def project(place: Path) -> Path:
    """Photos of three pets in class folders, one of them in two classes."""
    pets(place)
    images = classes(COUNTS)
    folder(place / "data/pets", {**images, "dog/same.png": images[min(images)]})
    return place


def answers(classifier: str, *, wrong: dict[str, str]) -> Predictions:
    """Out-of-fold rows and predictions of a classifier on the photos as they lie there, sure and right but for `wrong`:
    path → class."""
    settings = config.load()
    with open_source(Path("data/pets")) as source:
        manifest = gathering.of_dataset("pets", settings, source, classifier=None).manifest
    rows = manifest.table.filter(manifest.usable).to_pylist()
    labels = np.array([row["label"] for row in rows], np.int64)
    said = [CLASSES.index(wrong[row["path"]]) if row["path"] in wrong else row["label"] for row in rows]
    probs = np.full((len(rows), 3), 0.02, np.float32)
    probs[np.arange(len(rows)), said] = [0.96 - 0.001 * number for number in range(len(rows))]
    probs /= probs.sum(axis=1, keepdims=True)
    columns = [tuple(row[name] for row in rows) for name in ("path", "sha256", "split")]
    made = Predictions(CLASSES, *columns, labels, probs)
    for file in ("predictions", "out_of_fold"):
        predictions.write(made, paths.classifier(classifier) / f"{file}.parquet")
    return made


def items(count: int, *, kind: str = "suspected") -> list[ReviewItem]:
    """Candidates with nothing behind them, every third without a class."""
    return [
        ReviewItem(
            kind, f"{number:064x}", f"cat/{number}.png", "" if number % 3 == 2 else "cat", "dog", 0.75, "why"
        )
        for number in range(count)
    ]


def session(path: Path, count: int = 6) -> ReviewSession:
    """A session on such candidates; every photo is the same."""
    log = DecisionLog(path / "decisions.csv", dataset="pets", who="Ada <a@b>")
    return ReviewSession(About("pets", "Ada <a@b>", CLASSES), items(count), log, lambda _: encoded(1))
