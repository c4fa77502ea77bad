"""Findings about single images, and what a dataset's policies make of findings of any kind."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from frostline.datasets.manifest import texts
from frostline.datasets.scan import Scans
from frostline.datasets.splits import Rows
from frostline.errors import InputError

TINY = 32  # pixels of the shorter side
ELONGATED = 5.0  # longer side over shorter
OUTLYING = 5.0  # robust standard deviations from the dataset's median
NARROW = 0.05  # a spread of brightness or detail, 5 in 100, below which images count as alike
IMBALANCED = 10.0  # images of the largest class over those of the smallest

# Every kind of finding, in the order of reports, with its words in a message.
KINDS = {
    "unreadable": "cannot be read",
    "truncated": "are cut off",
    "oversized": "are over a limit",
    "misnamed": "have the extension of another format",
    "animated": "have more than one frame",
    "tiny": f"have a side below {TINY} pixels",
    "elongated": f"are over {ELONGATED:g} times as long as wide",
    "blurred": "are far less sharp than the others",
    "dark": "are far darker than the others",
    "bright": "are far brighter than the others",
    "conflict": "have conflicting labels",
    "duplicate": "repeat others byte for byte",
    "near_duplicate": "show the same picture as others",
    "leak": "would leak from one split into another",
    "imbalance": "belong to classes of very different sizes",
}
# What a dataset without an audit is held to: what would break training or make its figures false.
BARE = dict.fromkeys(("unreadable", "truncated", "oversized", "conflict", "duplicate", "leak"), "quarantine")

_ENDINGS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pnm", ".pbm"),
}


@dataclass(frozen=True, order=True)
class Finding:
    """Something about the image in `row`; `others` are rows that it is about too. `text` is for people."""

    row: int
    kind: str
    text: str
    others: tuple[int, ...] = ()


@dataclass(frozen=True)
class Policies:
    """What each kind of finding leads to; `key` is the audit's dotted params key, for messages."""

    by_kind: Mapping[str, str]
    key: str

    def keeps(self, kind: str) -> bool:
        """Whether an image stays in spite of such a finding."""
        return self.by_kind.get(kind, "keep") == "keep"

    def refuse(self, findings: Sequence[Finding], names: Sequence[str]) -> None:
        """InputError for the first kind whose policy is `fail`: how many, the first, what to do."""
        for kind, words in KINDS.items():
            of_kind = [finding for finding in findings if finding.kind == kind]
            if of_kind and self.by_kind.get(kind) == "fail":
                first = min(of_kind)
                softer = "keep" if kind == "imbalance" else "quarantine"
                raise InputError(
                    f"{len(of_kind)} of {len(names)} images {words}, the first {names[first.row]!r}: {first.text}; "
                    f"mend or remove them, or set {self.key}.{kind}: {softer}"
                )


def of_files(scans: Scans, names: Sequence[str]) -> Iterator[Finding]:
    """What is wrong or odd with single files."""
    kinds, reasons = scans.table["format"], scans.table["reason"]
    heights, widths = scans.column("height"), scans.column("width")
    for row in np.flatnonzero(scans.column("animated")).tolist():
        yield Finding(row, "animated", f"animated {kinds[row].as_py()}: its first frame counts")
    for row, (name, reason, kind) in enumerate(zip(names, texts(reasons), texts(kinds), strict=True)):
        if reason:
            yield Finding(row, _kind(reason), reason)
        elif not name.lower().endswith(_ENDINGS[kind]):
            yield Finding(row, "misnamed", f"misnamed: it is a {kind}")
    read, short, long = pc.equal(reasons, ""), np.minimum(heights, widths), np.maximum(heights, widths)
    for kind, odd in (("tiny", short < TINY), ("elongated", long > ELONGATED * short)):
        for row in np.flatnonzero(odd & read.to_numpy()).tolist():
            yield Finding(row, kind, f"{kind}: {widths[row]}x{heights[row]} pixels")


def _kind(reason: str) -> str:
    if reason.startswith("truncated"):
        return "truncated"
    return "oversized" if reason.startswith("too large") else "unreadable"


def outliers(scans: Scans, rows: Rows) -> Iterator[Finding]:
    """Images far darker, brighter or less sharp than the rest, in robust standard deviations.

    Of scales without ends: five deviations below a mean grey of 115 would be less than black.
    """
    if not len(rows):
        return
    brightness, sharpness = scans.column("brightness")[rows], scans.column("sharpness")[rows]
    sharp, light = np.log1p(sharpness), np.log((brightness + 0.5) / (255.5 - brightness))
    for kind, values, shown, sign in (
        ("blurred", sharp, sharpness, -1),
        ("dark", light, brightness, -1),
        ("bright", light, brightness, 1),
    ):
        deviation = sign * (values - np.median(values))
        deviation /= max(
            1.4826 * float(np.median(np.abs(deviation))), NARROW
        )  # the median of |normal| is 1/1.4826
        what, usual = "detail" if kind == "blurred" else "mean grey", np.median(shown)
        for place in np.flatnonzero(deviation > OUTLYING).tolist():
            yield Finding(
                int(rows[place]),
                kind,
                f"{kind}: {what} {shown[place]:.0f}, median of all {usual:.0f}",
            )


def imbalance(counts: Mapping[str, int], first: Mapping[str, int]) -> Iterator[Finding]:
    """One finding where the largest class is many times the smallest; `first` gives a row of each."""
    small, large = min(counts, key=lambda name: counts[name]), max(counts, key=lambda name: counts[name])
    if counts[large] > IMBALANCED * counts[small]:
        yield Finding(
            first[small],
            "imbalance",
            f"imbalance: {counts[small]} in {small!r}, {counts[large]} in {large!r}",
        )


def quarantined(findings: Iterable[Finding], policies: Policies) -> dict[int, str]:
    """Row → reason of the images that findings take out, the first finding of each."""
    order = list(KINDS)
    out: dict[int, str] = {}
    for finding in sorted(findings, key=lambda one: order.index(one.kind)):
        if not policies.keeps(finding.kind):
            out.setdefault(finding.row, finding.text)
    return out
