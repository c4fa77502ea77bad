"""What a run shows on its page in Prefect: tables, pictures, text, from what the stages and a score job left."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from frostline import files, paths, tracking
from frostline.automation import messages
from frostline.automation.gate import Verdict
from frostline.automation.inbox import NewImages
from frostline.automation.messages import picture
from frostline.pipeline import stages

PICTURES = ("curves", "confusion")


def show_training(outcomes: Sequence[stages.Outcome], names: Sequence[str]) -> list[dict[str, Any]]:
    """Stages, results, pictures, links of a retraining; the rows of its results."""
    evaluated = metrics(names)
    rows = messages.results(evaluated)
    show_table("stages", messages.stages(outcomes), text=messages.counts(outcomes))
    show_table("results", rows)
    for name in names:
        show_text(f"pictures-{name}", pictures(name))
    show_text("links", links(_pages(evaluated)))
    return rows


def _pages(evaluated: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Each classifier's run in MLflow."""
    uri = tracking.store()
    return {
        row["classifier"]: tracking.page(row["classifier"], dataset=row["dataset"], key=row["key"], uri=uri)
        for row in evaluated
    }


def show_scores(job: Path, batch: NewImages, *, folder: str) -> None:
    """Counts, labels and drift of a score job."""
    show_table("scores", scores(job), text=f"{batch.images} new images of {folder}")
    show_table("drift", indices(job), text=f"{batch.out} beside the test images")


def show_verdict(verdict: Verdict) -> None:
    """Each check of the gate."""
    show_table(f"gate-{verdict.classifier}", messages.checks(verdict), text=messages.ruling(verdict))


def key_of(name: str) -> str:
    """A name as Prefect takes it for a key: lower case, digits, dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unnamed"


def show_table(name: str, rows: list[dict[str, Any]], *, text: str = "") -> None:
    """A table under a plain text; nothing for no rows. Prefect reads texts in cells as Markdown too."""
    if rows:
        from prefect.artifacts import create_table_artifact

        plain = [{column: _cell(value) for column, value in row.items()} for row in rows]
        create_table_artifact(plain, key=key_of(name), description=messages.as_text(text or name))


def _cell(value: Any) -> Any:
    return messages.as_text(value) if isinstance(value, str) else value


def show_text(name: str, markdown: str) -> None:
    """Markdown; nothing for no text."""
    if markdown:
        from prefect.artifacts import create_markdown_artifact

        create_markdown_artifact(markdown, key=key_of(name))


def metrics(names: Iterable[str]) -> list[dict[str, Any]]:
    """What `evaluate` wrote of each classifier, where it did."""
    there = [(name, paths.metrics(name)) for name in names]
    return [
        files.read_json(path, made_by=f"dvc repro evaluate@{name}") for name, path in there if path.is_file()
    ]


def pictures(name: str) -> str:
    """Markdown with a classifier's curves and confusion matrix, each whole inside its address; "" without."""
    there = [(kind, paths.plots(name) / f"{kind}.png") for kind in PICTURES]
    return "\n\n".join(
        f"{kind}\n\n![{kind} of {name}]({picture(path)})" for kind, path in there if path.is_file()
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
    values = json.loads(job.read_text(encoding="utf-8"))
    counts = [
        {"what": name, "images": count} for name, count in values["counts"].items() if count is not None
    ]
    return counts + [{"what": f"label {name}", "images": count} for name, count in values["labels"].items()]


def drift(job: Path) -> float | None:
    """How far a score job's images are from the test images, as an index, where the job says so."""
    values = _drift(job)
    return float(values["score"]) if "score" in values else None


def unknown(job: Path) -> int:
    """How many images of a score job got no label because they are unlike the training images."""
    counts = json.loads(job.read_text(encoding="utf-8")).get("counts", {})
    return int(counts.get("unknown") or 0)  # a job of an earlier version has none


def indices(job: Path) -> list[dict[str, Any]]:
    """A score job's indices of drift as rows of a table."""
    return [
        {"index": index["title"], "PSI": index["psi"], "limit": index["limit"], "p-value": index["p_value"],
         "above the limit": "yes" if index["above_limit"] else "no"}
        for index in _drift(job).get("indices", {}).values()
    ]  # fmt: skip


def above_limits(job: Path) -> str:
    """Which indices of a score job are above their limits, in one line; "" for none."""
    return "; ".join(
        f"{index['title']}: PSI {index['psi']:.3f} is above {index['limit']:g}"
        for index in _drift(job).get("indices", {}).values()
        if index["above_limit"]
    )


def _drift(job: Path) -> dict[str, Any]:
    values = json.loads(job.read_text(encoding="utf-8")).get("drift")
    return values if isinstance(values, dict) else {}
