"""Which image trains, which validates, which tests: by content, so that it stays so as data grow.

Within a class, distinct contents are ordered by a hash of seed and content; the first go to test, the
next to validation, the rest train. Shares are exact to one image a class. An image added shifts each
border by at most one other image, and test never borders on train where both are drawn.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from frostline.data.layout import SPLITS
from frostline.errors import InputError
from frostline.files import sha256

_DRAWN = ("test", "validation")  # in this order; what is left trains


def assign(
    ids: Sequence[str],
    *,
    labels: Sequence[str],
    given: Sequence[str],
    shares: Mapping[str, float],
    seed: int,
) -> list[str]:
    """A split for every image, in their order; "" for those without an id.

    ids: content hashes, "" for images not to be used; images that share one share label and given
    split too. labels: class
    names. given: for each image the split its folder names, or "". A split that no image is given,
    used or not, is drawn from those given train or "", with share own/(train + all drawn). shares:
    of train, validation and test. Raises InputError naming a class that would miss in a split.
    """
    drawn = [split for split in _DRAWN if split not in given]
    cuts = _cuts(drawn, shares)
    splits = [(split or "train") if content else "" for content, split in zip(ids, given, strict=True)]
    for label, members in sorted(_pools(ids, labels, splits).items()):
        _check_enough(label, len(members), drawn)
        chosen = _draw(sorted(members, key=lambda content: _rank(content, seed)), cuts)
        for content, rows in members.items():
            for row in rows:
                splits[row] = chosen[content]
    _check_present(labels, splits)
    return splits


def _cuts(drawn: Sequence[str], shares: Mapping[str, float]) -> dict[str, float]:
    """The upper border of each drawn split, as a fraction of what is drawn from."""
    total = shares["train"] + sum(shares[split] for split in drawn)
    cuts, border = {}, 0.0
    for split in drawn:
        border += shares[split] / total
        cuts[split] = border
    return cuts


def _pools(
    ids: Sequence[str], labels: Sequence[str], splits: Sequence[str]
) -> dict[str, dict[str, list[int]]]:
    """Class → content → rows, of the images that may be drawn from."""
    pools: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, (content, label, split) in enumerate(zip(ids, labels, splits, strict=True)):
        if split == "train":
            pools[label][content].append(row)
    return pools


def _rank(content: str, seed: int) -> str:
    return sha256(f"{seed}:{content}".encode())


def _draw(ranked: Sequence[str], cuts: Mapping[str, float]) -> dict[str, str]:
    """Content → split. Each border lies within one of its fraction and leaves every split an image."""
    count, start = len(ranked), 0
    chosen = dict.fromkeys(ranked, "train")
    for left, (split, fraction) in zip(range(len(cuts), 0, -1), cuts.items(), strict=True):
        end = min(max(math.floor(fraction * count + 0.5), start + 1), count - left)
        chosen.update(dict.fromkeys(ranked[start:end], split))
        start = end
    return chosen


def _check_enough(label: str, count: int, drawn: Sequence[str]) -> None:
    if count < 1 + len(drawn):
        wanted = ["train", *reversed(drawn)]
        raise InputError(
            f"class {label!r} has {count} usable different image{'s' * (count != 1)}, too few to appear in "
            f"{', '.join(wanted)}; add at least {len(wanted) - count} or remove the class"
        )


def _check_present(labels: Sequence[str], splits: Sequence[str]) -> None:
    counts = Counter(zip(labels, splits, strict=True))
    for label in sorted(set(labels)):
        for split in SPLITS:
            if not counts[label, split]:
                raise InputError(
                    f"class {label!r} has 0 usable images in {split} of {labels.count(label)} in all; "
                    "every class must appear in train, validation and test"
                )
