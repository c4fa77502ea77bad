"""Drift as one page."""

from collections.abc import Mapping
from typing import Any

from frostline import pages

FULL = 0.5  # of all images: a bar's whole width


def page(measured: Mapping[str, Any], *, scores: str, model: str) -> str:
    """The HTML of a job file's `drift`, for scores of a model."""
    indices = sorted(measured["indices"].values(), key=lambda index: -index["psi"])
    shares = [share[of] for index in indices for share in index["shares"] for of in ("baseline", "job")]
    return pages.render(
        "frostline.evaluation",
        "drift.html.j2",
        marks={"drift": f"{measured['score']:g}"},
        drift=measured,
        indices=indices,
        scores=scores,
        model=model,
        full=max([FULL, *shares]),
    )
