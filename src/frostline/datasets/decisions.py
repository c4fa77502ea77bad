"""What people decided about single photos: a table under version control that `preprocess` applies.

The photos stay as they are. A decision is about content, so that it holds for every copy of a photo and under any
name. Rows are only ever added: the last one that stands counts, and `undo` takes back the one before it.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frostline import csv_text
from frostline.datasets.layout import LabelledImages
from frostline.datasets.listing_notes import counted
from frostline.errors import InputError, shell_command

COLUMNS = ("when", "who", "dataset", "action", "old", "new", "path", "sha256")
LABEL, KEEP, LEAVE_OUT, UNDO = ACTIONS = ("label", "keep", "leave out", "undo")


@dataclass(frozen=True)
class PhotoDecision:
    """One row of the table.

    when: UTC, ISO 8601. action: one of ACTIONS. old, new: classes, "" for none; old is "" for a photo that was not
    labelled before. path: the photo's name at that time, for readers. sha256: hex, of its bytes.
    """

    when: str
    who: str
    dataset: str
    action: str
    old: str
    new: str
    path: str
    sha256: str


@dataclass(frozen=True)
class Applied:
    """Images as decided: their labels, row → reason of those to be left out, and a line on what was done."""

    labelled: LabelledImages
    out: dict[int, str]
    remarks: tuple[str, ...] = ()


def line(decision: PhotoDecision) -> str:
    """A row of the file, with its end; no cell holds a line break, so that a row is a line."""
    made = io.StringIO()
    cells = [csv_text.escape(getattr(decision, name)) for name in COLUMNS]
    csv.writer(made, lineterminator="\n").writerow(cells)
    return made.getvalue()


def read(path: Path) -> list[PhotoDecision]:
    """All rows in order; none where there is no file. InputError where one cannot be understood."""
    try:
        return parse(path.read_text(encoding="utf-8"), where=path.name)
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); {_bring_back(str(path))}") from None


def parse(text: str, *, where: str) -> list[PhotoDecision]:
    """The rows of a file's text; `where` is its name, for messages."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        if (head := next(rows, None)) is not None and tuple(head) != COLUMNS:
            raise InputError(f"{where}: the first line must be {','.join(COLUMNS)}; {_bring_back(where)}")
        return [_decision(row, f"{where}: line {rows.line_num}") for row in rows if row]
    except csv.Error as error:
        raise InputError(f"{where}: line {rows.line_num}: {error}; {_bring_back(where)}") from None


def _decision(row: Sequence[str], which: str) -> PhotoDecision:
    if len(row) != len(COLUMNS):
        raise InputError(f"{which} has {len(row)} cells, not {len(COLUMNS)}; mend or remove it")
    decision = PhotoDecision(*map(csv_text.unescape, row))
    if decision.action not in ACTIONS:
        raise InputError(f"{which}: action {decision.action!r} is unknown; use one of {', '.join(ACTIONS)}")
    if decision.action == LABEL and not decision.new:
        raise InputError(f"{which}: action label without a new class; name one, or remove the line")
    if len(decision.sha256) != 64:
        raise InputError(f"{which}: sha256 {decision.sha256!r} is none; it has 64 hexadecimal digits")
    return decision


def _bring_back(where: str) -> str:
    return f"bring it back: {shell_command('git', 'checkout', '--', where)}"


def standing(rows: Sequence[PhotoDecision], dataset: str) -> dict[str, PhotoDecision]:
    """SHA-256 → the decision that counts in a dataset, in the order in which they were made."""
    stacks: dict[str, list[PhotoDecision]] = {}
    for row in rows:
        if row.dataset != dataset:
            continue
        stack = stacks.pop(row.sha256, [])
        if row.action == UNDO:
            del stack[-1:]
        else:
            stack.append(row)
        if stack:
            stacks[row.sha256] = stack
    return {sha256: stack[-1] for sha256, stack in stacks.items()}


def apply(labelled: LabelledImages, ids: Sequence[str], decided: Mapping[str, PhotoDecision]) -> Applied:
    """The images as decided; `ids` are their contents, "" for what cannot be read. Splits stay as given."""
    if not decided:
        return Applied(labelled, {})
    labels: dict[int, str] = {}
    out: dict[int, str] = {}
    matched = list(_matched(ids, decided))
    for row, decision in matched:
        if decision.action == LEAVE_OUT:
            out[row] = f"left out: decided by {decision.who}, {decision.when[:10]}"
        elif decision.new and decision.new != labelled[row].label:
            labels[row] = decision.new
    here = {decision.sha256 for _, decision in matched}
    return Applied(labelled.relabelled(labels), out, tuple(_remarks(decided, here, len(labels), len(out))))


def _matched(ids: Sequence[str], decided: Mapping[str, PhotoDecision]) -> Iterator[tuple[int, PhotoDecision]]:
    """Rows that a decision is about; most are not, so that all but their hashes stay as they are."""
    known = np.fromiter(map(hash, decided), np.int64, len(decided))
    rows = np.flatnonzero(np.isin(np.fromiter(map(hash, ids), np.int64, len(ids)), known))
    return ((row, decided[ids[row]]) for row in rows.tolist() if ids[row] in decided)


def _remarks(decided: Mapping[str, PhotoDecision], here: set[str], labels: int, out: int) -> Iterator[str]:
    actions = Counter(decision.action for decision in decided.values())
    yield (
        f"{counted(len(decided), 'decision')} of people: {counted(labels, 'image')} with another class than its "
        f"place says, {out} left out, {actions[KEEP]} confirmed"
    )
    waiting = (one for one in decided.values() if one.action != LEAVE_OUT and one.sha256 not in here)
    if gone := sorted(one.path for one in waiting):
        yield f"decided, but not among the images: {counted(len(gone), 'image')}, the first {gone[0]!r}"
