"""`frostline preprocess`: look at every image once; write down what it is, what is wrong, where it belongs."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from frostline import config, files, memory, paths
from frostline.datasets import (
    data_report,
    decisions,
    findings,
    labels,
    near_duplicates,
    relations,
    scan,
    splits,
)
from frostline.datasets import manifest as manifests
from frostline.datasets.decisions import PhotoDecision
from frostline.datasets.findings import BARE, Finding, Policies
from frostline.datasets.known_pairs import KnownPairs
from frostline.datasets.layout import LabelledImages
from frostline.datasets.manifest import Manifest
from frostline.datasets.scan import OpenExamine, Scans
from frostline.datasets.source import ImageSource, open_source
from frostline.datasets.summary import report, summarize
from frostline.errors import InputError
from frostline.pipeline import holdings


@dataclass(frozen=True)
class Examined:
    """A dataset as checked: its manifest, everything that was found, and what its folders hold beside images."""

    manifest: Manifest
    findings: list[Finding]
    remarks: tuple[str, ...] = ()


NOTHING_DECIDED: Mapping[str, PhotoDecision] = MappingProxyType({})


@dataclass(frozen=True)
class _Scanned:
    """Every image with its label and what the scan says of it; the classes in order."""

    labelled: LabelledImages
    classes: tuple[str, ...]
    scans: Scans


def run(name: str, *, elsewhere: OpenExamine | None = None) -> str:
    """Write manifest, summary and page of the dataset named in params.yaml.

    `elsewhere` opens what examines new images in place of this machine (see `features.examination`); it cannot change
    what is written.
    """
    memory.map_large()
    settings = config.load()
    dataset = config.entry(settings.datasets, name, what="dataset")
    key = f"datasets.{name}"
    policies = _policies(dataset, key)
    table = decisions.read(paths.DECISIONS)
    decided = decisions.standing(table, name)
    disagreed = decisions.about(decisions.disagreements(table, name), name)
    if dataset.audit is not None and not len(KnownPairs(key, near_duplicates.key()).read().digests):
        near_duplicates.load()  # where pairs are known, hardly any of it may be needed
    with _open(dataset.path) as source:
        examined = examine(source, dataset, key=key, seed=settings.seed, decided=decided, elsewhere=elsewhere)
        examined = replace(examined, remarks=(*examined.remarks, *disagreed))
        memory.give_back()
        html = data_report.render(
            data_report.Report(
                name,
                examined.manifest,
                examined.findings,
                policies.by_kind,
                dataset.audit is not None,
                examined.remarks,
            ),
            source,
        )
    folder = paths.dataset(name)
    summary = summarize(examined.manifest)
    memory.give_back()
    manifests.write(examined.manifest, folder / "manifest.parquet")
    files.write_json(folder / "summary.json", {"dataset": name, **summary})
    files.write_text(paths.data_report(name), html)
    lines = [report(name, summary, examined.findings), *(f"  {remark}" for remark in examined.remarks)]
    return "\n".join([*lines, f"Wrote {paths.data_report(name)}"])


def examine(  # noqa: PLR0913  # what decides a dataset, and who looks
    source: ImageSource,
    dataset: config.Dataset,
    *,
    key: str,
    seed: int,
    decided: Mapping[str, PhotoDecision] = NOTHING_DECIDED,
    elsewhere: OpenExamine | None = None,
) -> Examined:
    """Read, check and split a dataset; `key` is its dotted params key. InputError as its policies say.

    `decided` are decisions about single images by content: classes other than those of their folders, and what to
    leave out, which is then neither judged nor compared with the rest.
    """
    policies = _policies(dataset, key)
    labelled = labels.read(source, Path(dataset.path))
    _require_held(Path(dataset.path), source, labelled.names)
    memory.give_back()
    classes = labels.classes(labelled, dataset.classes, where=dataset.path, key=key)
    names = labelled.names
    audited = dataset.audit is not None
    held = partial(holdings.digests, Path(dataset.path))
    scans = scan.scan(source, names, measure=audited, held=held, elsewhere=elsewhere)
    applied = decisions.apply(labelled, scans.sha256, decided)
    if decided:
        classes = labels.classes(applied.labelled, dataset.classes, where=dataset.path, key=key)
    labelled, left = applied.labelled, applied.out
    scanned = _Scanned(labelled, classes, scans)
    own = [one for one in _about_files(scans, names, audited=audited) if one.row not in left]
    policies.refuse(own, names)
    out = left | findings.quarantined(own, policies)
    known = KnownPairs(key, near_duplicates.key()) if audited else None
    settled = _about_relations(scanned, out, policies, known=known)
    policies.refuse(settled.findings, names)
    out |= settled.out
    drawn = _drawn(scanned, out, settled.links, dataset, seed)
    memory.give_back()
    late = [_bridge(row, between) for row, between in sorted(drawn.bridges.items())]
    late += _imbalance(labelled.column("label"), drawn.splits) if audited else []
    policies.refuse(late, names)
    out |= {row: _bridge(row, between).text for row, between in drawn.bridges.items()}
    own += [*settled.findings, *late]
    return Examined(
        _manifest(dataset.path, scanned, drawn.splits, out, own), own, (*labelled.remarks, *applied.remarks)
    )


def _require_held(path: Path, source: ImageSource, names: Sequence[str]) -> None:
    """In a run of DVC: FrostlineError where it versions something else than what is looked at here."""
    if "DVC_STAGE" not in os.environ:  # `dvc add` may be still to come
        return
    holdings.require_held(path, (source.shards or names) if path.is_dir() else ["."])


def _policies(dataset: config.Dataset, key: str) -> Policies:
    return Policies(dataset.audit.model_dump() if dataset.audit else BARE, f"{key}.audit")


def _open(path: str) -> ImageSource:
    if not Path(path).exists():
        raise InputError(
            f"{path} is missing; put or link your images there, one folder per class, "
            "or fetch the sample with `dvc pull data.dvc`"
        )
    return open_source(Path(path))


def _about_files(scans: Scans, names: Sequence[str], *, audited: bool) -> list[Finding]:
    """Findings about single images."""
    own = list(findings.of_files(scans, names))
    if not audited:
        return [finding for finding in own if finding.kind in BARE]
    usable = np.flatnonzero(scans.column("reason") == "")
    return own + list(findings.outliers(scans, usable))


def _about_relations(
    scanned: _Scanned, out: Mapping[int, str], policies: Policies, *, known: KnownPairs | None
) -> relations.Resolved:
    """Findings about images that are related to others, among those still in; `known` where near duplicates count."""
    labelled = scanned.labelled
    rows = np.setdiff1d(np.arange(len(labelled)), np.fromiter(out, np.int64, len(out)))
    exact = relations.copies(scanned.scans.sha256, labelled, rows)
    copied = [row for group in exact for row in group[1:]]
    alike = (
        near_duplicates.pairs(scanned.scans, np.setdiff1d(rows, np.array(copied, np.int64)), known=known)
        if known
        else []
    )
    memory.give_back()
    return relations.resolve(
        labelled,
        exact=exact,
        near=alike,
        grouped=relations.groups(labelled.column("group"), rows),
        policies=policies,
    )


def _drawn(
    scanned: _Scanned,
    out: Mapping[int, str],
    links: Sequence[tuple[int, int]],
    dataset: config.Dataset,
    seed: int,
) -> splits.Assignment:
    ids = scanned.scans.sha256.without(out)
    try:
        return splits.assign(
            ids, scanned.labelled, shares=dataset.splits.model_dump(), seed=seed, links=links
        )
    except InputError as error:
        raise InputError(f"{error}{_left_out(scanned.labelled, out)}") from None


def _left_out(labelled: LabelledImages, out: Mapping[int, str]) -> str:
    """Why a class may be too small: no manifest is written that would say it."""
    if not out:
        return ""
    first = min(out)
    return f" ({len(out)} images left out, the first {labelled[first].name!r}: {out[first]})"


def _bridge(row: int, between: tuple[str, ...]) -> Finding:
    return Finding(row, "leak", f"bridge between splits: resembles images in {' and '.join(between)}")


def _imbalance(labels: Sequence[str], chosen: Sequence[str]) -> list[Finding]:
    """Of usable images in all splits."""
    used = [(label, row) for row, label in enumerate(labels) if chosen[row]]
    return list(findings.imbalance(Counter(label for label, _ in used), dict(reversed(used))))


def _manifest(
    root: str, scanned: _Scanned, chosen: Sequence[str], out: Mapping[int, str], every: Sequence[Finding]
) -> Manifest:
    kinds: dict[int, set[str]] = {}
    for finding in every:
        if finding.kind != "imbalance":  # about classes, not about one image
            kinds.setdefault(finding.row, set()).add(finding.kind)
    rows = range(len(scanned.labelled))
    columns = {
        "sha256": scanned.scans.sha256,
        "bytes": scanned.scans.bytes,
        "height": scanned.scans.table["height"],
        "width": scanned.scans.table["width"],
        "split": chosen,
        "flags": [" ".join(sorted(kinds.get(row, ()))) for row in rows],
    }
    reasons = [out.get(row, "") for row in rows]
    return manifests.build(root, scanned.labelled, classes=scanned.classes, reasons=reasons, columns=columns)
