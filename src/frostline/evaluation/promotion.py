"""The gate: what a challenger must show before it becomes champion, each check with its figures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from frostline.config import Promotion
from frostline.evaluation.paired_tests import NonInferiority, judge, needed, power, readable
from frostline.evaluation.predictions import Predictions

# In the order in which they are asked; the first two never both.
CHECKS = ("better than nothing", "not worse", "agreement", "contract", "latency", "size", "data audit")
# Findings of the data audit that make a test figure say more than it knows, if the images were kept.
SPOILING = ("leak", "conflict", "unreadable", "truncated")


@dataclass(frozen=True)
class Tested:
    """A registered version by its number, and what it predicts of the test images."""

    number: int
    test: Predictions


@dataclass(frozen=True)
class Standard(Tested):
    """A champion that a challenger meets: its contract too."""

    contract: Mapping[str, Any]


@dataclass(frozen=True)
class Evidence(Standard):
    """What a challenger shows beside.

    `agreement` is export's proof, `audit` preprocess's summary, each None where the run lacks it.
    `milliseconds` is the median time of one image, `megabytes` the size of the file.
    """

    sha256: str
    agreement: Mapping[str, Any] | None
    audit: Mapping[str, Any] | None
    milliseconds: float
    megabytes: float


@dataclass(frozen=True)
class Check:
    """One question of the gate, its answer, and the figures that decided it."""

    name: str
    passed: bool
    figures: str


def best(champions: Sequence[Tested], *, test: Predictions) -> Tested:
    """The champion, of all there have been, that is right most often on the test images in common.

    Against the present one alone, a challenger that is a little worse could win every night, and the
    champions would drift down; of equals the latest counts.
    """

    def share(champion: Tested) -> float:
        _, right = paired(test, champion.test)
        return float(right.mean()) if len(right) else 0.0

    return max(champions, key=lambda champion: (share(champion), champion.number))


def paired(one: Predictions, other: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Two (N,) bool arrays: right or wrong on the images that both have in their test split, by content."""
    places = {id_: row for row, id_ in enumerate(other.ids)}
    rows = [row for row, id_ in enumerate(one.ids) if id_ in places]
    return one.right[rows], other.right[[places[one.ids[row]] for row in rows]]


def checks(challenger: Evidence, anchor: Standard | None, limits: Promotion) -> Iterator[Check]:
    """Every check, in the order in which people ask; `anchor` is None for the first model ever."""
    if anchor is None:
        yield _better_than_nothing(challenger.test, limits)
    else:
        yield _not_worse(challenger, anchor, limits)
    yield _agreement(challenger)
    if anchor is not None:
        yield _same_contract(challenger, anchor)
    yield from _own_limits(challenger, limits)


def alone(challenger: Evidence, limits: Promotion) -> Iterator[Check]:
    """Every check where there is a champion of which nothing is left to compare with."""
    why = "the champion's run was deleted from MLflow, so nothing proves it"
    yield Check("not worse", False, f"{why}; `frostline registry sync` brings it again where its outputs are")
    yield _agreement(challenger)
    yield from _own_limits(challenger, limits)


def _own_limits(challenger: Evidence, limits: Promotion) -> Iterator[Check]:
    yield _limit("latency", challenger.milliseconds, limits.milliseconds, "ms per image on one CPU session")
    yield _limit("size", challenger.megabytes, limits.megabytes, "MB")
    yield _audit(challenger)


def power_line(challenger: Evidence, anchor: Tested, limits: Promotion) -> str:
    """How likely the paired test passes an equally good challenger and one 2 points better, in a line."""
    first, second = paired(challenger.test, anchor.test)
    if not len(first):
        return "power: no test images in common"
    discordant = float((first != second).mean())
    chances = [
        power(
            len(first), discordant=discordant, difference=difference, margin=limits.margin, level=limits.level
        )
        for difference in (0.0, 0.02)
    ]
    return (
        f"power: an equally good challenger passes this test with a probability of {chances[0]:.0%}, one 2 points "
        f"better with {chances[1]:.0%} ({len(first):,} images, {discordant:.1%} of them classified differently)"
    )


def _not_worse(challenger: Evidence, anchor: Tested, limits: Promotion) -> Check:
    first, second = paired(challenger.test, anchor.test)
    if not len(first):
        return Check("not worse", False, f"no test image in common with version {anchor.number}")
    verdict = judge(first, second, margin=limits.margin, level=limits.level)
    return Check("not worse", verdict.passed, readable(verdict) + _too_few(verdict))


def _too_few(verdict: NonInferiority) -> str:
    least = needed(margin=verdict.margin, level=verdict.level)
    return f"; fewer than {least} images cannot prove it" if verdict.images < least else ""


def _better_than_nothing(test: Predictions, limits: Promotion) -> Check:
    """The first model ever has nobody to be compared with but the answer that needs no image.

    Later ones are compared with it on the test images that both have, so that too few now are too few for good.
    """
    baseline = float(np.bincount(test.labels).max() / len(test)) if len(test) else 1.0
    accuracy = float(test.right.mean()) if len(test) else 0.0
    right = int(test.right.sum())
    figures = (
        f"first model: accuracy {accuracy:.2%} ({right:,}/{len(test):,}); "
        f"always the most common class: {baseline:.2%}"
    )
    least = needed(margin=limits.margin, level=limits.level)
    later = f"; a later one that is as good needs {least} in common, or a wider margin, to replace it"
    return Check("better than nothing", accuracy > baseline, figures + (later if len(test) < least else ""))


def _agreement(challenger: Evidence) -> Check:
    proof = challenger.agreement
    if proof is None or proof.get("model") != challenger.sha256:
        return Check("agreement", False, "no proof that this file agrees with the trained network")
    difference = max(proof["image_difference"], proof["feature_difference"])
    figures = f"differs from the trained network by {difference:.1g}, allowed {proof['tolerance']:g}"
    return Check("agreement", difference <= proof["tolerance"], figures)


def _same_contract(challenger: Evidence, anchor: Standard) -> Check:
    """What a scorer relies on; size and resize rule are the model's own affair, the file says them."""
    keys = ("contract", "classes", "decode")
    other = [key for key in keys if challenger.contract[key] != anchor.contract[key]]
    if challenger.contract["contract"] > anchor.contract["contract"]:
        other.remove("contract")  # a later version has all that an earlier one has
    changed = "; ".join(
        _changed_classes(anchor.contract[key], challenger.contract[key])
        if key == "classes"
        else f"{key} {anchor.contract[key]} → {challenger.contract[key]}"
        for key in other
    )
    same = f"version {challenger.contract['contract']}, {len(anchor.contract['classes'])} classes in the same order"
    return Check("contract", not other, changed or same)


def _changed_classes(before: Sequence[str], now: Sequence[str]) -> str:
    """What is other about a class list, and what to do about it."""
    new, gone = [name for name in now if name not in before], [name for name in before if name not in now]
    parts = [f"{word} {', '.join(names)}" for word, names in (("new", new), ("gone", gone)) if names]
    return (
        f"other classes ({'; '.join(parts) or 'the same in another order'}), so scores by class number mean "
        "something else; see that whatever reads them takes the new ones, then a person accepts it"
    )


def _limit(name: str, measured: float, allowed: float, unit: str) -> Check:
    return Check(name, measured <= allowed, f"{measured:.1f} {unit}, allowed {allowed:g}")


def _audit(challenger: Evidence) -> Check:
    """The dataset as its preprocess stage left it: of this very version, and without open complaints."""
    audit = challenger.audit
    if audit is None:
        return Check("data audit", False, "the run keeps no summary of its dataset")
    if audit["digest"] != challenger.contract["dataset"]:
        return Check("data audit", False, "the summary is of another version of the dataset")
    out, images = audit["quarantined"]["images"], audit["images"]
    kept = {kind: count["images"] - count["quarantined"] for kind, count in audit["findings"].items()}
    spoilt = [f"{kind} {kept[kind]}" for kind in SPOILING if kept.get(kind)]
    counts = f"{images:,} images usable, {out:,} quarantined"
    return Check("data audit", not spoilt, f"{counts}; kept: {', '.join(spoilt)}" if spoilt else counts)
