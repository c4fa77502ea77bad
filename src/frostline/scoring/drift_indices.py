"""Drift: whether the images of a job look, and are answered, as the test images did and were. Pure.

Each question has an effect, the population stability index, and a probability that chance alone shows as
much. An alarm wants both: an effect above its limit, so that a million images do not make every tiny
difference one, and a chance below LEVEL, so that twenty do not either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from frostline.scoring.drift_baseline import QUESTIONS, Baseline, Counts, Histogram
from frostline.scoring.drift_stats import Sample

LEVEL = 0.001
_FEW = 5  # images expected in a bin: with fewer, chance is simulated
_DRAWS = 9999

Limits = Mapping[str, float | None]  # by question; None never alarms


@dataclass(frozen=True)
class Shift:
    """One question: the index, the chance of no difference, the histogram that differs most and its new counts.

    limit: what the index may be; None where nobody minds.
    """

    what: str
    psi: float
    chance: float
    limit: float | None
    histogram: Histogram
    counts: tuple[int, ...]

    @property
    def real(self) -> bool:
        """Whether it is more than chance shows."""
        return self.chance < LEVEL

    @property
    def beyond(self) -> bool:
        """Whether it is an alarm."""
        return self.real and self.limit is not None and self.psi > self.limit


@dataclass(frozen=True)
class Drift:
    """The images of a job against the baseline's."""

    images: int
    baseline: int
    shifts: tuple[Shift, ...]

    @property
    def score(self) -> float:
        """The largest index that is more than chance, 0 where none is."""
        return max((each.psi for each in self.shifts if each.real), default=0.0)

    @property
    def alarm(self) -> bool:
        """Whether any question is beyond its limit."""
        return any(each.beyond for each in self.shifts)


@dataclass
class Tally:
    """A job's images counted into a baseline's bins, some at a time."""

    baseline: Baseline
    images: int = 0
    counts: dict[str, list[Counts]] = field(default_factory=dict)

    def add(self, found: Sample) -> None:
        """Count a sample of n images."""
        self.images += len(found["answers"])
        for name, some in self.baseline.count(found).items():
            before = self.counts.get(name)
            self.counts[name] = (
                [a + b for a, b in zip(before, some, strict=True)] if before is not None else some
            )

    def drift(self, limits: Limits) -> Drift:
        """How far what was counted is from the baseline; at least one image must have been."""
        shifts = (
            _shift(name, self.baseline.histograms[name], self.counts[name], limits.get(name))
            for name in QUESTIONS
            if name in self.counts
        )
        return Drift(self.images, self.baseline.images, tuple(shifts))


def _shift(what: str, before: Sequence[Histogram], after: Sequence[Counts], limit: float | None) -> Shift:
    """One question of one or more histograms: that which differs most, its chance times their number.

    The correction for having looked at several: C. Bonferroni (1936); it is careful where they depend on
    each other.
    """
    chances = [chance(each.counts, now.tolist()) for each, now in zip(before, after, strict=True)]
    indices = [psi(each.counts, now.tolist()) for each, now in zip(before, after, strict=True)]
    worst = min(range(len(before)), key=lambda place: (chances[place], -indices[place]))
    return Shift(
        what=what,
        psi=indices[worst],
        chance=min(1.0, chances[worst] * len(before)),
        limit=limit,
        histogram=before[worst],
        counts=tuple(after[worst].tolist()),
    )


def psi(before: Sequence[int], after: Sequence[int]) -> float:
    """The population stability index of two histograms over the same bins, 0 for equal shares.

    The sum of (a - b) ln(a / b) over their shares: N. Siddiqi, Credit Risk Scorecards (2006); the symmetric
    divergence of S. Kullback and R. A. Leibler, Annals of Mathematical Statistics 22 (1951) 79-86. By custom
    below 0.1 is little and above 0.25 a lot. An empty bin counts as half an image, one that is empty in both
    not at all.
    """
    counts = np.array([before, after], np.float64)
    shares = np.maximum(counts, 0.5)[:, counts.any(axis=0)] / counts.sum(axis=1, keepdims=True)
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def chance(before: Sequence[int], after: Sequence[int]) -> float:
    """The p-value of Pearson's chi-squared test that both histograms are of one population.

    Where a bin is expected to hold few images, from simulated tables with the same sums: there the
    chi-squared distribution cries wolf. The draws are fixed, so that the answer is.
    """
    from scipy import stats

    table = np.array([before, after])
    table = table[:, table.any(axis=0)]
    if table.shape[1] < 2:
        return 1.0
    if stats.contingency.expected_freq(table).min() >= _FEW:
        return float(stats.chi2_contingency(table, correction=False).pvalue)
    draws = stats.MonteCarloMethod(n_resamples=_DRAWS, rng=np.random.default_rng(0))
    return float(stats.chi2_contingency(table, correction=False, method=draws).pvalue)
