"""Drift as one page."""

from collections.abc import Mapping
from typing import Any

from frostline.evaluation import pages

FULL = 0.5  # of all images: a bar's whole width


def page(said: Mapping[str, Any], *, scores: str, model: str) -> str:
    """The HTML of a job file's `drift`, for scores of a model."""
    marks = {"drift": f"{said['score']:g}"}
    questions = sorted(said["questions"].values(), key=lambda each: -each["psi"])
    shares = [share[of] for each in questions for share in each["shares"] for of in ("baseline", "found")]
    full = max([FULL, *shares])
    return pages.render(
        "drift.html.j2", marks=marks, said=said, questions=questions, scores=scores, model=model, full=full
    )
