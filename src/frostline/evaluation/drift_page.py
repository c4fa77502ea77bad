"""Drift as one page."""

from collections.abc import Mapping
from typing import Any

from frostline.evaluation import pages

FULL = 0.5  # of all images: a bar's whole width


def page(measured: Mapping[str, Any], *, scores: str, model: str) -> str:
    """The HTML of a job file's `drift`, for scores of a model."""
    marks = {"drift": f"{measured['score']:g}"}
    indices = sorted(measured["indices"].values(), key=lambda each: -each["psi"])
    shares = [share[of] for each in indices for share in each["shares"] for of in ("baseline", "job")]
    full = max([FULL, *shares])
    return pages.render(
        "drift.html.j2", marks=marks, drift=measured, indices=indices, scores=scores, model=model, full=full
    )
