"""What people decided about single photos: a table under version control that `preprocess` applies.

The photos stay as they are. A decision is about content, so that it holds for every copy of a photo and under any
name. Rows are only ever added, and `undo` takes one back: that git keeps the rows of both sides of a merge is all that
two branches need.
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
    _require_merged(text, where)
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        if (head := next(rows, None)) is not None and tuple(head) != COLUMNS:
            raise InputError(f"{where}: the first line must be {','.join(COLUMNS)}; {_bring_back(where)}")
        return [_decision(row, f"{where}: line {rows.line_num}") for row in rows if row]
    except csv.Error as error:
        raise InputError(f"{where}: line {rows.line_num}: {error}; {_bring_back(where)}") from None


def _require_merged(text: str, where: str) -> None:
    """InputError where a merge of git left its marks."""
    for number, row in enumerate(text.splitlines(), start=1):
        if row.startswith(("<<<<<<<", ">>>>>>>")) or row == "=======":
            raise InputError(
                f"{where}: line {number} is a mark of an unfinished merge; keep the rows of both sides and remove the "
                "lines that begin with <<<<<<<, ======= and >>>>>>>"
            )


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
    """SHA-256 → the decision that counts in a dataset, in the order in which they were made.

    Where two branches decided otherwise about a photo (`disagreements`) the later decision counts, whichever branch
    was merged into the other.
    """
    return {sha256: max(stack, key=_age) for sha256, stack in stacks(rows, dataset).items()}


def disagreements(rows: Sequence[PhotoDecision], dataset: str) -> dict[str, list[PhotoDecision]]:
    """SHA-256 → the decisions about a photo that say otherwise than each other, of which none was made knowing the
    others, oldest first: those of branches that were merged.
    """
    return {
        sha256: sorted(stack, key=_age)
        for sha256, stack in stacks(rows, dataset).items()
        if len({(one.action, one.new) for one in stack}) > 1
    }


def stacks(rows: Sequence[PhotoDecision], dataset: str) -> dict[str, list[PhotoDecision]]:
    """SHA-256 → the decisions about a photo that nobody took back, in the order in which they stand.

    Who decides again takes back what was decided before (`DecisionLog`), so that more than one stand only where
    branches were merged.
    """
    found: dict[str, list[PhotoDecision]] = {}
    for row in rows:
        if row.dataset != dataset:
            continue
        stack = found.pop(row.sha256, [])
        if row.action == UNDO:
            _take_back(stack, row)
        else:
            stack.append(row)
        if stack:
            found[row.sha256] = stack
    return found


def _take_back(stack: list[PhotoDecision], undo: PhotoDecision) -> None:
    """Remove, in place, the decision that a row takes back; none where another branch took it back as well."""
    for place in reversed(range(len(stack))):
        if (stack[place].old, stack[place].new) == (undo.old, undo.new):
            del stack[place]
            return
    if not undo.new:  # a row of an earlier version, which does not say
        del stack[-1:]


def _age(decision: PhotoDecision) -> tuple[str, ...]:
    """What sorts decisions by time, the same in every order of the rows."""
    return (decision.when, decision.who, decision.action, decision.new)


def outcome(decision: PhotoDecision) -> str:
    """What was decided about a photo, by whom and when, in a few words."""
    what = decision.new or decision.action
    return f"{what} ({decision.who}, {decision.when[:10]})"


def about(disagreed: Mapping[str, Sequence[PhotoDecision]], dataset: str) -> Iterator[str]:
    """A line on photos that people decided otherwise about in branches; none where there are none."""
    if not disagreed:
        return
    first = next(iter(disagreed.values()))
    yield (
        f"people decided otherwise than each other about {counted(len(disagreed), 'image')}, the first "
        f"{first[-1].path!r}: {' and '.join(map(outcome, first))}; the later counts until somebody decides again: "
        f"{shell_command('frostline', 'data', 'review', dataset)}"
    )


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
