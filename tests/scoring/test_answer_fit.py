"""What export fits for a model's answers: found on validation, told on test."""

import numpy as np

from evaluation.test_temperature import CLASSES, drawn
from frostline.evaluation import metrics, prediction_sets
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
    assert found.values()["temperature"] == found.answers.temperature > 2
    before, after = (metrics.measure(rows.split("test")).as_json() for rows in (trained, found.predicted))
    assert after["loss"] < before["loss"]
    assert after["calibration_error"] < before["calibration_error"]
    sets = prediction_sets.measured(found.predicted.split("test"), dict(found.answers.thresholds))
    (covered,) = [one.coverage for one in sets if (one.promised, one.name) == (0.9, "")]
    assert covered.low <= 0.93
    assert covered.high >= 0.9
    assert found.answers.images == 1000
    assert (found.predicted.predicted == trained.predicted).all()


def test_without_validation_images_nothing_is_promised() -> None:
    """There is nothing to take thresholds from."""
    assert answer_fit.fit(joined(drawn(50, split="test"))).answers.thresholds == {}
