"""Accuracy in slices of the test split, each held against all the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from frostline.evaluation.statistics import Estimate, log_factorials, proportion

LEAST = 10  # images: a smaller slice says nothing
MOST = 30  # slices of one kind shown
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Slice:
    """One slice: accuracy, and p-value of Fisher's test against the rest, corrected for the number of slices."""

    kind: str
    name: str
    images: int
    accuracy: Estimate
    p: float | None

    @property
    def weak(self) -> bool:
        """Significantly worse than the rest."""
        return self.p is not None and self.p < SIGNIFICANT


def slices(right: np.ndarray, kinds: Mapping[str, Sequence[str]]) -> list[Slice]:
    """Parts of (N,) right answers; each kind names the part of every image, in order of the parts.

    Kinds with one part only, or with the same parts as an earlier kind, say nothing and are left out. The
    test is one-sided (worse); its p-values are corrected together by Y. Benjamini and Y. Hochberg,
    Journal of the Royal Statistical Society B 57 (1995) 289-300.
    """
    parts = [(kind, name, here) for kind, names in _distinct(kinds).items() for name, here in _parts(names)]
    logs = log_factorials(len(right))
    tested = _corrected([_worse(right, here, logs) for _, _, here in parts])
    return [
        Slice(kind, name, int(here.sum()), share, p)
        for (kind, name, here), p in zip(parts, tested, strict=True)
        if (share := proportion(int(right[here].sum()), int(here.sum())))
    ]


def thirds(values: np.ndarray, *, names: Sequence[str]) -> list[str]:
    """The name of the third that each of (N,) values falls into; equal values stay together."""
    low, high = np.quantile(values, (1 / 3, 2 / 3), method="lower")
    return [names[int(value > low) + int(value > high)] for value in values]


def _distinct(kinds: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    distinct: dict[str, Sequence[str]] = {}
    patterns: list[list[int]] = []
    for kind, names in kinds.items():
        grouping = np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)[1]
        first = {group: index for index, group in reversed(list(enumerate(grouping.tolist())))}
        pattern = [first[group] for group in grouping.tolist()]
        if len(first) > 1 and pattern not in patterns:
            distinct[kind] = names
            patterns.append(pattern)
    return distinct


def _parts(names: Sequence[str]) -> list[tuple[str, np.ndarray]]:
    """The largest parts, in order of their names' first letters as given by sorting."""
    every, places, counts = np.unique(np.array(names, dtype=str), return_inverse=True, return_counts=True)
    enough = [index for index in np.argsort(-counts, kind="stable") if counts[index] >= LEAST][:MOST]
    return [(str(every[index]), places == index) for index in sorted(enough)]


def _worse(right: np.ndarray, here: np.ndarray, logs: np.ndarray) -> float:
    """Fisher's exact test: the chance that so few of the right answers, dealt out blindly, fall into this part.

    `logs` are those of the factorials up to the number of images.
    """
    inside, hits = int(here.sum()), int(right.sum())
    fewer = np.arange(max(0, inside + hits - len(right)), int((right & here).sum()) + 1)

    def ways(count: int, taken: np.ndarray) -> np.ndarray:
        return np.asarray(logs[count] - logs[taken] - logs[count - taken])

    chances = ways(inside, fewer) + ways(len(right) - inside, hits - fewer) - ways(len(right), np.array(hits))
    return min(1.0, float(np.exp(chances).sum()))


def _corrected(p_values: list[float]) -> list[float]:
    """By Benjamini and Hochberg: each times their number over its rank, and never above a larger one's."""
    if not p_values:
        return []
    count, falling = len(p_values), np.argsort(p_values)[::-1]
    scaled = np.array(p_values)[falling] * count / np.arange(count, 0, -1)
    corrected = np.empty(count)
    corrected[falling] = np.minimum(np.minimum.accumulate(scaled), 1)
    return [float(p) for p in corrected]
