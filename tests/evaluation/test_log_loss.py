"""The log loss of an image."""

import numpy as np
import pytest

from frostline.evaluation.log_loss import losses


def test_a_certain_mistake_costs_as_in_keras() -> None:
    """Clipped, not infinite; what is certain and right costs nothing that counts."""
    wrong, right = losses(np.array([1, 0]), np.array([[1, 0], [1, 0]], np.float32))
    assert wrong == pytest.approx(-np.log(1e-7))
    assert right == pytest.approx(0, abs=1e-6)
