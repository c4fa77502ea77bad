"""Images that must not be on two sides: copies, near duplicates and groups; which stay, which go."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from frostline.datasets.findings import Finding, Policies
from frostline.datasets.layout import LabelledImage
from frostline.datasets.splits import Rows, repeats

# Of copies in several given splits the test one stays: the test set must not shrink because of what
# somebody put into train, and what is known from training must not be tested on. Same for validation.
_PRIORITY = {"test": 0, "validation": 1, "train": 2, "": 2}

Links = Mapping[int, Sequence[tuple[int, str]]]  # row → rows it is linked to, and by which kind


@dataclass(frozen=True)
class Resolved:
    """What relations lead to: findings, rows that go with the reason, links between those that stay."""

    findings: list[Finding]
    out: dict[int, str]
    links: list[tuple[int, int]]


def rank(image: LabelledImage) -> tuple[int, int, str]:
    """Of related images the one with the lowest rank stays."""
    return (_PRIORITY[image.split], image.wave, image.name)


def copies(sha256: Sequence[str], labelled: Sequence[LabelledImage], rows: Rows) -> list[list[int]]:
    """Rows of one content, where there are several, each group by rank."""
    return [sorted(group, key=lambda row: rank(labelled[row])) for group in repeats(sha256, rows)]


def groups(named: Sequence[str], rows: Rows) -> list[list[int]]:
    """Rows that share their group, those with more than one; "" is none."""
    same = defaultdict(list)
    for row in map(int, rows):
        if group := named[row]:
            same[group].append(row)
    return [group for group in same.values() if len(group) > 1]


def resolve(
    labelled: Sequence[LabelledImage],
    *,
    exact: Sequence[Sequence[int]],
    near: Sequence[tuple[int, int, float]],
    grouped: Sequence[Sequence[int]],
    policies: Policies,
) -> Resolved:
    """Judge every image that is related to another.

    The same picture under two labels is a conflict: all of it goes, nobody knows which label is right.
    Of related images in several given splits, those in one stay (test before validation before
    train). Of copies within a split, the first stays unless the policy keeps all.
    """
    alike = _alike(exact, near)
    links = _links(labelled, exact, alike)
    findings = list(_conflicts(labelled, links))
    out = {finding.row: finding.text for finding in findings}
    order = sorted(links, key=lambda row: rank(labelled[row]))
    stay: set[int] = set()
    for row in order:
        if row in out:
            continue
        finding = _judged(row, labelled, [link for link in links[row] if link[0] in stay])
        if finding:
            findings.append(finding)
        if finding and not policies.keeps(finding.kind):
            out[row] = finding.text
        else:
            stay.add(row)
    for finding in _straddling(labelled, grouped, out):
        findings.append(finding)
        out[finding.row] = finding.text
    return Resolved(findings, out, _kept([*exact, *grouped], alike, out))


def _alike(
    exact: Sequence[Sequence[int]], near: Sequence[tuple[int, int, float]]
) -> list[tuple[Sequence[int], Sequence[int]]]:
    """Near duplicates as pairs of all copies of the one and all copies of the other."""
    copied = {row: group for group in exact for row in group if len(group) > 1}
    return [(copied.get(one, (one,)), copied.get(other, (other,))) for one, other, _ in near]


def _links(
    labelled: Sequence[LabelledImage],
    exact: Sequence[Sequence[int]],
    alike: Sequence[tuple[Sequence[int], Sequence[int]]],
) -> Links:
    """From every copy to the first of each label and split, for these share their fate: not each to each."""
    links: dict[int, list[tuple[int, str]]] = defaultdict(list)
    both = [(one, other, "near_duplicate") for pair in alike for one, other in (pair, pair[::-1])]
    for these, those, kind in [*((group, group, "duplicate") for group in exact if len(group) > 1), *both]:
        firsts = {(labelled[row].label, labelled[row].split): row for row in reversed(those)}
        for row in these:
            links[row] += [(other, kind) for other in firsts.values() if other != row]
    return {row: sorted(others, key=lambda link: rank(labelled[link[0]])) for row, others in links.items()}


def _conflicts(labelled: Sequence[LabelledImage], links: Links) -> Iterator[Finding]:
    for row, others in sorted(links.items()):
        against = sorted(other for other, _ in others if labelled[other].label != labelled[row].label)
        if against:
            labels = sorted({labelled[row].label, *(labelled[other].label for other in against)})
            yield Finding(
                row, "conflict", f"conflicting labels: {', '.join(map(repr, labels))}", tuple(against)
            )


def _judged(row: int, labelled: Sequence[LabelledImage], stay: Sequence[tuple[int, str]]) -> Finding | None:
    """The finding about an image beside those related to it that stay; None if there are none."""
    here = labelled[row].split
    for other, kind in stay:
        if labelled[other].split != here:
            words = f"{kind.replace('_', ' ')} across splits: of {labelled[other].name!r}"
            return Finding(row, "leak", words, (other,))
    for kind in ("duplicate", "near_duplicate"):
        for other, how in stay:
            if how == kind:
                return Finding(row, kind, f"{kind.replace('_', ' ')}: of {labelled[other].name!r}", (other,))
    return None


def _straddling(
    labelled: Sequence[LabelledImage], grouped: Sequence[Sequence[int]], out: Mapping[int, str]
) -> Iterator[Finding]:
    """Members of a group that lies in several given splits: those that are not in the first of them."""
    for group in grouped:
        left = [row for row in group if row not in out]
        first = min(left, key=lambda row: _PRIORITY[labelled[row].split], default=None)
        for row in left:
            if first is not None and labelled[row].split and labelled[row].split != labelled[first].split:
                text = f"group across splits: {labelled[row].group!r} is that of {labelled[first].name!r}"
                yield Finding(row, "leak", text, (first,))


def _kept(
    together: Sequence[Sequence[int]],
    alike: Sequence[tuple[Sequence[int], Sequence[int]]],
    out: Mapping[int, str],
) -> list[tuple[int, int]]:
    """Links that hold together what stays: copies and groups in chains, near duplicates by one of each."""
    left = [[row for row in group if row not in out] for group in together if len(group) > 1]
    chains = {pair for group in left for pair in itertools.pairwise(group)}
    pairs = ([next((row for row in side if row not in out), None) for side in sides] for sides in alike)
    chains |= {(one, other) for one, other in pairs if one is not None and other is not None}
    return sorted({(min(pair), max(pair)) for pair in chains})
