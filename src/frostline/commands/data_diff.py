"""`frostline data diff REV1 REV2`: images added, removed, relabelled or moved."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from frostline import config, files, paths
from frostline.config import reading
from frostline.datasets import changes, decisions, manifest
from frostline.datasets.changes import KINDS, ImageChange, State
from frostline.datasets.decisions import PhotoDecision
from frostline.datasets.manifest import Manifest
from frostline.errors import FrostlineError, InputError
from frostline.pipeline import workspace

_SHOWN = 20  # changes of a kind in the table; --json has all


def run(old: str, new: str = "", *, dataset: str | None = None, as_json: bool = False) -> str:
    """The changes from revision `old` to `new`, "" being the workspace: of one dataset, or of each in params.yaml.

    A table, or JSON of one dataset. FrostlineError where a revision, or its manifest, cannot be had.
    """
    datasets = config.load().datasets
    if dataset:
        config.entry(datasets, dataset, what="dataset")
    elif as_json and len(datasets) > 1:
        raise InputError(
            f"params.yaml has {len(datasets)} datasets; name one: --dataset {next(iter(datasets))}"
        )
    names = [dataset] if dataset else list(datasets)
    if as_json:
        before, after = (_manifest(names[0], revision) for revision in (old, new))
        differences = changes.between(before, after)
        return files.canonical_json(_document(names[0], (old, new), (before, after), differences)).rstrip(
            "\n"
        )
    return "\n\n".join("\n".join(_compared(name, (old, new))) for name in names)


def _compared(name: str, ends: tuple[str, str]) -> Iterator[str]:
    """What changed in one dataset; one line where a revision has no such dataset."""
    if lacking := [revision for revision in ends if revision and not _named(name, revision)]:
        yield f"{name}: not in params.yaml at {', '.join(lacking)}"
        return
    before, after = (_manifest(name, revision) for revision in ends)
    yield from _lines(name, ends, (before, after), changes.between(before, after), _decided(name, ends))


def _decided(name: str, ends: tuple[str, str]) -> dict[str, PhotoDecision]:
    """Content → the decision of a person that counts at the second end and did not at the first."""
    before, after = (decisions.standing(_decisions(revision), name) for revision in ends)
    return {sha256: one for sha256, one in after.items() if before.get(sha256) != one}


def _decisions(revision: str) -> list[PhotoDecision]:
    """All rows at a revision; none where it has no such file."""
    if not revision:
        return decisions.read(paths.DECISIONS)
    try:
        content = workspace.content(paths.DECISIONS, revision=revision)
    except FrostlineError:
        return []
    return decisions.parse(content.decode(), where=f"{paths.DECISIONS} at {revision}")


def _named(name: str, revision: str) -> bool:
    """Whether a revision's params.yaml has the dataset; True where it cannot be read: its manifest says more."""
    workspace.require_revision(revision)
    try:
        text = workspace.content(paths.PARAMS, revision=revision).decode()
        return name in reading.plain(text, source=f"{paths.PARAMS} at {revision}")["datasets"]
    except (FrostlineError, KeyError, TypeError, ValueError):
        return True


def _manifest(name: str, revision: str) -> Manifest:
    path = paths.dataset(name) / "manifest.parquet"
    if not revision:
        return manifest.read(path)
    workspace.require_revision(revision)
    try:
        return manifest.read(path, content=workspace.content(path, revision=revision))
    except FrostlineError as error:
        raise FrostlineError(
            f"no manifest of {name} at {revision} ({error}); where preprocess never ran there: in a clone at "
            f"that revision, `dvc repro preprocess@{name}`, then commit dvc.lock and `dvc push`"
        ) from None


def _lines(
    name: str,
    revisions: tuple[str, str],
    sides: tuple[Manifest, Manifest],
    differences: Sequence[ImageChange],
    decided: Mapping[str, PhotoDecision],
) -> Iterator[str]:
    """One line that sums up, then a table of what changed."""
    counts = {kind: count for kind, count in changes.counted(differences).items() if count}
    words = ", ".join(f"{count:,} {kind}" for kind, count in counts.items()) or "no image changed"
    before, after = (side.table.num_rows for side in sides)
    yield f"{name}, {revisions[0]} → {revisions[1] or 'workspace'}: {words} ({before:,} → {after:,} images)"
    if differences:
        yield from _table(differences, decided)


def _table(differences: Sequence[ImageChange], decided: Mapping[str, PhotoDecision]) -> Iterator[str]:
    by_people = any(change.sha256 in decided for change in differences)
    shown: list[tuple[str, ...]] = [("what", "image", "class", "split", "decided" if by_people else "")]
    more = {}
    for kind in KINDS:
        of_kind = [change for change in differences if change.kinds[0] == kind]
        shown += [_row(change, decided) for change in of_kind[:_SHOWN]]
        if len(of_kind) > _SHOWN:
            more[kind] = len(of_kind) - _SHOWN
    widths = [max(len(row[column]) for row in shown) for column in range(5)]
    yield ""
    for row in shown:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    for kind, count in more.items():
        yield f"  and {count:,} more {kind}; --json has all"


def _row(change: ImageChange, decided: Mapping[str, PhotoDecision]) -> tuple[str, ...]:
    sides = [state for state in (change.before, change.after) if state]
    image, label, split = (
        " → ".join(dict.fromkeys(values))
        for values in (
            [state.path for state in sides],
            [state.label for state in sides],
            [_split(state) for state in sides],
        )
    )
    decision = decided.get(change.sha256)
    by = f"{decision.who}, {decision.when[:10]}" if decision else ""
    return ", ".join(change.kinds), image, label, split, by


def _split(state: State) -> str:
    return state.split or f"quarantined ({state.reason})"


def _document(
    name: str,
    revisions: tuple[str, str],
    sides: tuple[Manifest, Manifest],
    differences: Sequence[ImageChange],
) -> Mapping[str, Any]:
    before, after = (
        {"revision": revision or None, "images": side.table.num_rows, "digest": side.digest}
        for revision, side in zip(revisions, sides, strict=True)
    )
    decided = _decided(name, revisions)
    listed = [
        {
            **dataclasses.asdict(change),
            "path": change.path,
            "decision": dataclasses.asdict(decided[change.sha256]) if change.sha256 in decided else None,
        }
        for change in differences
    ]
    return {
        "dataset": name, "before": before, "after": after, "counts": changes.counted(differences), "changes": listed,
    }  # fmt: skip
