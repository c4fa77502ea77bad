"""Which share of test is rejected, at which share asked for."""

import numpy as np

from frostline.evaluation import rejections
from helpers.results import CLASSES, rows


def test_all_then_each_class() -> None:
    """Counts by hand; a class without test images has no row."""
    test = rows([0, 0, 1, 1], [0, 0, 1, 1])
    unknown = np.array([0.9, 0.95, 0.99, 0.2], np.float32)
    found = {(row.promised, row.name): row for row in rejections.measured(test, unknown)}
    assert [name for _, name in found][:3] == ["", *CLASSES[:2]]
    assert found[0.1, ""].rejected.value == 0.75  # as far as the share itself counts
    assert found[0.1, CLASSES[0]].rejected.value == 1
    assert found[0.05, CLASSES[0]].rejected.value == 0.5
    assert found[0.01, CLASSES[1]].rejected.value == 0.5
    assert found[0.01, CLASSES[1]].images == 2
    assert found[0.01, ""].rejected.low < 0.25 < found[0.01, ""].rejected.high
    assert list(rejections.measured(test, None)) == []


def test_the_promise_is_held() -> None:
    """Where test images are like the held-out ones, the share asked for is within the interval nineteen times in
    twenty.
    """
    draws, held = np.random.default_rng(4), 0
    for _ in range(200):
        unknown = draws.integers(0, 1000, 400).astype(np.float32) / 1000
        [row] = [row for row in rejections.curve(unknown) if row.promised == 0.1]
        held += row.rejected.low <= 0.1 <= row.rejected.high
    assert 180 <= held <= 200


def test_a_curve_rises() -> None:
    """Whoever asks for more loses no fewer images."""
    shares = [row.rejected.value for row in rejections.curve(np.linspace(0, 0.999, 500, dtype=np.float32))]
    assert shares == sorted(shares)
    assert shares[-1] == 0.2
