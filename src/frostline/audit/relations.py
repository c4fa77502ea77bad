"""Images that must not be on two sides: copies, near duplicates and groups; which stay, which go."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from frostline.audit.findings import Finding, Policies
from frostline.data.layout import Placed

# Of copies in several given splits the test one stays: the test set must not shrink because of what
# somebody put into train, and what is known from training must not be tested on. Same for validation.
_PRIORITY = {"test": 0, "validation": 1, "train": 2, "": 2}

Links = Mapping[int, Sequence[tuple[int, str]]]  # row → rows it is linked to, and by which kind


@dataclass(frozen=True)
class Settled:
    """What relations lead to: findings, rows that go with the reason, links between those that stay."""

    findings: list[Finding]
    out: dict[int, str]
    links: list[tuple[int, int]]


def rank(image: Placed) -> tuple[int, int, str]:
    """Of related images the one with the lowest rank stays."""
    return (_PRIORITY[image.split], image.wave, image.name)


def copies(sha256: Sequence[str], placed: Sequence[Placed], rows: Sequence[int]) -> list[list[int]]:
    """Rows by content, each group by rank; most groups have one row."""
    same = defaultdict(list)
    for row in rows:
        same[sha256[row]].append(row)
    return [sorted(group, key=lambda row: rank(placed[row])) for group in same.values()]


def groups(placed: Sequence[Placed], rows: Sequence[int]) -> list[list[int]]:
    """Rows that share their group, those with more than one."""
    same = defaultdict(list)
    for row in rows:
        if placed[row].group:
            same[placed[row].group].append(row)
    return [group for group in same.values() if len(group) > 1]


def settle(
    placed: Sequence[Placed],
    *,
    exact: Sequence[Sequence[int]],
    near: Sequence[tuple[int, int, float]],
    grouped: Sequence[Sequence[int]],
    policies: Policies,
) -> Settled:
    """Judge every image that is related to another.

    The same picture under two labels is a conflict: all of it goes, nobody knows which label is right.
    Of related images in several given splits, those in one stay (test before validation before
    train). Of copies within a split, the first stays unless the policy keeps all.
    """
    links = _links(placed, exact, near)
    findings = list(_conflicts(placed, links))
    out = {finding.row: finding.text for finding in findings}
    order = sorted(links, key=lambda row: rank(placed[row]))
    stay: set[int] = set()
    for row in order:
        if row in out:
            continue
        finding = _judged(row, placed, [link for link in links[row] if link[0] in stay])
        if finding:
            findings.append(finding)
        if finding and not policies.keeps(finding.kind):
            out[row] = finding.text
        else:
            stay.add(row)
    for finding in _straddling(placed, grouped, out):
        findings.append(finding)
        out[finding.row] = finding.text
    kept = {
        (min(a, b), max(a, b)) for a, others in links.items() for b, _ in others if not {a, b} & out.keys()
    }
    return Settled(findings, out, sorted(kept) + list(_chained(grouped, out)))


def _links(
    placed: Sequence[Placed], exact: Sequence[Sequence[int]], near: Sequence[tuple[int, int, float]]
) -> Links:
    """Near duplicates both ways; of copies, each to the first of every label, not each to each."""
    links: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for group in exact:
        firsts = {placed[row].label: row for row in reversed(group)}
        for one in group if len(group) > 1 else ():
            links[one] += [(other, "duplicate") for other in firsts.values() if other != one]
    for one, other, _ in near:
        links[one].append((other, "near_duplicate"))
        links[other].append((one, "near_duplicate"))
    return links


def _conflicts(placed: Sequence[Placed], links: Links) -> Iterator[Finding]:
    for row, others in sorted(links.items()):
        against = sorted(other for other, _ in others if placed[other].label != placed[row].label)
        if against:
            labels = sorted({placed[row].label, *(placed[other].label for other in against)})
            yield Finding(
                row, "conflict", f"conflicting labels: {', '.join(map(repr, labels))}", tuple(against)
            )


def _judged(row: int, placed: Sequence[Placed], stay: Sequence[tuple[int, str]]) -> Finding | None:
    """The finding about an image beside those related to it that stay; None if there are none."""
    here = placed[row].split
    for other, kind in stay:
        if placed[other].split != here:
            words = f"{kind.replace('_', ' ')} across splits: of {placed[other].name!r}"
            return Finding(row, "leak", words, (other,))
    for kind in ("duplicate", "near_duplicate"):
        for other, how in stay:
            if how == kind:
                return Finding(row, kind, f"{kind.replace('_', ' ')}: of {placed[other].name!r}", (other,))
    return None


def _straddling(
    placed: Sequence[Placed], grouped: Sequence[Sequence[int]], out: Mapping[int, str]
) -> Iterator[Finding]:
    """Members of a group that lies in several given splits: those that are not in the first of them."""
    for group in grouped:
        left = [row for row in group if row not in out]
        first = min(left, key=lambda row: _PRIORITY[placed[row].split], default=None)
        for row in left:
            if first is not None and placed[row].split and placed[row].split != placed[first].split:
                text = f"group across splits: {placed[row].group!r} is that of {placed[first].name!r}"
                yield Finding(row, "leak", text, (first,))


def _chained(grouped: Sequence[Sequence[int]], out: Mapping[int, str]) -> Iterator[tuple[int, int]]:
    for group in grouped:
        left = [row for row in group if row not in out]
        yield from itertools.pairwise(left)
