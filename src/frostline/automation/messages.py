"""What a person reads about a night: tables and messages. Pure."""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from frostline.automation.gate import NONE, REFUSED, Verdict
from frostline.pipeline.stages import Outcome

Rows = list[dict[str, Any]]


def stages(outcomes: Iterable[Outcome]) -> Rows:
    """A row per step: what happened, how long it took, what it wrote."""
    return [
        {
            "stage": outcome.step,
            "result": outcome.result,
            "seconds": round(outcome.seconds, 1),
            "outputs": ", ".join(outcome.outputs),
        }
        for outcome in outcomes
    ]


def as_text(text: str) -> str:
    """Text that Markdown shows as it is: whoever names a file can neither link nor load anything by it."""
    return re.sub(r"([\\`*_\[\]<>!|~&#])", r"\\\1", " ".join(text.split()))


def reasons(why: Iterable[str]) -> str:
    """Markdown: why a retraining begins, an entry per reason; long paths may break at each slash."""
    breakable = [as_text(reason).replace("/", "/\u200b") for reason in why]
    return "\n".join(["Retraining, because", "", *(f"- {reason}" for reason in breakable)])


def results(metrics: Iterable[Mapping[str, Any]]) -> Rows:
    """A row per classifier, from what `evaluate` wrote, best first."""
    ranked = sorted(metrics, key=lambda row: -row["test"]["accuracy"])
    return [
        {
            "classifier": row["classifier"],
            "dataset": row["dataset"],
            "test accuracy": f"{row['test']['accuracy']:.1%}",
            "95% interval": f"{row['test']['accuracy_low']:.1%} to {row['test']['accuracy_high']:.1%}",
            "images": row["test"]["images"],
            "note": row.get("note", ""),
        }
        for row in ranked
    ]


def picture(path: Path) -> str:
    """A PNG as an address that holds it: whoever looks at the page needs no access to this machine."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def counts(outcomes: Iterable[Outcome]) -> str:
    """`7 ran, 2 skipped`."""
    results = [outcome.result for outcome in outcomes]
    return ", ".join(f"{results.count(kind)} {kind}" for kind in dict.fromkeys(sorted(results)))


def commit_message(outcomes: Sequence[Outcome], reasons: Sequence[str], rows: Rows) -> str:
    """Why it was retrained, what ran, what came out."""
    lines = [f"Retrained: stages {counts(outcomes)}", ""]
    lines += [f"- because {reason}" for reason in reasons]
    lines += [f"- {row['classifier']}: {row['test accuracy']} ({row['95% interval']})" for row in rows]
    return "\n".join(lines).rstrip()


def ruling(verdict: Verdict) -> str:
    """`digits-cnn: version 3 promoted`; a refusal and a missing challenger with their reason."""
    number = f"version {verdict.version} " if verdict.version else ""
    why = f" ({verdict.why})" if verdict.result in {REFUSED, NONE} and verdict.why else ""
    return f"{verdict.classifier}: {number}{verdict.result}{why}"


def checks(verdict: Verdict) -> Rows:
    """A row per check of the gate, with the figures that decided it; one row where nothing could be checked."""
    rows = [
        {"check": check.name, "passed": "yes" if check.passed else "NO", "figures": check.figures}
        for check in verdict.checks
    ]
    return rows or [{"check": verdict.result, "passed": "", "figures": verdict.why}]


def closing(outcomes: Iterable[Outcome], verdicts: Iterable[Verdict], *, tag: str) -> str:
    """How a retraining ended, in one line: stages, champions, and where it is in git."""
    rulings = [
        f"{verdict.classifier}: version {verdict.version} {verdict.result}"
        for verdict in verdicts
        if verdict.version
    ]
    return "; ".join([counts(outcomes), *rulings, f"recorded as {tag}" if tag else "nothing to record"])


def notice(verdicts: Sequence[Verdict], rows: Rows, *, tag: str) -> str:
    """A message after a retraining."""
    lines = [ruling(verdict) for verdict in verdicts]
    lines += [f"{row['classifier']}: {row['test accuracy']} ({row['95% interval']})" for row in rows]
    return "\n".join([*lines, *([f"in git as {tag}"] if tag else [])])
