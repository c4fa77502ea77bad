"""A finished score job on one page: counts, and the images to look at, with small pictures."""

import contextlib
import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from frostline import files, pages
from frostline.errors import FrostlineError
from frostline.files import printable
from frostline.images import ImageError
from frostline.scoring import output_paths, score_reader
from frostline.scoring.plan import Plan
from frostline.scoring.strangest import photos, small

SHOWN = 12  # images of a kind
PER_CLASS = 6  # and half of them the least sure
CLASSES = 40  # with pictures; all are counted
LISTED = 50  # unreadable images with their reasons
COLUMNS = (
    "path",
    "status",
    "error",
    "label",
    "prob",
    "topk_labels",
    "topk_probs",
    "unknown",
    "prediction_set",
)

Row = Mapping[str, Any]


def require_packages() -> None:
    """FrostlineError where a scorer lacks what is not in the base install; before hours of work."""
    if find_spec("jinja2") is None:
        raise FrostlineError("--page needs jinja2, not installed here; pip install 'frostline[drift]'")


@dataclass
class TopRows:
    """The `most` rows of the highest numbers; of equal ones the first by path."""

    most: int
    _heap: list[tuple[float, tuple[int, ...], Row]] = field(default_factory=list)

    def add(self, number: float, row: Row) -> None:
        """Take a row, if it is among them."""
        entry = (number, tuple(-ord(letter) for letter in row["path"]), row)
        if len(self._heap) < self.most:
            heapq.heappush(self._heap, entry)
        elif entry[:2] > self._heap[0][:2]:
            heapq.heapreplace(self._heap, entry)

    def rows(self) -> list[Row]:
        """The highest first."""
        return [row for *_, row in sorted(self._heap, key=lambda entry: entry[:2], reverse=True)]


@dataclass
class Summary:
    """What a page shows of rows, gathered as they pass: no more is held than is shown."""

    counts: Counter[str] = field(default_factory=Counter)  # by status
    labels: Counter[str] = field(default_factory=Counter)
    confident: TopRows = field(default_factory=lambda: TopRows(SHOWN))
    unsure: TopRows = field(default_factory=lambda: TopRows(SHOWN))
    far: TopRows = field(default_factory=lambda: TopRows(SHOWN))
    unreadable: list[Row] = field(default_factory=list)
    by_class: dict[str, tuple[TopRows, TopRows]] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Count one row of a score table."""
        self.counts[row["status"]] += 1
        if row["status"] == "error":
            if len(self.unreadable) < LISTED:
                self.unreadable.append(row)
            return
        if row.get("unknown") is not None:
            self.far.add(row["unknown"], row)
        if row["status"] == "unknown":
            return
        self.unsure.add(-_margin(row), row)
        if row["status"] == "ok":
            self._add_label(row)

    def _add_label(self, row: Row) -> None:
        self.labels[row["label"]] += 1
        self.confident.add(row["prob"], row)
        most, least = self.by_class.setdefault(
            row["label"], (TopRows(PER_CLASS // 2), TopRows(PER_CLASS // 2))
        )
        most.add(row["prob"], row)
        least.add(-row["prob"], row)

    def of_class(self, label: str) -> list[Row]:
        """The surest and the least sure of a class, each once."""
        most, least = self.by_class[label]
        rows = [*most.rows(), *reversed(least.rows())]
        return list({row["path"]: row for row in rows}.values())

    @property
    def shown(self) -> list[str]:
        """Paths of all images with a picture."""
        of_classes = [self.of_class(label) for label, _ in self.labels.most_common(CLASSES)]
        rows = [self.far.rows(), self.unsure.rows(), self.confident.rows(), *of_classes]
        return list(dict.fromkeys(row["path"] for some in rows for row in some))


def write(plan: Plan, *, model: str) -> str:
    """Write the page of a finished job beside its output; what to say of it."""
    summary = Summary()
    for table in score_reader.tables(plan.out, COLUMNS, needed=("path", "status")):
        for row in table.to_pylist():
            summary.add(row)
    path = output_paths.score_page(plan.out)
    pictures = _pictures(plan, summary.shown)
    note, share = plan.session.contract.note, plan.options.unknown
    html = page(summary, scores=printable(plan.out), model=model, pictures=pictures, share=share, note=note)
    files.write_text(path, html)
    return f"Wrote {printable(path)} (a page to look at)"


def page(  # noqa: PLR0913  # what a page says
    summary: Summary,
    *,
    scores: str,
    model: str,
    pictures: Mapping[str, np.ndarray],
    share: float | None = None,
    note: str = "",
) -> str:
    """The HTML; `pictures` are (H, W, 3) uint8 by path, `share` is that of `--unknown`."""
    shown = summary.labels.most_common(CLASSES)
    return pages.render(
        "frostline.scoring",
        "scores.html.j2",
        marks={},
        summary=summary,
        top=_top,
        images=sum(summary.counts.values()),
        scores=scores,
        model=model,
        note=note,
        rejected=share,
        labels=summary.labels.most_common(),
        by_class=[(label, count, summary.of_class(label)) for label, count in shown],
        pictures={path: pages.photo(pixels) for path, pixels in pictures.items()},
    )


def _top(row: Row) -> str:
    """The two most probable classes."""
    ranks = list(zip(row["topk_labels"], row["topk_probs"], strict=True))[:2]
    return ", ".join(f"{label} {prob:.1%}" for label, prob in ranks)


def _margin(row: Row) -> float:
    """Between the two most probable classes; of one that is listed alone its probability."""
    ranks = row["topk_probs"]
    return float(ranks[0] - ranks[1]) if len(ranks) > 1 else float(ranks[0])


def _pictures(plan: Plan, wanted: Iterable[str]) -> dict[str, np.ndarray]:
    """From the source, which a list is only once; what is left by its path."""
    names = list(wanted)
    found = dict(photos(plan.source, names))
    for name in names:
        path = Path(name)
        if name not in found and path.is_file():
            with contextlib.suppress(ImageError, OSError):
                found[name] = small(path.read_bytes())
    return found
