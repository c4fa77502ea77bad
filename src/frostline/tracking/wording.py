"""What a person reads in MLflow: names of runs, descriptions of runs and versions. Pure; no MLflow here."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from frostline.evaluation import solver_rows
from frostline.evaluation.solver_rows import SolverRows
from frostline.tracking import content
from frostline.tracking.content import StageOutputs

SHOWN = 2  # differences in a name
VALUE_LENGTH = 20
DERIVED = "parameters."  # counts of weights follow from the rest
REPORT = "report.html"


def run_name(outputs: StageOutputs, base: Mapping[str, str] | None, tags: Mapping[str, str]) -> str:
    """A run's name: classifier, test accuracy, and what differs from the first run of the classifier.

    `base` are that run's params and `tags` its tags; None for the first itself.
    """
    test = (outputs.metrics or {}).get("test", {})
    figure = f" {test['accuracy']:.1%}" if "accuracy" in test else ""
    other = differences(content.params(outputs.record), base) if base is not None else []
    if base is not None and not other:
        other = list(_origin(content.tags(outputs), tags))
    shown = ", ".join([*other[:SHOWN], *(["…"] if len(other) > SHOWN else [])])
    return f"{outputs.classifier}{figure}{', ' if shown else ''}{shown}"


def differences(now: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    """Params that differ, each by the end of its dotted name and its value: `learning_rate 0.0003`, `no flip`."""
    names = [
        name
        for name in dict.fromkeys([*now, *before])
        if now.get(name) != before.get(name) and not name.startswith(DERIVED)
    ]
    return [
        f"{_end(name, names)} {_cut(now[name])}" if name in now else f"no {_end(name, names)}"
        for name in names
    ]


def _end(name: str, names: Sequence[str]) -> str:
    """The last words of a dotted name, as many as tell it from the others."""
    parts = name.split(".")
    ends = (".".join(parts[-count:]) for count in range(1, len(parts) + 1))
    return next((end for end in ends if sum(f".{other}".endswith(f".{end}") for other in names) == 1), name)


def _cut(value: str) -> str:
    return value if len(value) <= VALUE_LENGTH else f"{value[: VALUE_LENGTH - 1]}…"


def _origin(now: Mapping[str, str], before: Mapping[str, str]) -> Iterator[str]:
    """Of runs with one recipe: other data, or else other code, by the beginning of its digest."""
    for tag, word in (("frostline.dataset_digest", "data"), ("frostline.code", "code")):
        if now.get(tag) and now.get(tag) != before.get(tag):
            yield f"{word} {now[tag][:8]}"
            return


def description(outputs: StageOutputs, *, report: str) -> str:
    """Markdown: what must be known, how good it is, what it is, and the way to its `report` ("" without one)."""
    note, record = content.note(outputs), outputs.record
    weights, classes = record["weights"], record.get("classes", [])
    network = weights.get("backbone") or "a plain CNN"
    trained = "from scratch" if weights["source"] == "scratch" else f"from the weights {weights['source']}"
    parts = [
        f"**{note}**" if note else "",
        ", ".join(_figures(outputs.metrics or {})),
        f"[Report with errors, confusion and confidence]({report})" if report else "",
        f"{record['classifier']}: {network}, trained {trained} on {record['dataset']}"
        + (f", {len(classes)} classes: {_cut_list(classes)}." if classes else "."),
        _steps(solver_rows.read(record["recipe"], outputs.phases)),
    ]
    return "\n\n".join(part for part in parts if part)


def _steps(solved: SolverRows) -> str:
    """What the first steps of the epochs' metrics are, where they are no epochs."""
    count = len(solved.values)
    if not count:
        return ""
    steps = f"Steps 1 to {count} of the metrics below epoch/ are" if count > 1 else "Step 1 below epoch/ is"
    return f"{steps} no epochs but heads by a solver: {solved.span(0, count - 1)}."


def _figures(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Each split, test first."""
    test = metrics.get("test", {})
    if "accuracy" in test:
        interval = f"{test['accuracy_low']:.1%} to {test['accuracy_high']:.1%}"
        yield f"Test accuracy **{test['accuracy']:.1%}** ({test['images']:,} images, 95% interval {interval})"
    for split in ("validation", "train"):
        if "accuracy" in metrics.get(split, {}):
            yield f"{split} {metrics[split]['accuracy']:.1%}"


def _cut_list(names: Sequence[str], most: int = 12) -> str:
    return ", ".join([*names[:most], *(["…"] if len(names) > most else [])])
