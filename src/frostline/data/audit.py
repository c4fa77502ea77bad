"""What may not be used: images that cannot be read, and exact duplicates."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from frostline.data.layout import Placed
from frostline.data.source import Source
from frostline.errors import InputError
from frostline.files import sha256
from frostline.images import ImageError, probe

# Of copies in several given splits the test one stays: the test set must not shrink because of what
# somebody put into train, and what is known from training must not be tested on. Same for validation.
_PRIORITY = {"test": 0, "validation": 1, "train": 2, "": 2}


@dataclass(frozen=True)
class Scan:
    """One file as read: hex SHA-256 of its bytes, "" if there are none to be had; bytes and pixels.

    `reason` says why it cannot be used, "" if it can.
    """

    sha256: str
    bytes: int
    height: int
    width: int
    reason: str


def scan(source: Source, name: str) -> Scan:
    """Read and fully decode one image; what goes wrong is the result's reason."""
    digest, size = "", 0
    try:
        content = source.read(name)
        digest, size = sha256(content), len(content)
        height, width = probe(content)
    except ImageError as error:
        return Scan(digest, size, 0, 0, str(error))
    return Scan(digest, size, height, width, "")


def bad_images(placed: Sequence[Placed], scans: Sequence[Scan], *, policy: str, key: str) -> list[str]:
    """The reason of each image that cannot be used, "" for the others.

    policy `fail` raises InputError at the first instead; `key` is the dataset's dotted params key.
    """
    reasons = [scan.reason for scan in scans]
    bad = [index for index, reason in enumerate(reasons) if reason]
    if bad and policy == "fail":
        raise InputError(
            f"{len(bad)} of {len(scans)} images cannot be used, the first {placed[bad[0]].name!r}: "
            f"{reasons[bad[0]]}; mend or remove them, or set {key}.on_bad_image: quarantine"
        )
    return reasons


def duplicates(
    placed: Sequence[Placed], scans: Sequence[Scan], reasons: Sequence[str], *, policy: str, key: str
) -> list[str]:
    """Reasons with those of exact duplicates added.

    Content under two labels is quarantined altogether: nobody knows which is right. Of copies in
    several given splits only those in one stay (test before validation before train), so that nothing
    trained on is tested on. Both hold under `keep` too. Of copies within a split, `quarantine` keeps
    the first by name, `keep` all. `fail` raises InputError.
    """
    result = list(reasons)
    for group in _groups(scans, reasons):
        for row, reason in _judged([placed[row] for row in group], keep=policy == "keep"):
            result[group[row]] = reason
    found = [row for row in range(len(result)) if result[row] != reasons[row]]
    if found and policy == "fail":
        raise InputError(
            f"{len(found)} images repeat others byte for byte, the first {placed[found[0]].name!r} "
            f"({result[found[0]]}); remove them, or set {key}.on_duplicate: quarantine"
        )
    return result


def _groups(scans: Sequence[Scan], reasons: Sequence[str]) -> Iterator[list[int]]:
    """Rows of usable images that share their bytes."""
    rows = defaultdict(list)
    for row, (scan, reason) in enumerate(zip(scans, reasons, strict=True)):
        if not reason:
            rows[scan.sha256].append(row)
    return (group for group in rows.values() if len(group) > 1)


def _judged(copies: Sequence[Placed], *, keep: bool) -> Iterator[tuple[int, str]]:
    """Those among copies that go, as (position, reason)."""
    labels = sorted({copy.label for copy in copies})
    first = min(copies, key=lambda copy: (_PRIORITY[copy.split], copy.name))
    for position, copy in enumerate(copies):
        if len(labels) > 1:
            yield position, f"conflicting labels: {', '.join(map(repr, labels))}"
        elif copy.split != first.split:
            yield position, f"duplicate across splits: of {first.name!r}"
        elif copy is not first and not keep:
            yield position, f"duplicate: of {first.name!r}"
