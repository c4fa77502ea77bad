"""What a person reads about a night: tables and messages. Pure."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from frostline.automation.gate import NONE, REFUSED, Verdict
from frostline.pipeline.stages import Outcome

Rows = list[dict[str, Any]]


def stages(outcomes: Iterable[Outcome]) -> Rows:
    """A row a step: what happened, how long it took, what it wrote."""
    return [
        {
            "stage": each.step,
            "result": each.result,
            "seconds": round(each.seconds, 1),
            "outputs": ", ".join(each.outputs),
        }
        for each in outcomes
    ]


def reasons(why: Iterable[str]) -> str:
    """Markdown: why a retraining begins, an entry a reason; long paths may break at each slash."""
    told = [each.replace("/", "/\u200b") for each in why]
    return "\n".join(["Retraining, because", "", *(f"- {each}" for each in told)])


def results(metrics: Iterable[Mapping[str, Any]]) -> Rows:
    """A row a classifier, from what `evaluate` wrote, best first."""
    ranked = sorted(metrics, key=lambda each: -each["test"]["accuracy"])
    return [
        {
            "classifier": each["classifier"],
            "dataset": each["dataset"],
            "test accuracy": f"{each['test']['accuracy']:.1%}",
            "95% interval": f"{each['test']['accuracy_low']:.1%} to {each['test']['accuracy_high']:.1%}",
            "images": each["test"]["images"],
            "note": each.get("note", ""),
        }
        for each in ranked
    ]


def picture(path: Path) -> str:
    """A PNG as an address that holds it: whoever looks at the page needs no access to this machine."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def counts(outcomes: Iterable[Outcome]) -> str:
    """`7 ran, 2 skipped`."""
    results = [each.result for each in outcomes]
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
    """A row a check of the gate, with the figures that decided it; one row where nothing could be checked."""
    rows = [
        {"check": each.name, "passed": "yes" if each.passed else "NO", "figures": each.figures}
        for each in verdict.checks
    ]
    return rows or [{"check": verdict.result, "passed": "", "figures": verdict.why}]


def closing(outcomes: Iterable[Outcome], verdicts: Iterable[Verdict], *, tag: str) -> str:
    """How a retraining ended, in one line: stages, champions, and where it is in git."""
    said = [f"{each.classifier}: version {each.version} {each.result}" for each in verdicts if each.version]
    return "; ".join([counts(outcomes), *said, f"recorded as {tag}" if tag else "nothing to record"])


def notice(verdicts: Sequence[Verdict], rows: Rows, *, tag: str) -> str:
    """A message after a retraining."""
    lines = [ruling(each) for each in verdicts]
    lines += [f"{row['classifier']}: {row['test accuracy']} ({row['95% interval']})" for row in rows]
    return "\n".join([*lines, *([f"in git as {tag}"] if tag else [])])
