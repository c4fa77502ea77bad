"""Wrong labels among right ones are found, the likeliest first."""

import numpy as np

from frostline.evaluation.label_issues import COLUMNS, LabelIssue, label_issues, ranked
from frostline.evaluation.predictions import Predictions

CLASSES = ("cat", "dog", "élan")


def judged(labels: list[int], truth: list[int], sure: list[float]) -> Predictions:
    """What classifiers say that know the truth, each image as surely as given."""
    probs = np.array([[(1 - p) / 2] * 3 for p in sure], np.float32)
    probs[np.arange(len(sure)), truth] = sure
    names = tuple(f"{number}.png" for number in range(len(sure)))
    return Predictions(CLASSES, names, names, ("train",) * len(sure), np.array(labels), probs)


def test_swapped_labels_are_found_the_surest_first() -> None:
    """Two of ninety are wrong; hard images whose label is right are left alone."""
    truth = [number % 3 for number in range(90)]
    sure = [0.8 + 0.002 * (number % 40) for number in range(90)]
    labels = list(truth)
    labels[10], labels[20] = (truth[10] + 1) % 3, (truth[20] + 2) % 3
    sure[10], sure[20], sure[30] = 0.9, 0.97, 0.4
    found = label_issues(judged(labels, truth, sure))
    assert [each.path for each in found] == ["20.png", "10.png"]
    first = found[0]
    assert (first.split, first.label, first.predicted) == ("train", CLASSES[labels[20]], CLASSES[truth[20]])
    assert (round(first.probability, 4), round(first.probability_of_label, 4)) == (0.97, 0.015)


def test_clean_labels_raise_no_doubt() -> None:
    """Nothing is found for the sake of finding."""
    truth = [number % 3 for number in range(60)]
    assert label_issues(judged(truth, truth, [0.9] * 60)) == []


def test_columns_are_the_fields() -> None:
    """label_issues.csv is written by them."""
    assert set(COLUMNS) == set(LabelIssue.__dataclass_fields__)


def test_rows_that_were_found_before_are_named() -> None:
    """The same issues, without a search."""
    truth = [number % 3 for number in range(90)]
    labels = [1 if number == 12 else label for number, label in enumerate(truth)]
    predicted = judged(labels, truth, [0.9] * 90)
    rows = ranked(predicted)
    assert rows.tolist() == [12]
    assert label_issues(predicted, rows) == label_issues(predicted)
    assert label_issues(predicted, rows[:0]) == []
