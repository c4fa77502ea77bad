"""The search for the best frozen trunk in a given time: all of them on a few photos, the better half on more.

Successive halving (K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification and hyperparameter
optimization", AISTATS 2016) over images: every image passes a trunk once, and all that is judged above it costs
seconds. Cheap trunks go first, so that there is an answer early; what was extracted stays in the cache.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from frostline.errors import FrostlineError
from frostline.evaluation.statistics import wilson
from frostline.features.extraction import BATCH, Images
from frostline.progress import duration, together
from frostline.training import folds, search_heads, search_rounds, search_trunks
from frostline.training.search_heads import TimeUpError
from frostline.training.search_limits import Clock, LeftOutError, Limits, until_then
from frostline.training.search_rounds import Contender, Round, ScoredHead, SearchPhotos
from frostline.training.search_trunks import OpenTrunk, Trunk

LEAST = 0.35  # of a round's photos: where the time suffices for fewer, a trunk is left out first
SURE = 1.5  # times what passes are estimated to take: a busy machine becomes busier
FEWEST = 5  # photos of a class, on which a single trunk may be judged where there is no time for more
FEW = 2  # trunks: between them the time need not be saved
MANY = 64  # photos whose pass says what one costs
WORTH = 1.3  # times the photos of the round before: fewer more are not worth a round


@dataclass
class Search:
    """A search, and what it has found so far.

    `rounds` of ever more photos; `left_out`: trunks that had no time or broke a limit, with the reason; `passing`:
    seconds in which images passed trunks; `opened`: trunks that were built, by name.
    """

    clock: Clock
    cache: Path
    seed: int
    root: Path = Path()
    limits: Limits = field(default_factory=Limits)
    tell: Callable[[str], None] = lambda _: None
    rounds: list[Round] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    passing: float = 0.0
    opened: dict[str, OpenTrunk] = field(default_factory=dict)
    _waiting: list[Contender] = field(default_factory=list)
    head_seconds: dict[str, float] = field(default_factory=dict)  # seconds for a photo, by trunk

    def run(self, trunks: Sequence[Trunk], photos: SearchPhotos) -> None:
        """Rounds until one has all photos, or the time is over. The trunks stand in the order of their cost."""
        search_heads.load()
        order = folds.growing(photos.images.ids, photos.labels, photos.groups, seed=photos.seed)
        alive = [Contender(trunk) for trunk in trunks]
        missing: dict[str, str] = {}
        for wanted in search_rounds.sizes(len(order), classes=int(photos.labels.max()) + 1):
            some = photos.take(order[:wanted])
            if self.rounds:
                alive, missing = self._affordable(alive, some, whole=wanted == len(order))
                some = self._passed(alive, some)
                if len(some.labels) <= len(self.rounds[-1].photos.labels):
                    break
            found = self._round(alive, some, missing)
            if not found.candidates and not self.rounds and self.opened:
                found = self._cheapest(alive, some)
            if not found.candidates:
                break
            self.rounds.append(found)
            alive = search_rounds.survivors(found, alive)
            if len(found.photos.labels) < wanted:  # the time is over
                break
        if self.rounds:
            self._use_what_is_left()

    def _cheapest(self, alive: Sequence[Contender], photos: SearchPhotos) -> Round:
        """No trunk had time within its share: the cheapest may take that of all, so that there is an answer."""
        one = min(
            (one for one in alive if one.trunk.name in self.opened),
            key=lambda one: self.opened[one.trunk.name].milliseconds,
        )
        passed = self._passed([one], photos)
        if len(passed.labels) < FEWEST * (int(photos.labels.max()) + 1):
            return Round(photos, (), {})
        others = {name: why for name, why in self.left_out.items() if name != one.trunk.name}
        self.left_out.clear()
        return self._round([one], passed, others)

    def _use_what_is_left(self) -> None:
        """Estimates were too careful: who was left out for want of time is judged on the photos of the last round.

        Where nobody could go on, no other round was held, and the last one has judged them all.
        """
        judged = {one.trunk.name for one in self.rounds[-1].candidates}
        for contender in self._waiting:
            last, name = self.rounds[-1], contender.trunk.name
            if name in judged:
                continue
            if (seconds := self._seconds(contender, last.photos)) > self.clock.left:
                self.left_out[name] = _too_long(len(last.photos.labels), seconds)
                continue
            more = self._round([contender], last.photos, {})
            if more.candidates:
                del self.left_out[name]
                missing = {other: why for other, why in last.missing.items() if other != name}
                self.rounds[-1] = Round(last.photos, (*last.candidates, *more.candidates), missing)

    def _affordable(
        self, alive: Sequence[Contender], photos: SearchPhotos, *, whole: bool
    ) -> tuple[list[Contender], dict[str, str]]:
        """Who goes on to these photos, `whole`: to all that there are; and why others do not.

        Where the time does not suffice, fewer photos come before fewer trunks, and of the worse half the slowest goes.
        Before the last round half of the time is kept.
        """
        wanted, going, missing = len(photos.labels), list(alive), dict[str, str]()
        done = len(self.rounds[-1].photos.labels)
        while going:
            last = whole or len(going) <= FEW
            share = LEAST * wanted if len(going) > 1 else 0.0
            least = min(wanted, int(max(share, WORTH * done))) if last else wanted
            some = photos.take(np.arange(least))
            seconds = {one: self._seconds(one, some) for one in going}
            if sum(seconds.values()) <= self.clock.left * (1.0 if last else 0.5):
                break
            ranked = search_rounds.ranked(self.rounds[-1], going)
            slowest = max(ranked[len(ranked) // 2 :], key=seconds.__getitem__)
            going.remove(slowest)
            self._waiting.append(slowest)
            missing[slowest.trunk.name] = _too_long(least, seconds[slowest])
        return [one for one in alive if one in going], missing

    def _passed(self, alive: Sequence[Contender], photos: SearchPhotos) -> SearchPhotos:
        """The photos, from the first, that passed all trunks in the time: what each computed of them is of use.

        They pass in slices, and a slice that could not end in the time is not begun.
        """
        done = len(self.rounds[-1].photos.labels) if self.rounds else 0
        trunks = [self.opened[one.trunk.name] for one in alive]
        todo = sum(len(one.missing(photos.images)) for one in trunks)
        what = ", ".join(one.trunk.name for one in alive) if len(alive) <= FEW else f"{len(alive)} networks"
        if todo:
            about = min(sum(self._seconds(one, photos) for one in alive), self.clock.left)
            self.tell(f"next: {what} on up to {len(photos.labels):,} photos, about {duration(about)}")
        with together(todo, what):
            self._pass_slices(alive, photos, done)
        return photos.take(np.arange(_passed_all(trunks, photos.images)))

    def _pass_slices(self, alive: Sequence[Contender], photos: SearchPhotos, done: int) -> None:
        """Photos after the first `done` pass all trunks, slice by slice, as far as the time allows."""
        while count := self._next_slice(alive, photos, done):
            some, until = photos.take(np.arange(done, count)), photos.take(np.arange(count))
            heads = sum(self._head_seconds(one, until) for one in alive)
            try:
                for one in alive:
                    self._rows(self.opened[one.trunk.name], some, until=self.clock.end - heads)
            except TimeUpError:
                break
            done = count

    def _next_slice(self, alive: Sequence[Contender], photos: SearchPhotos, done: int) -> int:
        """Where the slice ends that begins at `done`: ever smaller ones towards the end of the time; 0 for none."""
        step = len(photos.labels) - done if alive else 0
        while step:
            some = photos.take(np.arange(done + step))
            margin = SURE if step > BATCH else 1.0
            if margin * sum(self._seconds(one, some) for one in alive) <= self.clock.left:
                return done + step
            step = step // 2 // BATCH * BATCH
        return 0

    def _seconds(self, contender: Contender, photos: SearchPhotos) -> float:
        """About what judging a trunk takes, by what it took before; what comes after it takes as long as its heads."""
        one = self.opened[contender.trunk.name]
        passes = len(one.missing(photos.images)) * one.milliseconds / 1000
        return passes + 2 * self._head_seconds(contender, photos)

    def _head_seconds(self, contender: Contender, photos: SearchPhotos) -> float:
        return len(photos.labels) * self.head_seconds.get(contender.trunk.name, 0.0)

    def _round(self, alive: Sequence[Contender], photos: SearchPhotos, missing: dict[str, str]) -> Round:
        candidates, missing = list[ScoredHead](), dict(missing)
        for number, contender in enumerate(alive):
            name = contender.trunk.name
            try:
                # At first each may take half of its share of the time, so that some is left for more photos.
                share = 1.0 if self.rounds else 0.5 / (len(alive) - number)
                found = self._judged(contender, photos, most=share * self.clock.left)
            except LeftOutError as why:
                missing[name] = str(why)
                continue
            candidates += found
            self.tell(self._line(found, candidates, photos))
        self.left_out.update(missing)
        return Round(photos, tuple(candidates), missing)

    def _open_trunk(self, trunk: Trunk, *, enough: float) -> OpenTrunk:
        """A trunk, built once, that keeps the limits; one that takes `enough` milliseconds per image is not timed."""
        if trunk.name not in self.opened:
            if self.clock.left <= 0:
                raise LeftOutError("no time was left")
            try:
                one = search_trunks.opened(
                    trunk, cache=self.cache, seed=self.seed, root=self.root,
                    milliseconds=self._guessed(trunk, enough=enough),
                )  # fmt: skip
            except FrostlineError as error:
                raise LeftOutError(str(error)) from None
            if why := self.limits.broken(one):
                raise LeftOutError(why)
            self.opened[trunk.name] = one
        return self.opened[trunk.name]

    def _guessed(self, trunk: Trunk, *, enough: float) -> float | None:
        """What an image takes, by the same file at another description or size; None where it has to be timed.

        In proportion to the pixels, which is not exact: of other sizes only where it is more than `enough`.
        """
        for other in self.opened.values():
            ratio = trunk.height * trunk.width / (other.trunk.height * other.trunk.width)
            if trunk.file == other.trunk.file and (ratio == 1 or other.milliseconds * ratio > enough):
                return other.milliseconds * ratio
        return None

    def _judged(self, contender: Contender, photos: SearchPhotos, *, most: float) -> list[ScoredHead]:
        """The candidates of a trunk; LeftOutError where it would take more seconds than `most`."""
        count = len(photos.labels)
        one = self._open_trunk(contender.trunk, enough=1000 * most / count)
        needed = len(one.missing(photos.images)) * one.milliseconds / 1000
        if needed > most:
            raise LeftOutError(
                f"one image takes {one.milliseconds:.0f} ms, {count:,} photos about {duration(needed)}"
            )
        heads = self._head_seconds(contender, photos)
        try:
            rows = self._rows(one, photos, until=self.clock.end - heads)
        except TimeUpError:
            raise LeftOutError(f"the time was over before {count:,} photos had passed it") from None
        start, one = time.monotonic(), self.opened[contender.trunk.name]
        ends = [end for end in one.ends if contender.ends is None or end.layer in contender.ends]
        found = [candidate for end in ends for candidate in search_rounds.candidates(one, end, rows, photos)]
        self.head_seconds[contender.trunk.name] = (time.monotonic() - start) / count
        return found

    def _rows(self, one: OpenTrunk, photos: SearchPhotos, *, until: float) -> npt.NDArray[np.float32]:
        """(N, D) of a trunk; TimeUpError where its passes are not over by then, of which nothing is lost."""
        todo, start = len(one.missing(photos.images)), time.monotonic()
        try:
            with together(todo, one.trunk.name):
                rows = one.rows(photos.images, until_then(until))
        finally:
            passed = time.monotonic() - start if todo else 0.0
            self.passing += passed
        if todo >= MANY:  # as quick as it was ever seen: what else the machine did is no cost of the trunk's
            self.opened[one.trunk.name] = self.opened[one.trunk.name].faster(1000 * passed / todo)
        return rows

    def _line(self, found: Sequence[ScoredHead], so_far: Sequence[ScoredHead], photos: SearchPhotos) -> str:
        own, best = (max(some, key=lambda one: one.right.mean()) for some in (found, so_far))
        return (
            f"{own.name}: {own.right.mean():.1%} of {len(photos.labels):,} photos, {own.milliseconds:.1f} ms per "
            f"image; best so far: {best.name} {_shown(best)}; {duration(max(0.0, self.clock.left))} left"
        )


def _too_long(photos: int, seconds: float) -> str:
    return f"{photos:,} photos would take about {duration(seconds)} more"


def _passed_all(trunks: Sequence[OpenTrunk], images: Images) -> int:
    """How many images, from the first, no trunk misses."""
    missing = set[str]().union(*(one.missing(images) for one in trunks))
    places = (place for place, id_ in enumerate(images.ids) if id_ in missing)
    return next(places, len(images.ids)) if trunks else 0


def _shown(one: ScoredHead) -> str:
    ends = wilson(int(one.right.sum()), len(one.right))
    return f"{one.right.mean():.1%} ({ends.low:.1%} to {ends.high:.1%})"
