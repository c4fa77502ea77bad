"""What export fits on held-out images so that answers mean what they say: the temperature, prediction sets."""

from dataclasses import dataclass
from typing import Any

from frostline.evaluation import metrics, prediction_sets, tables, temperature
from frostline.evaluation.prediction_sets import SetCoverage
from frostline.evaluation.predictions import Predictions
from frostline.evaluation.temperature import Temperature
from frostline.runtime.answers import Answers

_FIGURES = ("loss", "calibration_error")


@dataclass(frozen=True, eq=False)
class AnswerFit:
    """What goes into a model: the answers' metadata; `predicted` are the probabilities that it gives."""

    temperature: Temperature
    answers: Answers
    trained: Predictions
    predicted: Predictions

    def values(self) -> dict[str, Any]:
        """What `answers.json` says: how it was fitted, and what it does on test."""
        gain = self.temperature.gain
        before, after = (_figures(rows.split("test")) for rows in (self.trained, self.predicted))
        sets = prediction_sets.measured(self.predicted.split("test"), dict(self.answers.thresholds))
        return {
            "temperature": self.temperature.value,
            "temperature_fitted": self.temperature.fitted,
            "temperature_reason": self.temperature.reason,
            "validation_images": self.temperature.images,
            "validation_gain": gain and [round(end, 6) for end in (gain.value, gain.low, gain.high)],
            "test_before": before,
            "test_after": after,
            "sets": tables.records(list(sets), kind=SetCoverage),
        }


def fit(trained: Predictions) -> AnswerFit:
    """Fit on the validation images, which the network was not trained on."""
    found, predicted = temperature.of(trained), temperature.calibrated(trained)
    held_out = predicted.split("validation")
    thresholds = prediction_sets.thresholds(held_out.labels, held_out.probs)
    answers = Answers(temperature=found.value, images=len(held_out), thresholds=thresholds)
    return AnswerFit(found, answers, trained, predicted)


def _figures(rows: Predictions) -> dict[str, float] | None:
    if not len(rows):
        return None
    measured = metrics.measure(rows).as_json()
    return {name: measured[name] for name in _FIGURES}
