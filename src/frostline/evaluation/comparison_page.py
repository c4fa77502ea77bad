"""The report of a comparison: every dataset's classifiers, best first, on one page."""

from collections.abc import Mapping
from typing import Any

from frostline.evaluation import pages, tables


def page(comparison: Mapping[str, Any], picture: bytes) -> str:
    """The HTML of a comparison with its picture (PNG)."""
    return pages.render(
        "comparison.html.j2",
        marks={f"dataset_digest:{name}": entry["digest"] for name, entry in comparison["datasets"].items()},
        datasets={
            name: {**entry, "verdicts": tables.verdicts(entry)}
            for name, entry in comparison["datasets"].items()
        },
        how=tables.HOW,
        pictures={"accuracies": pages.embedded(picture)},
    )
