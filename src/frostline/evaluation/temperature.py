"""Temperature scaling: one number that logits are divided by, so that a probability means what it says.

C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML (2017). It changes no
answer: the order of an image's classes stays.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from frostline.evaluation.log_loss import losses
from frostline.evaluation.predictions import Predictions
from frostline.evaluation.statistics import Estimate, mean

LOWEST, HIGHEST = 0.1, 10.0
LEAST = 50  # held-out images: fewer say too little
FOLDS = 5
PRIOR = 0.5  # deviation of the logarithm around 0
DECIMALS = 4  # of the number: its last bits differ between processors
_NEAR = 1e-9  # of a logarithm: far below the last of these decimals
_LOSS = -math.log(1e-7)  # the largest that `losses` gives


@dataclass(frozen=True)
class Temperature:
    """What logits are divided by, 1 where the network's own probabilities stay, for a `reason`.

    `fitted` is the number that `images` held-out images suggest; `gain` is how much the log loss (nats) falls by
    temperatures on images that they were not fitted on, None where there were too few.
    """

    value: float
    fitted: float
    images: int
    gain: Estimate | None
    reason: str = ""


def of(predicted: Predictions) -> Temperature:
    """The temperature of a trained network, by its validation images, which it was not trained on."""
    return fit(predicted.split("validation"))


def calibrated(predicted: Predictions) -> Predictions:
    """Predictions with the probabilities that the exported model gives."""
    return replace(predicted, probs=apply(predicted.probs, of(predicted).value))


def fit(held_out: Predictions) -> Temperature:
    """The temperature that lowers the log loss of images which the network was not trained on.

    It is taken only where it lowers the loss beyond chance on images that it was not fitted on: by cross-fitting over
    FOLDS parts by content, the 95% interval of the gain is above 0.
    """
    count = len(held_out)
    if count < LEAST:
        return Temperature(1.0, 1.0, count, None, f"fewer than {LEAST} validation images cannot tell")
    labels, probs = held_out.labels, held_out.probs
    fitted, gain = round(_best(labels, probs), DECIMALS), _gain(held_out)
    if gain.low <= 0:
        return Temperature(1.0, fitted, count, gain, "no temperature lowers the log loss beyond chance")
    return Temperature(fitted, fitted, count, gain)


def apply(probs: np.ndarray, temperature: float) -> np.ndarray:
    """(N, C) float32 probabilities of logits divided by a temperature, from those of the logits themselves."""
    if temperature == 1:
        return probs
    logits = np.log(np.maximum(probs.astype(np.float64), np.finfo(np.float64).tiny)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def _gain(held_out: Predictions) -> Estimate:
    """How much the loss falls by temperatures that were fitted on other parts of these images."""
    part = np.argsort(np.argsort(np.array(held_out.ids), kind="stable")) % FOLDS
    labels, probs = held_out.labels, held_out.probs
    after = np.empty_like(probs)
    for fold in range(FOLDS):
        here = part == fold
        after[here] = apply(probs[here], _best(labels[~here], probs[~here]))
    return mean(losses(labels, probs) - losses(labels, after), least=-_LOSS, most=_LOSS)


def _best(labels: np.ndarray, probs: np.ndarray) -> float:
    """The temperature of the lowest log loss, with a normal prior on its logarithm.

    The prior weighs as much as some images do: where all are right it keeps the temperature from falling to 0, which
    would call certain what so many images cannot show, and elsewhere it hardly counts.
    """
    logits = np.log(np.maximum(probs.astype(np.float64), np.finfo(np.float32).tiny))
    own = logits[np.arange(len(labels)), labels]
    low, at, high = -math.log(HIGHEST), 0.0, -math.log(LOWEST)  # logarithms of 1 / temperature
    while high - low > _NEAR:
        slope, bend = _slopes(logits, own, at)
        low, high = (low, at) if slope > 0 else (at, high)
        step = slope / bend if bend > 0 else math.inf
        # Newton's step, or half of what is left where that leads out of it.
        following = at - step if low < at - step < high else (low + high) / 2
        if abs(following - at) < _NEAR:
            break
        at = following
    return math.exp(-at)


def _slopes(logits: np.ndarray, own: np.ndarray, log_inverse: float) -> tuple[float, float]:
    """First and second derivative of the loss and the prior by the logarithm of what (N, C) logits are multiplied by.

    `own` (N,) are the logits of the true classes.
    """
    factor = math.exp(log_inverse)
    powers = np.exp((logits - logits.max(axis=1, keepdims=True)) * factor)
    probs = powers / powers.sum(axis=1, keepdims=True)
    means = (probs * logits).sum(axis=1)
    slope = factor * float((means - own).sum())
    spread = float((probs * (logits - means[:, None]) ** 2).sum())
    return slope + log_inverse / PRIOR**2, slope + factor**2 * spread + 1 / PRIOR**2
