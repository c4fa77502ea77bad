"""Drift: whether the images of a job, and its predictions, are distributed as the test images and theirs. Pure.

Each index has an effect size, the population stability index (PSI), and a p-value. An alarm needs both: a PSI above
its limit, so that a million images do not make every tiny difference one, and a p-value below LEVEL, so that twenty
do not either.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from frostline.scoring.drift_baseline import INDICES, Baseline, Counts, Histogram
from frostline.scoring.drift_stats import IMAGE_STATS, PROJECTIONS, Sample, sample
from frostline.scoring.strangest import Strange, measure, strangest

LEVEL = 0.001
_FEW = 5  # images expected in a bin: with fewer, the p-value is simulated
_DRAWS, _MORE_DRAWS = 9_999, 99_999  # more where no table of the first is as extreme

Limits = Mapping[str, float | None]  # of the PSI, by index; None never alarms


@dataclass(frozen=True)
class Shift:
    """One index: its PSI, the p-value of no difference, the histogram that differs most and its new counts.

    limit: what the PSI may be; None where there is none. place: which of the index' histograms it is.
    """

    index: str
    psi: float
    p_value: float
    limit: float | None
    histogram: Histogram
    counts: tuple[int, ...]
    place: int = 0

    @property
    def significant(self) -> bool:
        """Whether it is more than chance shows."""
        return self.p_value < LEVEL

    @property
    def above_limit(self) -> bool:
        """Whether it is an alarm."""
        return self.significant and self.limit is not None and self.psi > self.limit


@dataclass(frozen=True)
class Drift:
    """The images of a job against the baseline's."""

    images: int
    baseline: int
    shifts: tuple[Shift, ...]
    strangest: tuple[Strange, ...] = ()
    measure: str = ""  # what they are strange by

    @property
    def score(self) -> float:
        """The largest PSI that is significant, 0 where none is."""
        return max((shift.psi for shift in self.shifts if shift.significant), default=0.0)

    @property
    def alarm(self) -> bool:
        """Whether any index is above its limit."""
        return any(shift.above_limit for shift in self.shifts)


@dataclass
class Tally:
    """A job's images counted into a baseline's bins, some at a time."""

    baseline: Baseline
    images: int = 0
    counts: dict[str, list[Counts]] = field(default_factory=dict)
    strangest: list[Strange] = field(default_factory=list)
    measure: str = ""

    def add(self, sample: Sample) -> None:
        """Count a sample of n images."""
        self.images += len(sample["answers"])
        for name, some in self.baseline.count(sample).items():
            before = self.counts.get(name)
            self.counts[name] = (
                [a + b for a, b in zip(before, some, strict=True)] if before is not None else some
            )

    def drift(self, limits: Limits) -> Drift:
        """How far what was counted is from the baseline; at least one image must have been."""
        shifts = (
            _shift(name, self.baseline.histograms[name], self.counts[name], limits.get(name))
            for name in INDICES
            if name in self.counts
        )
        return Drift(self.images, self.baseline.images, tuple(shifts), tuple(self.strangest), self.measure)


def count(table: pa.Table, into: Tally) -> None:
    """Count the scored images of a table with `probs`; image statistics only where their columns are there."""
    good = table.filter(table["probs"].is_valid())
    if not len(good):
        return
    stats = {name: good[name].to_numpy() for name in IMAGE_STATS if name in good.column_names}
    embedded = "embedding" in good.column_names and not good["embedding"].null_count
    scored = sample(
        probs=_matrix(good["probs"], len(good["probs"][0])),
        stats=stats if len(stats) == len(IMAGE_STATS) else {},
        embedding=_matrix(good["embedding"], PROJECTIONS) if embedded else None,
    )
    into.add(scored)
    into.strangest = strangest(into.strangest, good, scored, into.baseline)
    into.measure = measure(scored, into.baseline)


def _matrix(column: pa.ChunkedArray, width: int) -> np.ndarray:
    """(n, width) of lists of that many numbers."""
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float32).reshape(-1, width)


def _shift(index: str, before: Sequence[Histogram], after: Sequence[Counts], limit: float | None) -> Shift:
    """One index of one or more histograms: the one that differs most, its p-value times their number.

    The correction for several tests: C. Bonferroni (1936); it is conservative where they depend on each other.
    """
    p_values = [p_value(histogram.counts, now.tolist()) for histogram, now in zip(before, after, strict=True)]
    psis = [psi(histogram.counts, now.tolist()) for histogram, now in zip(before, after, strict=True)]
    worst = min(range(len(before)), key=lambda place: (p_values[place], -psis[place]))
    return Shift(
        index=index,
        psi=psis[worst],
        p_value=min(1.0, p_values[worst] * len(before)),
        limit=limit,
        histogram=before[worst],
        counts=tuple(after[worst].tolist()),
        place=worst,
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


def p_value(before: Sequence[int], after: Sequence[int]) -> float:
    """The p-value of Pearson's chi-squared test that both histograms are of one population.

    Where a bin is expected to hold few images, from simulated tables with the same sums: there the
    chi-squared distribution gives false alarms. The draws are fixed, so that the p-value is. They are enough for
    one below LEVEL also after the correction for the directions of the features.
    """
    table = np.array([before, after])
    table = table[:, table.any(axis=0)]
    if table.shape[1] < 2:
        return 1.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    if expected.min() >= _FEW:
        return _beyond(float(((table - expected) ** 2 / expected).sum()), freedom=table.shape[1] - 1)
    from scipy import stats  # half a second, which few images alone pay

    for draws in (_DRAWS, _MORE_DRAWS):
        method = stats.MonteCarloMethod(n_resamples=draws, rng=np.random.default_rng(0))
        found = float(stats.chi2_contingency(table, correction=False, method=method).pvalue)
        if found > 1 / (draws + 1):
            break
    return found


def _beyond(value: float, *, freedom: int) -> float:
    """The chance that a chi-squared variable exceeds a value: M. Abramowitz and I. Stegun (1964), 26.4.4 and 26.4.5."""
    half, odd = value / 2, freedom % 2
    if half <= 0:
        return 1.0
    powers = [place + odd / 2 for place in range(freedom // 2)]
    terms = [math.exp(power * math.log(half) - half - math.lgamma(power + 1)) for power in powers]
    return min(1.0, math.fsum([math.erfc(math.sqrt(half)) if odd else 0.0, *terms]))
