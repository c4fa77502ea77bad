"""Rounds of a search: what is judged on which photos, who goes on, and which round decides."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from frostline.evaluation import paired_tests
from frostline.evaluation.selection import Judged
from frostline.features.extraction import Images
from frostline.training import folds, search_heads
from frostline.training.search_trunks import End, OpenTrunk, Trunk

TELLING = 400  # photos whose losses tell descriptions of one file apart
FIRST, OF_EACH, GROWTH = (
    128,
    20,
    4,
)  # images of the first round, at least so many of a class; the next have more
FOLDS = 5
SIGNIFICANT = 0.05
KEPT_ENDS = 2


@dataclass(frozen=True, eq=False)
class Contender:
    """A trunk that is still in the search, and the ends of it that are; None: all."""

    trunk: Trunk
    ends: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class SearchPhotos:
    """The N images that may be looked at: never those of the test split. `groups` as in `selection.Judged`."""

    images: Images
    labels: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int64]
    seed: int

    def take(self, rows: npt.NDArray[np.int64]) -> "SearchPhotos":
        """Some of them; groups are numbered anew."""
        some = replace(
            self.images,
            paths=[self.images.paths[row] for row in rows],
            ids=[self.images.ids[row] for row in rows],
        )
        _, groups = np.unique(self.groups[rows], return_inverse=True)
        return SearchPhotos(some, self.labels[rows], groups, self.seed)


@dataclass(frozen=True, eq=False)
class ScoredHead:
    """A trunk, the layer it ends at ("": the last), and a kind of head with its strength, on the photos of a round.

    `milliseconds` per image on this machine; `right` (N,) and `loss` as in `search_heads.HeadResult`.
    """

    trunk: Trunk
    end: str
    strength: float
    milliseconds: float
    megabytes: float
    right: npt.NDArray[np.bool_]
    loss: float
    kind: str = search_heads.LINEAR

    @property
    def name(self) -> str:
        """As tables show it."""
        return f"{self.trunk.name}{f' to {self.end}' if self.end else ''}"


@dataclass(frozen=True, eq=False)
class Round:
    """What was judged on the same photos; `missing` names trunks for which no time was left, with the reason."""

    photos: SearchPhotos
    candidates: tuple[ScoredHead, ...]
    missing: dict[str, str]

    def judged(self) -> Judged:
        """As arrays; of milliseconds two digits, for the third is noise."""
        return Judged(
            right=np.stack([one.right for one in self.candidates], axis=1),
            loss=np.array([one.loss for one in self.candidates]),
            cost=np.array([float(f"{one.milliseconds:.1e}") for one in self.candidates]),
            groups=self.photos.groups,
        )


def drawn(photos: SearchPhotos) -> npt.NDArray[np.int64]:
    """(N,) the fold of each photo."""
    return folds.draw(photos.images.ids, photos.labels, photos.groups, folds=FOLDS, seed=photos.seed)


def candidates(  # noqa: PLR0913  # a network, photos, and how
    one: OpenTrunk,
    end: End,
    rows: npt.NDArray[np.float32],
    photos: SearchPhotos,
    kind: str = search_heads.LINEAR,
    until: float = np.inf,
) -> Iterator[ScoredHead]:
    """A trunk up to one of its ends, with each strength of a kind of head; `rows` are (N, D) of all ends."""
    found = search_heads.judge(
        rows[:, end.columns], photos.labels, drawn(photos), kind=kind, seed=photos.seed, until=until
    )
    for result in found:
        yield ScoredHead(
            trunk=one.trunk,
            end=end.layer,
            strength=result.strength,
            milliseconds=one.milliseconds * end.share,
            megabytes=one.megabytes,
            right=result.right,
            loss=result.loss,
            kind=kind,
        )


def sizes(images: int, *, classes: int) -> list[int]:
    """How many images each round has: few, then ever more, then all; a step that is hardly one is left out."""
    count, found = max(FIRST, OF_EACH * classes), list[int]()
    while GROWTH * count <= 2 * images:
        found.append(count)
        count *= GROWTH
    return [*found, images]


def ranked(last: Round, alive: Sequence[Contender]) -> list[Contender]:
    """Those that were judged in a round, the most accurate first, of equals the cheaper."""
    best = {name: _best(some) for name, some in _by_trunk(last).items()}
    judged = [one for one in alive if one.trunk.name in best]
    return sorted(
        judged, key=lambda one: (-best[one.trunk.name].right.mean(), best[one.trunk.name].milliseconds)
    )


def survivors(last: Round, alive: Sequence[Contender]) -> list[Contender]:
    """Who goes on: trunks that are not significantly worse than the best, each up to its better ends.

    Of one file described in several ways that of the lowest loss, for only one description can be right; in a round of
    few photos, whose losses do not tell them apart, all that are not significantly worse.
    """
    by_trunk, best = _by_trunk(last), _best(last.candidates)
    out = misdescribed(last) if len(last.photos.labels) >= TELLING else set[str]()
    return [
        Contender(contender.trunk, _good_ends(by_trunk[contender.trunk.name]))
        for contender in alive
        if contender.trunk.name in by_trunk.keys() - out
        and not _worse(_best(by_trunk[contender.trunk.name]), best)
    ]


def misdescribed(last: Round) -> set[str]:
    """Names of trunks whose file, at the same size, has a lower loss with another description of its input."""
    fitting: dict[str, str] = {}
    for one in sorted(last.candidates, key=lambda one: one.loss):
        fitting.setdefault(one.trunk.undescribed, one.trunk.name)
    return {one.trunk.name for one in last.candidates} - set(fitting.values())


def leading(last: Round, *, most: int) -> list[ScoredHead]:
    """The best candidate of each of up to so many networks (a trunk up to an end) that is not worse than the best."""
    best = _best(last.candidates)
    by_name: dict[str, ScoredHead] = {}
    for one in sorted(last.candidates, key=lambda one: (-one.right.mean(), one.milliseconds, one.loss)):
        by_name.setdefault(one.name, one)
    return [one for one in by_name.values() if one is best or not _worse(one, best)][:most]


def decided(rounds: Sequence[Round]) -> Round:
    """The last round, in which the choice is made; the one before where the time did not suffice for a trunk that was
    significantly better there than all that went on. Without files that fit another description better."""
    found = _decided(rounds)
    out = misdescribed(found)
    return replace(found, candidates=tuple(one for one in found.candidates if one.trunk.name not in out))


def _decided(rounds: Sequence[Round]) -> Round:
    *before, last = rounds
    if before and last.missing:
        went_on = {one.trunk.name for one in last.candidates}
        best = _best(before[-1].candidates)
        others = [one for one in before[-1].candidates if one.trunk.name in went_on]
        if best.trunk.name in last.missing and _worse(_best(others), best):
            return before[-1]
    return last


def _by_trunk(last: Round) -> dict[str, list[ScoredHead]]:
    found: dict[str, list[ScoredHead]] = {}
    for one in last.candidates:
        found.setdefault(one.trunk.name, []).append(one)
    return found


def _best(some: Sequence[ScoredHead]) -> ScoredHead:
    return min(some, key=lambda one: (-one.right.mean(), one.milliseconds, one.loss))


def _worse(one: ScoredHead, best: ScoredHead) -> bool:
    """Significantly, on the same images."""
    return (
        one.right.mean() < best.right.mean() and paired_tests.mcnemar(one.right, best.right).p < SIGNIFICANT
    )


def _good_ends(some: Sequence[ScoredHead]) -> tuple[str, ...]:
    best = {end: _best([one for one in some if one.end == end]) for end in {one.end for one in some}}
    ranked = sorted(best.values(), key=lambda one: (-one.right.mean(), one.milliseconds))
    return tuple(one.end for one in ranked[:KEPT_ENDS])
