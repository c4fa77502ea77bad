"""A learning curve and its forecast: a power law is continued, and the truth lies within the interval."""

import numpy as np
import pytest

from frostline.evaluation import learning_curve, style

SIZES = [25, 50, 100, 200, 400]


def errors(count: int, *, seed: int, start: float = 0.3, power: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    """(6, count) of images that are harder or easier: right with 25, 50, ..., 800 photos; and the true shares."""
    rng = np.random.default_rng(seed)
    true = 1 - start * 2.0 ** (-power * np.arange(6))
    easy = rng.random(count)
    flips = rng.random((6, count)) < 0.03
    return (easy < true[:, None]) ^ flips, true


@pytest.mark.parametrize(
    ("images", "classes", "found"),
    [(1200, 6, [18, 37, 75, 150, 300, 600, 1200]), (24, 2, [3, 6, 12, 24]), (6, 2, [3, 6]), (3, 2, [3])],
)
def test_sizes(images: int, classes: int, found: list[int]) -> None:
    """Halves, down to three of a class; with few photos to one."""
    assert learning_curve.sizes(images, classes=classes) == found


def test_a_power_law_is_continued() -> None:
    """Without noise the forecast is the next point, whatever came before the last ones."""
    share = [0.5, *(1 - 0.4 * 2.0 ** (-0.5 * np.arange(5)))]
    right = np.stack([np.arange(10_000) < 10_000 * value for value in share])
    curve = learning_curve.curve([10, *SIZES], right, np.arange(10_000), classes=2, seed=1)
    assert curve.forecast.value == pytest.approx(1 - 0.4 * 2 ** (-0.5 * 5), abs=0.002)
    assert curve.check is not None
    assert curve.check.value == pytest.approx(share[-1], abs=0.002)
    assert curve.forecast.low < curve.forecast.value < curve.forecast.high


def test_held_back_photos_lie_within() -> None:
    """Of thirty curves nearly all: what twice as many photos gave is in the interval that the others forecast."""
    within = 0
    for seed in range(30):
        right, _ = errors(400, seed=seed)
        curve = learning_curve.curve(SIZES, right[:5], np.arange(400), classes=4, seed=seed)
        within += curve.forecast.low <= right[5].mean() <= curve.forecast.high
    assert within >= 26


def test_more_photos_do_no_harm() -> None:
    """A curve that fell is continued level."""
    right = np.stack([np.arange(100) < count for count in (90, 88, 86)])
    curve = learning_curve.curve([10, 20, 40], right, np.arange(100), classes=2, seed=1)
    assert 0.86 <= curve.forecast.value <= 0.9


def test_all_right_and_all_wrong() -> None:
    """No logarithm of zero."""
    for value in (True, False):
        right = np.full((3, 20), value)
        curve = learning_curve.curve([5, 10, 20], right, np.zeros(20, np.int64), classes=2, seed=1)
        assert abs(curve.forecast.value - value) <= 0.05
        assert 0 <= curve.forecast.low <= curve.forecast.high <= 1


def test_lines_and_picture() -> None:
    """By photos of a class; whether the check held; the same bytes twice."""
    right, _ = errors(400, seed=3)
    curve = learning_curve.curve(SIZES, right[:5], np.arange(400), classes=5, seed=1)
    first, second = curve.lines
    assert "with 5, " in first
    assert "with 80" in first
    assert "with 160 per class" in second
    assert "contains its" in second
    picture = style.png(learning_curve.picture(curve, title="any"))
    assert picture == style.png(learning_curve.picture(curve, title="any"))
    two = learning_curve.curve(SIZES[:2], right[:2], np.arange(400), classes=5, seed=1)
    assert two.check is None
    assert "before it" not in two.lines[1]
    assert style.png(learning_curve.picture(two, title="any"))
    with pytest.raises(ValueError, match="two points"):
        learning_curve.curve(SIZES[:1], right[:1], np.arange(400), classes=5, seed=1)
