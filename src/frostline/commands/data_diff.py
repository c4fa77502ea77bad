"""`frostline data diff REV1 REV2`: images added, removed, relabelled or moved."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from frostline import config, files, paths
from frostline.datasets import changes, manifest
from frostline.datasets.changes import KINDS, ImageChange, State
from frostline.datasets.manifest import Manifest
from frostline.errors import FrostlineError, InputError
from frostline.pipeline import revisions

_SHOWN = 20  # changes of a kind in the table; --json has all


def run(old: str, new: str = "", *, dataset: str | None = None, as_json: bool = False) -> str:
    """The changes of a dataset from revision `old` to `new`, "" being the workspace, as a table or JSON.

    FrostlineError where a revision, or its manifest, cannot be had.
    """
    datasets = config.load().datasets
    name = dataset or _only(list(datasets))
    config.entry(datasets, name, what="dataset")
    before, after = (_manifest(name, revision) for revision in (old, new))
    differences = changes.between(before, after)
    if as_json:
        return files.canonical_json(_document(name, (old, new), (before, after), differences)).rstrip("\n")
    return "\n".join(_lines(name, (old, new), (before, after), differences))


def _only(names: Sequence[str]) -> str:
    if len(names) > 1:
        raise InputError(f"params.yaml has {len(names)} datasets; name one: --dataset {names[0]}")
    return names[0]


def _manifest(name: str, revision: str) -> Manifest:
    path = paths.dataset(name) / "manifest.parquet"
    if not revision:
        return manifest.read(path)
    revisions.require_revision(revision)
    try:
        return manifest.read(path, content=revisions.content(path, revision=revision))
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
) -> Iterator[str]:
    """One line that sums up, then a table of what changed."""
    counts = {kind: count for kind, count in changes.counted(differences).items() if count}
    words = ", ".join(f"{count:,} {kind}" for kind, count in counts.items()) or "no image changed"
    before, after = (side.table.num_rows for side in sides)
    yield f"{name}, {revisions[0]} → {revisions[1] or 'workspace'}: {words} ({before:,} → {after:,} images)"
    if differences:
        yield from _table(differences)


def _table(differences: Sequence[ImageChange]) -> Iterator[str]:
    shown: list[tuple[str, ...]] = [("what", "image", "class", "split")]
    more = {}
    for kind in KINDS:
        of = [change for change in differences if change.kinds[0] == kind]
        shown += [_row(change) for change in of[:_SHOWN]]
        if len(of) > _SHOWN:
            more[kind] = len(of) - _SHOWN
    widths = [max(len(row[column]) for row in shown) for column in range(4)]
    yield ""
    for row in shown:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    for kind, count in more.items():
        yield f"  and {count:,} more {kind}; --json has all"


def _row(change: ImageChange) -> tuple[str, str, str, str]:
    sides = [state for state in (change.before, change.after) if state]
    image, label, split = (
        " → ".join(dict.fromkeys(values))
        for values in (
            [state.path for state in sides],
            [state.label for state in sides],
            [_split(state) for state in sides],
        )
    )
    return ", ".join(change.kinds), image, label, split


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
    listed = [{**dataclasses.asdict(change), "path": change.path} for change in differences]
    return {
        "dataset": name, "before": before, "after": after, "counts": changes.counted(differences), "changes": listed,
    }  # fmt: skip
