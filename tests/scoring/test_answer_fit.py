"""What export fits for a model's answers: found on validation, told on test."""

import numpy as np

from evaluation.test_temperature import CLASSES, drawn
from frostline.evaluation.predictions import Predictions
from frostline.scoring import answer_fit


def joined(*parts: Predictions) -> Predictions:
    """Rows of several splits, one part after the other."""
    return Predictions(
        CLASSES,
        *(
            tuple(value for part in parts for value in getattr(part, name))
            for name in ("paths", "ids", "splits")
        ),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.probs for part in parts]),
    )


def test_an_overconfident_network_is_calibrated() -> None:
    """The model divides its logits; on test the loss falls and sets hold what they promise."""
    trained = joined(drawn(1000, scale=3), drawn(1000, scale=3, seed=1, split="test"))
    found = answer_fit.fit(trained)
    values = found.values()
    assert values["temperature"] == found.answers.temperature > 2
    assert values["test_after"]["loss"] < values["test_before"]["loss"]
    assert values["test_after"]["calibration_error"] < values["test_before"]["calibration_error"]
    low, *_ = [row["coverage_low"] for row in values["sets"] if (row["promised"], row["name"]) == (0.9, "")]
    high = next(row["coverage_high"] for row in values["sets"] if (row["promised"], row["name"]) == (0.9, ""))
    assert low <= 0.93
    assert high >= 0.9
    assert found.answers.images == 1000
    assert (found.predicted.predicted == trained.predicted).all()


def test_without_test_images_nothing_is_told_of_them() -> None:
    """And without validation images there is nothing to promise."""
    values = answer_fit.fit(joined(drawn(200))).values()
    assert (values["test_before"], values["sets"]) == (None, [])
    assert answer_fit.fit(joined(drawn(50, split="test"))).answers.thresholds == {}
