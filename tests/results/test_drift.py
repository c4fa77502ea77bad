"""Drift: real differences count, chance and tiny ones do not."""

import numpy as np
import pytest

from frostline.results import drift, drift_page


def answers(count: int, share: float, *, sure: float = 5.0, seed: int = 0) -> np.ndarray:
    """Probabilities of two classes: the first wins in this share, by beta-distributed confidence."""
    draws = np.random.default_rng(seed)
    top = 0.5 + draws.beta(sure, 2, count) / 2
    first = np.where(draws.random(count) < share, top, 1 - top)
    return np.stack([first, 1 - first], axis=1).astype(np.float32)


def score(baseline: np.ndarray, found: np.ndarray) -> float:
    """The drift's size."""
    return drift.measure(("a", "b"), baseline, found).score


def test_effects_by_hand() -> None:
    """Ten of forty against thirty of forty: half apart; Pearson's chi-squared of that table is 20."""
    sides = np.array([[0.9, 0.1], [0.1, 0.9]], np.float32)
    before, after = sides[[0] * 10 + [1] * 30], sides[[0] * 30 + [1] * 10]
    found = drift.measure(("a", "b"), before, after)
    labels, confidence = found.shifts
    assert labels.effect == pytest.approx(0.5)
    assert labels.chance == pytest.approx(7.744e-6, rel=1e-3)  # chi-squared 20 with 1 degree of freedom
    assert (confidence.effect, confidence.chance) == (0, 1)
    assert found.score == pytest.approx(0.5)


def test_chance_is_rarely_drift() -> None:
    """300 pairs of samples from one distribution, small and large: at most 3 count, at level 0.001."""
    sizes = [(60, 25), (1000, 200), (1000, 20000)]
    hits = sum(
        score(answers(m, 0.4, seed=2 * n), answers(k, 0.4, seed=2 * n + 1)) > 0
        for m, k in sizes
        for n in range(100)
    )
    assert hits <= 3


def test_a_large_job_finds_small_differences_real_but_small() -> None:
    """Two points of share in 200,000 images: real, and far below any sensible limit."""
    found = score(answers(100_000, 0.40, seed=1), answers(200_000, 0.42, seed=2))
    assert 0.01 < found < 0.03
    values = drift_page.values(
        drift.measure(("a", "b"), answers(20, 0.5), answers(20, 0.9, seed=3)), limit=0.9
    )
    assert not values["alarm"]


def test_less_sure_is_drift() -> None:
    """The same mix of classes, half as sure."""
    found = drift.measure(("a", "b"), answers(1000, 0.5), answers(300, 0.5, sure=1.0, seed=9))
    assert [each.real for each in found.shifts] == [False, True]
    assert found.score > 0.3


def test_one_class_only() -> None:
    """A baseline and a job that both answer one class alone differ in nothing."""
    assert score(answers(50, 1.0), answers(50, 1.0)) == 0


def test_the_page_says_what_the_figures_say() -> None:
    """Escaped names, verdicts, shares."""
    found = drift.measure(("<a>", "b"), answers(1000, 0.5), answers(500, 0.9, seed=4))
    html = drift_page.page(drift_page.values(found, limit=0.1), scores="s.parquet", model="m")
    assert "These images are not answered as the test images were" in html
    assert "&lt;a&gt;" in html
    assert "<a>" not in html
    assert "above the limit" in html
    calm = drift_page.page(drift_page.values(found, limit=0.9), scores="s.parquet", model="m")
    assert "No drift beyond the limit" in calm
    assert "real, but within the limit" in calm
