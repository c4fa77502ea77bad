"""One reviewer at a list of candidates: what the page asks for, and what it does with a decision."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from frostline import images, pages
from frostline.datasets.decision_log import DecisionLog
from frostline.datasets.decisions import ACTIONS, KEEP, LABEL, LEAVE_OUT, PhotoDecision
from frostline.datasets.thumbnails import shrunk
from frostline.errors import FrostlineError, InputError
from frostline.review.candidates import KINDS, ReviewItem, counts

LONGEST = 900  # pixels of a photo's longer side on the page
QUALITY = 88  # of its JPEG
MOST = 500  # candidates in one answer

Read = Callable[[str], bytes]


@dataclass(frozen=True)
class About:
    """What the page says at its top. classes: in the order of the keys."""

    dataset: str
    who: str
    classes: tuple[str, ...]


class StalePageError(FrostlineError):
    """A page that is no longer the one that decides: the review was opened again elsewhere."""


class ReviewSession:
    """Candidates, the table of decisions, and how to read a photo by its name.

    One page decides at a time: the one that was opened last. All methods may be called by several threads.
    """

    def __init__(self, about: About, candidates: Sequence[ReviewItem], log: DecisionLog, read: Read) -> None:
        self.about, self.candidates, self.log = about, candidates, log
        self._read, self._pages, self._lock = read, 0, threading.RLock()
        self._numbers = {one.sha256: number for number, one in enumerate(candidates)}

    def open_page(self) -> int:
        """The number of a new page; older ones cannot decide any more."""
        with self._lock:
            self._pages += 1
            return self._pages

    def state(self) -> dict[str, Any]:
        """What there is and how far it is done: kinds with their first number, how many, and how many decided."""
        with self._lock:
            decided = Counter(one.kind for one in self.candidates if self._settled(one))
        kinds, start = [], 0
        for kind, count in counts(self.candidates).items():
            kinds.append(
                {"kind": kind, "title": KINDS[kind], "start": start, "count": count, "decided": decided[kind]}
            )
            start += count
        return {
            "dataset": self.about.dataset,
            "who": self.about.who,
            "classes": list(self.about.classes),
            "kinds": kinds,
            "total": len(self.candidates),
            "decided": decided.total(),
        }

    def items(self, start: int, count: int) -> list[dict[str, Any]]:
        """Some candidates from a number on, with what was decided about each."""
        some = self.candidates[max(0, start) : max(0, start) + min(count, MOST)]
        return [self._item(max(0, start) + place, one) for place, one in enumerate(some)]

    def first_open(self, after: int = -1) -> int:
        """The first candidate after a number without a decision, else the first of all; -1 where all are decided."""
        with self._lock:
            order = [*range(after + 1, len(self.candidates)), *range(min(after + 1, len(self.candidates)))]
            return next((place for place in order if not self._settled(self.candidates[place])), -1)

    def _settled(self, one: ReviewItem) -> bool:
        """Whether a decision stands that nobody contradicts."""
        return one.sha256 in self.log.standing and one.sha256 not in self.log.disagreed

    def decide(self, number: int, action: str, label: str = "", *, page: int) -> int:
        """Write a decision down; the number of the next candidate to look at, -1 for none.

        InputError for what cannot be decided; StalePageError for an older page.
        """
        with self._lock:
            self._require(page)
            one = self._candidate(number)
            action, new = self._meant(one, action, label)
            self.log.decide(action, sha256=one.sha256, path=one.path, old=one.label, new=new)
            return self.first_open(number)

    def undo(self, *, page: int) -> int:
        """Take the last decision back; the number of its candidate, -1 where it is not in this list, -2 for none."""
        with self._lock:
            self._require(page)
            last = self.log.undo()
            return -2 if last is None else self._numbers.get(last.sha256, -1)

    def photo(self, number: int, other: int = -1) -> bytes:
        """A JPEG of a candidate, or of one of the photos beside it; ImageError where it cannot be shown."""
        one = self._candidate(number)
        if other >= len(one.others):
            raise InputError(f"no photo {other} beside candidate {number}")
        return jpeg(self._read(one.path if other < 0 else one.others[other]))

    def _candidate(self, number: int) -> ReviewItem:
        if not 0 <= number < len(self.candidates):
            raise InputError(f"no candidate {number}; there are {len(self.candidates)}")
        return self.candidates[number]

    def _meant(self, one: ReviewItem, action: str, label: str) -> tuple[str, str]:
        """Action and class of a decision: the class that a photo has already is kept, and a photo without one takes
        the class that is suggested for it."""
        if action not in (LABEL, KEEP, LEAVE_OUT):
            raise InputError(f"action {action!r} is unknown; use one of {', '.join(ACTIONS[:3])}")
        if action == LEAVE_OUT:
            return LEAVE_OUT, ""
        new = label if action == LABEL else one.label or one.suggestion
        if new not in self.about.classes:
            raise InputError(f"class {new!r} is unknown; the classes are {', '.join(self.about.classes)}")
        return (KEEP if new == one.label else LABEL), new

    def _require(self, page: int) -> None:
        if page != self._pages:
            raise StalePageError(
                "this review was opened again in another window; go on there, or reload this page"
            )

    def _item(self, number: int, one: ReviewItem) -> dict[str, Any]:
        return {
            "number": number,
            "kind": one.kind,
            "path": one.path,
            "label": one.label,
            "suggestion": one.suggestion,
            "probability": one.probability,
            "text": one.text,
            "others": list(one.others),
            "decision": _shown(self.log.standing.get(one.sha256)) if self._settled(one) else None,
        }


def _shown(decision: PhotoDecision | None) -> Mapping[str, str] | None:
    if decision is None:
        return None
    return {"action": decision.action, "new": decision.new, "who": decision.who, "when": decision.when}


def jpeg(content: bytes, *, longest: int = LONGEST) -> bytes:
    """An image as people and networks see it, as a JPEG of at most so many pixels a side; ImageError."""
    height, width = shrunk(*images.size(content), longest)
    pixels = images.decode(content, height=height, width=width, resize="squash")
    return pages.jpeg(pixels, quality=QUALITY)
