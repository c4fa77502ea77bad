"""The candidates as one static page and as CSV: to read on paper, to send, or to work on in a spreadsheet."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from frostline import images, pages, system
from frostline.datasets.decisions import PhotoDecision
from frostline.datasets.thumbnails import shrunk
from frostline.evaluation import tables
from frostline.images import ImageError
from frostline.review.candidates import KINDS, ReviewItem, counts
from frostline.review.session import Read

COLUMNS = (
    "kind",
    "path",
    "label",
    "suggestion",
    "probability",
    "text",
    "others",
    "decision",
    "new",
    "who",
    "when",
    "sha256",
)
SHOWN = 120  # photos of a kind on the page; the table has all
_SIDE = 136  # pixels
_QUALITY = 74


def table(candidates: Sequence[ReviewItem], decided: Mapping[str, PhotoDecision]) -> str:
    """CSV, a row per candidate in the order of the list; texts are no formulas (`csv_text`)."""
    return tables.table(COLUMNS, [_row(one, decided.get(one.sha256)) for one in candidates])


def _row(one: ReviewItem, decision: PhotoDecision | None) -> list[Any]:
    probability = "" if one.probability is None else round(one.probability, 4)
    made = [decision.action, decision.new, decision.who, decision.when] if decision else [""] * 4
    others = " | ".join(one.others)
    return [one.kind, one.path, one.label, one.suggestion, probability, one.text, others, *made, one.sha256]


def page(
    name: str, candidates: Sequence[ReviewItem], decided: Mapping[str, PhotoDecision], read: Read
) -> str:
    """The page as HTML that needs no other file; `read` gives the bytes of a photo by its name."""
    first: dict[str, list[ReviewItem]] = {}
    for one in candidates:
        first.setdefault(one.kind, [])
        if len(first[one.kind]) < SHOWN:
            first[one.kind].append(one)
    names = dict.fromkeys(
        path for some in first.values() for one in some for path in (one.path, *one.others[:1])
    )
    with ThreadPoolExecutor(system.processors()) as pool:
        pictures = dict(zip(names, pool.map(partial(_picture, read), names), strict=True))
    numbers = counts(candidates)
    return pages.render(
        "frostline.review",
        "review.html.j2",
        marks={"dataset": name},
        name=name,
        total=len(candidates),
        decided=sum(one.sha256 in decided for one in candidates),
        kinds=[
            {"kind": kind, "title": KINDS[kind], "count": numbers[kind], "shown": some}
            for kind, some in first.items()
        ],
        pictures=pictures,
        decisions=decided,
    )


def _picture(read: Read, name: str) -> str:
    """A small JPEG as an address that holds it, "" where there is none to be had."""
    try:
        content = read(name)
        height, width = shrunk(*images.size(content), _SIDE)
        return pages.photo(
            images.decode(content, height=height, width=width, resize="squash"), quality=_QUALITY
        )
    except ImageError:
        return ""
