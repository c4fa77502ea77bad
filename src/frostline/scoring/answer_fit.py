"""What export fits on held-out images so that answers mean what they say: temperature, prediction sets, `unknown`."""

from dataclasses import dataclass, replace
from typing import Any

from frostline.evaluation import prediction_sets, temperature
from frostline.evaluation.predictions import Predictions
from frostline.evaluation.temperature import Temperature
from frostline.models.neighbours import Neighbours
from frostline.runtime.answers import Answers


@dataclass(frozen=True, eq=False)
class AnswerFit:
    """What goes into a model: the answers' metadata, and the training images that `unknown` compares with.

    `predicted` are the probabilities that the model gives.
    """

    temperature: Temperature
    answers: Answers
    neighbours: Neighbours | None
    predicted: Predictions

    def values(self) -> dict[str, Any]:
        """What `answers.json` says: how it was fitted. What it does on test is for `evaluate`, whose code does not
        make a model another one.
        """
        gain = self.temperature.gain
        return {
            "temperature": self.temperature.value,
            "temperature_fitted": self.temperature.fitted,
            "temperature_reason": self.temperature.reason,
            "validation_images": self.temperature.images,
            "validation_gain": gain and [round(end, 6) for end in (gain.value, gain.low, gain.high)],
        }


def fit(trained: Predictions, neighbours: Neighbours | None = None) -> AnswerFit:
    """Fit on the validation images, which the network was not trained on; `neighbours` fitted before."""
    found = temperature.of(trained)
    predicted = replace(trained, probs=temperature.apply(trained.probs, found.value))
    held_out = predicted.split("validation")
    thresholds = prediction_sets.thresholds(held_out.labels, held_out.probs)
    answers = Answers(
        temperature=found.value,
        images=len(held_out),
        thresholds=thresholds,
        unknown_images=0 if neighbours is None else len(neighbours.held_out),
    )
    return AnswerFit(found, answers, neighbours, predicted)
