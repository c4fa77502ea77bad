"""Drift as plain values and as one page."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from frostline.results import pages
from frostline.results.drift import LEVEL, Drift


def values(drift: Drift, *, limit: float) -> dict[str, Any]:
    """What stands in the job file: the score, its limit, both questions, the shares by class."""
    return {
        "score": round(drift.score, 6),
        "limit": limit,
        "alarm": drift.score > limit,
        "images": drift.images,
        "baseline": drift.baseline,
        "shifts": {each.what: _rounded(asdict(each)) | {"real": each.real} for each in drift.shifts},
        "shares": {
            name: {"baseline": round(before, 6), "found": round(now, 6)}
            for name, before, now in zip(drift.classes, drift.baseline_shares, drift.shares, strict=True)
        },
    }


def _rounded(shift: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "how": shift["how"],
        "effect": round(shift["effect"], 6),
        "chance": float(f"{shift['chance']:.3g}"),
    }


def page(said: Mapping[str, Any], *, scores: str, model: str) -> str:
    """The HTML of `values` for scores of a model."""
    marks = {"drift": f"{said['score']:g}"}
    return pages.render(
        "drift.html.j2", marks=marks, said=said, scores=scores, model=model, level=LEVEL, pictures={}
    )
