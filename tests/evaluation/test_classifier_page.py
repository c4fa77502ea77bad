"""Sentences about the three accuracies: each for its own reason."""

import pytest

from frostline.evaluation.classifier_page import overfitting_sentences
from frostline.evaluation.statistics import Estimate, proportion


def share(percent: float, images: int = 1000) -> Estimate:
    """An accuracy with its interval."""
    found = proportion(round(percent * images / 100), images)
    assert found
    return found


@pytest.mark.parametrize(
    ("train", "validation", "test", "learned", "fair"),
    [
        (99, 85, 85, "Overfitting: train − validation = 14.0 points (95%: ", "do not differ significantly"),
        (80, 90, 90, "Train is below validation: train − validation = −10.0 points", "do not differ"),
        (90, 90, 90, "No significant overfitting: train − validation = 0.0 points", "do not differ"),
        (60, 60, 60, "Both are low", "do not differ"),
        (90, 90, 80, "No significant overfitting", "validation − test = 10.0 points (95%: 6.9 to 13.1)"),
        (90, 80, 90, "Overfitting", "Test is above validation"),
    ],
)  # fmt: skip
def test_sentences(train: float, validation: float, test: float, learned: str, fair: str) -> None:
    """Overfitting first, then whether validation was fair."""
    first, second = overfitting_sentences(share(train), share(validation), share(test))
    assert learned in first
    assert fair in second


def test_ten_images_prove_nothing() -> None:
    """The same gap is not significant on few images."""
    first, second = overfitting_sentences(share(90, 10), share(80, 10), share(70, 10))
    assert first.startswith("No significant overfitting: train − validation = 10.0 points (95%: −")
    assert second.startswith("Validation and test do not differ significantly")
