"""Curves and areas: scikit-learn's to the bit, and SciPy's ranks, without loading either."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from frostline.evaluation import ranking

SCORES = st.lists(
    st.tuples(st.booleans(), st.one_of(st.sampled_from([0.0, 0.25, 1.0]), st.floats(0, 1, width=32))),
    min_size=1,
    max_size=40,
)


@settings(deadline=None)
@given(SCORES)
def test_as_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    """Every point of both curves, and both areas; ties, one image, and all of one class too."""
    labels = np.array([int(positive) for positive, _ in rows])
    score = np.array([score for _, score in rows], np.float32)
    probs = np.stack([1 - score, score], axis=1)
    curves, precisions = ranking.roc(labels, probs), ranking.precision_recall(labels, probs)
    if len(set(labels)) < 2:
        assert (curves, precisions, ranking.areas(labels, probs)) == ({}, {}, {})
        return
    for index in (0, 1):
        across, up, _ = roc_curve(labels == index, probs[:, index])
        assert (curves[index].across.tolist(), curves[index].up.tolist()) == (across.tolist(), up.tolist())
        up, across, _ = precision_recall_curve(labels == index, probs[:, index], drop_intermediate=True)
        found = precisions[index]
        assert (found.across.tolist(), found.up.tolist()) == (across.tolist(), up.tolist())
    areas = ranking.areas(labels, probs)
    both = [average_precision_score(labels == index, probs[:, index]) for index in (0, 1)]
    assert areas["average_precision"].value == float(np.mean(both))
    both = [roc_auc_score(labels == index, probs[:, index]) for index in (0, 1)]
    assert areas["roc_auc"].value == pytest.approx(np.mean(both), abs=1e-12)


@settings(deadline=None)
@given(SCORES)
def test_ranks_as_scipy(rows: list[tuple[bool, float]]) -> None:
    """Equal values share the mean of their ranks."""
    values = np.array([score for _, score in rows], np.float32)
    assert ranking.ranks(values).tolist() == rankdata(values).tolist()


def test_neither_is_loaded() -> None:
    """They take longer to load than a report takes."""
    code = """
import sys
import numpy as np
from frostline.evaluation import ranking
labels, probs = np.array([0, 1, 1]), np.eye(3, 2)
ranking.roc(labels, probs), ranking.precision_recall(labels, probs), ranking.areas(labels, probs)
print([name for name in ("sklearn", "scipy.stats", "pandas") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
