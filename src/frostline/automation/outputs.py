"""What the stages left for a person to look at: figures, pictures, pages."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from frostline import files, paths
from frostline.automation.messages import picture

PICTURES = ("curves", "confusion")


def metrics(names: Iterable[str]) -> list[dict[str, Any]]:
    """What `evaluate` wrote of each classifier that it has seen."""
    found = [(name, paths.metrics(name)) for name in names]
    return [
        files.read_json(path, made_by=f"dvc repro evaluate@{name}") for name, path in found if path.is_file()
    ]


def pictures(name: str) -> str:
    """Markdown with a classifier's curves and confusion matrix, each whole inside its address; "" without."""
    found = [(kind, paths.plots(name) / f"{kind}.png") for kind in PICTURES]
    return "\n\n".join(
        f"{kind}\n\n![{kind} of {name}]({picture(path)})" for kind, path in found if path.is_file()
    )


def links(pages: Mapping[str, str]) -> str:
    """Markdown: each classifier's run in MLflow, and where the reports lie."""
    lines = [f"- [{name} in MLflow]({address})" for name, address in pages.items() if address]
    if (report := paths.COMPARISON / "comparison.md").is_file():
        text = report.read_text(encoding="utf-8")
        if (beside := report.with_suffix(".png")).is_file():  # a name beside the report is nothing on a page
            text = text.replace(f"]({beside.name})", f"]({picture(beside)})")
        lines += ["", text]
    return "\n".join(lines)


def scores(job: Path) -> list[dict[str, Any]]:
    """A score job's counts and labels as rows of a table."""
    said = json.loads(job.read_text(encoding="utf-8"))
    counts = [{"what": name, "images": count} for name, count in said["counts"].items() if count is not None]
    return counts + [{"what": f"label {name}", "images": count} for name, count in said["labels"].items()]


def drift(job: Path) -> float | None:
    """How far a score job's images are from the test images, as an index, where the job says so."""
    said = _drift(job)
    return float(said["score"]) if "score" in said else None


def indices(job: Path) -> list[dict[str, Any]]:
    """A score job's indices of drift as rows of a table."""
    return [
        {"index": each["title"], "PSI": each["psi"], "limit": each["limit"], "p-value": each["p_value"],
         "above the limit": "yes" if each["above_limit"] else "no"}
        for each in _drift(job).get("indices", {}).values()
    ]  # fmt: skip


def above_limits(job: Path) -> str:
    """Which indices of a score job are above their limits, in one line; "" for none."""
    return "; ".join(
        f"{each['title']}: PSI {each['psi']:.3f} is above {each['limit']:g}"
        for each in _drift(job).get("indices", {}).values()
        if each["above_limit"]
    )


def _drift(job: Path) -> dict[str, Any]:
    said = json.loads(job.read_text(encoding="utf-8")).get("drift")
    return said if isinstance(said, dict) else {}
