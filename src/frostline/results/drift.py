"""Drift: whether what a model says of new images is what it said of those it was measured on. Pure.

Two questions, each with an effect from 0 to 1 and a probability that chance alone shows as much: how often
each class is answered, and how sure the answers are. An alarm wants both: an effect above the limit, so that
a million images do not make every tiny difference one, and a chance below LEVEL, so that twenty do not either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LEVEL = 0.001


@dataclass(frozen=True)
class Shift:
    """One question: `effect` 0 to 1, `chance` the p-value of no difference, in both cases of `what`."""

    what: str
    how: str
    effect: float
    chance: float

    @property
    def real(self) -> bool:
        """Whether it is more than chance shows."""
        return self.chance < LEVEL


@dataclass(frozen=True)
class Drift:
    """The answers of a job against a baseline, each of N images: shares by class, and the shifts."""

    images: int
    baseline: int
    classes: tuple[str, ...]
    shares: tuple[float, ...]
    baseline_shares: tuple[float, ...]
    shifts: tuple[Shift, ...]

    @property
    def score(self) -> float:
        """The largest effect that is more than chance, 0 where none is."""
        return max((each.effect for each in self.shifts if each.real), default=0.0)


def measure(
    classes: Sequence[str], baseline: npt.NDArray[np.float32], found: npt.NDArray[np.float32]
) -> Drift:
    """Two (n, C) arrays of probabilities, each with a row at least.

    Labels: total variation distance of the two shares, half the sum of absolute differences, with Pearson's
    chi-squared test of homogeneity. Confidence: the two-sample Kolmogorov-Smirnov distance of the largest
    probability, with its test. Both tests are SciPy's.
    """
    then, now = (np.bincount(each.argmax(axis=1), minlength=len(classes)) for each in (baseline, found))
    before, after = then / then.sum(), now / now.sum()
    return Drift(
        images=len(found),
        baseline=len(baseline),
        classes=tuple(classes),
        shares=tuple(map(float, after)),
        baseline_shares=tuple(map(float, before)),
        shifts=(
            Shift(
                "answers", "how often each class is answered", _distance(before, after), _labels(then, now)
            ),
            _confidence(baseline.max(axis=1), found.max(axis=1)),
        ),
    )


def _distance(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> float:
    return float(np.abs(before - after).sum() / 2)


def _labels(then: npt.NDArray[np.int64], now: npt.NDArray[np.int64]) -> float:
    from scipy import stats

    table = np.stack([then, now])[:, (then + now) > 0]
    return 1.0 if table.shape[1] < 2 else float(stats.chi2_contingency(table, correction=False).pvalue)


def _confidence(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]) -> Shift:
    from scipy import stats

    found = stats.ks_2samp(before, after)
    return Shift("confidence", "how sure the answers are", float(found.statistic), float(found.pvalue))
