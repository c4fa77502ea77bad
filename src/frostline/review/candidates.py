"""Which photos of a dataset a person should look at, and why: one list, the most useful first.

The list is a function of photos, params and the classifier's predictions, not of decisions: whoever opens it again
finds the same list with what was decided so far. But what branches decided otherwise than each other stands before it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from frostline.datasets.decisions import PhotoDecision, outcome
from frostline.datasets.findings import Finding
from frostline.datasets.manifest import Manifest
from frostline.evaluation import label_issues
from frostline.evaluation.predictions import Predictions

# Every kind of candidate, in the order of the list, with its heading.
KINDS = {
    "next": "to label next",
    "disagreed": "decided in two ways",
    "conflict": "conflicts",
    "suspected": "suspected labels",
    "leak": "in two splits",
    "near_duplicate": "near duplicates",
    "mistake": "mistakes",
    "unreadable": "unreadable",
    "truncated": "cut off",
    "blurred": "blurred",
    "dark": "dark",
    "bright": "bright",
    "elongated": "elongated",
    "tiny": "tiny",
    "duplicate": "copies",
}
SUSPECTED = (
    0.1  # of the photos: the list goes on below what is likely wrong, for nobody knows where that ends
)
NOTHING_DISAGREED: Mapping[str, Sequence[PhotoDecision]] = MappingProxyType({})
_OTHERS = 4  # photos beside the one that a finding is about


@dataclass(frozen=True)
class ReviewItem:
    """One photo to look at. label: its class by folder or table, "" for none. suggestion: the class that something
    speaks for, "" for none, with its probability (0 to 1). others: names of photos that it is about, too.
    """

    kind: str
    sha256: str
    path: str
    label: str
    suggestion: str = ""
    probability: float | None = None
    text: str = ""
    others: tuple[str, ...] = ()


def of_dataset(
    manifest: Manifest,
    findings: Iterable[Finding],
    *,
    out_of_fold: Predictions | None = None,
    predicted: Predictions | None = None,
    disagreed: Mapping[str, Sequence[PhotoDecision]] = NOTHING_DISAGREED,
) -> list[ReviewItem]:
    """All candidates of a dataset, each photo once, under the first kind that names it; `disagreed` by SHA-256."""
    every = [*_disagreed(manifest, disagreed), *_found(manifest, findings)]
    known = _Known(manifest)
    if out_of_fold is not None:
        every += _suspected(known, out_of_fold)
    if predicted is not None:
        every += _mistakes(known, predicted)
    order = list(KINDS)
    every.sort(key=lambda one: order.index(one.kind))  # stable: within a kind as they came
    first: dict[str, ReviewItem] = {}
    for one in every:
        first.setdefault(one.sha256, one)
    return list(first.values())


class _Known:
    """The photos of a manifest by name: predictions may be of an older one."""

    def __init__(self, manifest: Manifest) -> None:
        columns = manifest.table.select(["path", "sha256", "label"]).to_pydict()
        self._rows = {
            path: (sha256, manifest.classes[label])
            for path, sha256, label in zip(*columns.values(), strict=True)
        }

    def label(self, path: str, sha256: str) -> str | None:
        """The photo's class by its place; None where it is not there any more, or another photo."""
        content, label = self._rows.get(path, ("", ""))
        return label if content == sha256 else None


def _disagreed(manifest: Manifest, disagreed: Mapping[str, Sequence[PhotoDecision]]) -> Iterator[ReviewItem]:
    """Photos of the dataset that people decided otherwise about; the later decision is suggested."""
    if not disagreed:
        return
    columns = (manifest.table[name].to_pylist() for name in ("path", "sha256", "label"))
    for path, sha256, label in zip(*columns, strict=True):
        if stack := disagreed.get(sha256):
            text = f"decided {' and '.join(map(outcome, stack))}"
            yield ReviewItem("disagreed", sha256, path, manifest.classes[label], stack[-1].new, text=text)


def _found(manifest: Manifest, findings: Iterable[Finding]) -> Iterator[ReviewItem]:
    """What the audit found; photos of which there are no bytes cannot be decided about."""
    paths, ids, labels = (manifest.table[name].to_pylist() for name in ("path", "sha256", "label"))
    for one in findings:
        if one.kind in KINDS and ids[one.row]:
            others = tuple(paths[row] for row in one.others[:_OTHERS])
            label = manifest.classes[labels[one.row]]
            yield ReviewItem(one.kind, ids[one.row], paths[one.row], label, text=one.text, others=others)


def _suspected(known: _Known, rows: Predictions) -> Iterator[ReviewItem]:
    """The photos whose label is least likely right, by classifiers that never saw them."""
    likely = {issue.path for issue in label_issues.label_issues(rows)}
    listed = by_suspicion(rows)[: max(len(likely), round(SUSPECTED * len(rows)))]
    for row in listed.tolist():
        path, sha256, other = rows.paths[row], rows.ids[row], int(rows.predicted[row])
        label, given = known.label(path, sha256), int(rows.labels[row])
        if label is None or other == given:
            continue
        doubt = "likely wrong" if path in likely else "in doubt"
        text = f"{doubt}: a classifier that never saw it gives {rows.classes[given]!r} {rows.probs[row, given]:.0%}"
        yield ReviewItem(
            "suspected", sha256, path, label, rows.classes[other], float(rows.probs[row, other]), text
        )


def by_suspicion(out_of_fold: Predictions) -> npt.NDArray[np.int64]:
    """(N,) places of all images, the least likely label first: by the probability that an image has its label.

    Self-confidence of Northcutt et al. (`label_issues`), which goes on where confident learning ends.
    """
    own = out_of_fold.probs[np.arange(len(out_of_fold)), out_of_fold.labels]
    return np.asarray(np.argsort(own, kind="stable"), np.int64)


def _mistakes(known: _Known, rows: Predictions) -> Iterator[ReviewItem]:
    """What the trained classifier gets wrong, most confident first."""
    for row in rows.most_confident_errors(len(rows)).tolist():
        path, sha256 = rows.paths[row], rows.ids[row]
        if (label := known.label(path, sha256)) is None:
            continue
        suggestion = rows.classes[int(rows.predicted[row])]
        text = f"{rows.splits[row]}: the classifier says {suggestion!r}"
        yield ReviewItem("mistake", sha256, path, label, suggestion, float(rows.confidence[row]), text)


def unlabelled(
    names: Sequence[str], ids: Mapping[str, str], probs: np.ndarray, classes: Sequence[str]
) -> list[ReviewItem]:
    """Photos of no class yet, in the order given: `probs` (N, C) of the names, as a classifier has them."""
    best = probs.argmax(axis=1)
    return [
        ReviewItem("next", ids[name], name, "", classes[best[row]], float(probs[row, best[row]]))
        for row, name in enumerate(names)
    ]


def counts(candidates: Sequence[ReviewItem]) -> dict[str, int]:
    """Kind → how many, those that there are, in the order of the list."""
    numbers: dict[str, int] = {}
    for one in candidates:
        numbers[one.kind] = numbers.get(one.kind, 0) + 1
    return numbers
