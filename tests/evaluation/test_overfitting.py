"""What is said of three accuracies beside each other: each sentence for its own reason."""

import pytest

from frostline.evaluation.overfitting import told
from frostline.evaluation.statistics import Estimate, proportion


def share(percent: float, images: int = 1000) -> Estimate:
    """An accuracy with its interval."""
    found = proportion(round(percent * images / 100), images)
    assert found
    return found


@pytest.mark.parametrize(
    ("train", "validation", "test", "learned", "fair"),
    [
        (99, 85, 85, "14.0 points (95%: ", "Validation and test agree within chance"),
        (99, 85, 85, "more than half of it", "agree within chance"),
        (96, 92, 92, "some of it", "agree within chance"),
        (80, 90, 90, "worse than validation images: dropout", "agree within chance"),
        (90, 90, 90, "no overfitting to be seen.", "agree within chance"),
        (60, 60, 60, "Both are low", "agree within chance"),
        (90, 90, 80, "no overfitting", "Test is 10.0 points (95%: 6.9 to 13.1) below validation"),
        (90, 80, 90, "better than validation", "above validation: its photos are easier, or there is a leak"),
    ],
)  # fmt: skip
def test_sentences(train: float, validation: float, test: float, learned: str, fair: str) -> None:
    """Overfitting first, then whether validation was fair."""
    first, second = told(share(train), share(validation), share(test))
    assert learned in first
    assert fair in second


def test_ten_images_prove_nothing() -> None:
    """The same gap is chance on few images."""
    first, second = told(share(90, 10), share(80, 10), share(70, 10))
    assert first.startswith("Training and validation agree within chance (difference +10.0 points, 95%: -")
    assert second.startswith("Validation and test agree within chance")
