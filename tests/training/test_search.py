"""The search's course: who is judged on how many photos, and that it ends in time."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frostline.errors import InputError
from frostline.features import extraction
from frostline.features.extraction import Images
from frostline.training import folds, search_heads, search_rounds, search_trunks
from frostline.training.search import Search
from frostline.training.search_limits import Clock, Limits
from frostline.training.search_rounds import Contender, Round, ScoredHead, SearchPhotos
from frostline.training.search_trunks import Trunk
from helpers.search import ENTRY, Fake, photos, trunk


def searched(
    monkeypatch: pytest.MonkeyPatch,
    fakes: dict[str, Any],
    *,
    count: int,
    seconds: float = 1e6,
    **options: Any,
) -> Search:
    """A search among fakes; one that is an error cannot be opened."""

    def opened(wanted: Trunk, **_: Any) -> Any:
        if isinstance(fakes[wanted.weights], Exception):
            raise fakes[wanted.weights]
        return replace(fakes[wanted.weights], trunk=wanted)

    monkeypatch.setattr(search_trunks, "opened", opened)
    found = Search(Clock(time.monotonic() + seconds), Path(), 1, **options)
    found.run([trunk(name) for name in fakes], photos(count))
    return found


def timed(monkeypatch: pytest.MonkeyPatch, fakes: dict[str, Fake], *, seconds: float) -> None:
    """From now on time goes by as images pass the fakes, and by nothing else."""

    def left(_: Clock) -> float:
        return seconds - sum(sum(one.passed) * one.milliseconds / 1000 for one in fakes.values())

    monkeypatch.setattr(Clock, "left", property(left))
    monkeypatch.setattr(Search, "_head_seconds", lambda *_: 0.0)


def test_what_is_clearly_worse_sees_few_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise stays behind after the first round; those that tell go on to all photos."""
    fakes = {name: Fake(trunk(name), apart) for name, apart in (("good", 4.0), ("noise", 0.0), ("fair", 3.5))}
    lines: list[str] = []
    found = searched(monkeypatch, fakes, count=600, tell=lines.append)
    assert [len(one.photos.labels) for one in found.rounds] == [128, 600]
    assert fakes["noise"].passed == [128]
    assert fakes["good"].passed == fakes["fair"].passed
    assert sum(fakes["good"].passed) == 600
    assert {one.trunk.weights for one in found.rounds[-1].candidates} == {"good", "fair"}
    assert "best so far: " in lines[0]
    assert " left" in lines[0]


def test_rounds_see_more_and_more_of_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a round judged is the beginning of what the next one does."""
    found = searched(monkeypatch, {"good": Fake(trunk("good"), 3.0)}, count=1000)
    first, second, *_ = (one.photos.images.ids for one in found.rounds)
    assert list(second[: len(first)]) == list(first)


def test_it_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trunk for which there is no time is left out by an estimate, and the others are judged."""
    fakes = {"quick": Fake(trunk("quick"), 3.0), "slow": Fake(trunk("slow"), 3.0, milliseconds=1e5)}
    search_heads.load()
    start = time.monotonic()
    found = searched(monkeypatch, fakes, count=400, seconds=20)
    assert time.monotonic() - start < 20
    assert fakes["slow"].passed == []
    assert "128 photos" in found.left_out["slow 224"]
    assert {one.trunk.weights for one in found.rounds[-1].candidates} == {"quick"}


def test_fewer_photos_come_before_fewer_trunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many of them as there is time for."""
    fakes = {name: Fake(trunk(name), 3.0, milliseconds=40.0) for name in ("one", "two")}
    timed(monkeypatch, fakes, seconds=60)  # enough for 750 photos each
    found = searched(monkeypatch, fakes, count=1000)
    *_, last = found.rounds
    assert 750 - extraction.BATCH < len(last.photos.labels) <= 750
    assert {one.trunk.weights for one in last.candidates} == {"one", "two"}


class Stopping(Fake):
    """Its time is over in the middle of a call that begins with 128 stored."""

    def rows(self, images: Images, executor: Any) -> np.ndarray:
        new = self.missing(images)
        if len(self.stored) >= 128 and new:
            self.stored.update(new[: len(new) // 2])
            raise search_heads.TimeUpError
        return super().rows(images, executor)


def test_what_passed_when_the_time_was_over_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """All on the photos that passed all of them: the beginning of the round, on the same folds."""
    fakes = {"one": Fake(trunk("one"), 3.0), "two": Stopping(trunk("two"), 3.0)}
    found = searched(monkeypatch, fakes, count=2000)
    first, last = found.rounds
    order = folds.growing(photos(2000).images.ids, photos(2000).labels, photos(2000).groups, seed=1)
    count = len(fakes["two"].stored)
    assert 128 < count < 512
    assert list(last.photos.images.ids) == [photos(2000).images.ids[row] for row in order[:count]]
    assert {one.trunk.weights for one in last.candidates} == {"one", "two"}
    assert {len(one.right) for one in last.candidates} == {count}
    assert list(last.photos.images.ids[:128]) == list(first.photos.images.ids)


def test_few_photos_are_better_than_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single slow trunk is judged on as many of the first photos as pass it."""
    fakes = {"slow": Fake(trunk("slow"), 3.0, milliseconds=200.0)}
    timed(monkeypatch, fakes, seconds=15)  # enough for 75
    found = searched(monkeypatch, fakes, count=400)
    assert [len(one.photos.labels) for one in found.rounds] == [64]
    assert found.left_out == {}


def test_what_is_left_of_the_time_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was left out for want of time is judged at last on the photos of the others, if there is time after all."""
    fakes = {name: Fake(trunk(name), 3.0) for name in ("one", "two")}
    found = searched(monkeypatch, fakes, count=200)
    last = found.rounds[-1]
    alone = tuple(one for one in last.candidates if one.trunk.weights == "one")
    found.rounds[-1] = Round(last.photos, alone, {"two 224": "slow"})
    found.left_out["two 224"] = "slow"
    found._waiting.append(Contender(trunk("two")))
    found._use_what_is_left()
    assert {one.name for one in found.rounds[-1].candidates} == {"one 224", "two 224"}
    assert found.left_out == found.rounds[-1].missing == {}


def test_who_is_left_out_is_said_with_what_the_last_round_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with a middle one's photos, for which the time that was left at the end would do."""
    fakes = {name: Fake(trunk(name), 3.0, milliseconds=1.0) for name in ("a", "b", "c")}
    fakes["slow"] = Fake(trunk("slow"), 3.0, milliseconds=100.0)
    timed(monkeypatch, fakes, seconds=80)  # 38 s more on 512 photos, 187 s on 2,000
    found = searched(monkeypatch, fakes, count=2000)
    assert {one.trunk.weights for one in found.rounds[-1].candidates} == {"a", "b", "c"}
    assert found.left_out["slow 224"].startswith("2,000 photos would take about 3 min")
    assert found.clock.left > 38


def test_a_file_is_timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Described otherwise it takes as long; at a larger size in proportion, where that is too slow anyway."""
    asked: dict[str, float | None] = {}
    other = ENTRY.model_copy(update={"input": ENTRY.input.model_copy(update={"scale": 2.0})})
    trunks = [
        Trunk("one", ENTRY, 160, 160), Trunk("two", other, 160, 160),
        Trunk("large", other, 320, 320), Trunk("huge", other, 640, 640),
    ]  # fmt: skip

    def opened(wanted: Trunk, *, milliseconds: float | None, **_: Any) -> Any:
        asked[wanted.weights] = milliseconds
        return replace(Fake(wanted, 3.0, milliseconds=milliseconds or 10.0), trunk=wanted)

    monkeypatch.setattr(search_trunks, "opened", opened)
    monkeypatch.setattr(Clock, "left", property(lambda _: 100.0))  # half of it: 390 ms per image
    found = Search(Clock(np.inf), Path(), 1)
    found._round([Contender(one) for one in trunks], photos(128), {})
    assert asked["one"] is None
    assert asked["two"] == 10.0
    assert asked["large"] is None
    assert asked["huge"] is None
    monkeypatch.setattr(Clock, "left", property(lambda _: 10.0))
    found = Search(Clock(np.inf), Path(), 1)
    found._round([Contender(one) for one in trunks], photos(128), {})
    assert asked["huge"] == 160.0
    assert "160 ms" in found.left_out["huge 640"]


def test_no_time_for_more_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    """The round that was held decides; nobody is judged twice on its photos, or left out."""

    def seconds(_: Search, __: Contender, some: SearchPhotos) -> float:
        return 0.0 if len(some.labels) <= 128 else 1e9

    monkeypatch.setattr(Search, "_seconds", seconds)
    found = searched(monkeypatch, {name: Fake(trunk(name), 3.0) for name in ("one", "two")}, count=400)
    [only] = found.rounds
    assert len(only.photos.labels) == 128
    judged = [(one.trunk.name, one.kind, one.strength) for one in only.candidates]
    assert {name for name, *_ in judged} == {"one 224", "two 224"}
    assert len(judged) == len(set(judged))
    assert found.left_out == only.missing == {}


def test_no_time_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is judged, and each says why."""
    found = searched(monkeypatch, {"good": Fake(trunk("good"), 3.0)}, count=200, seconds=-1)
    assert found.rounds == []
    assert found.left_out == {"good 224": "no time was left"}


@pytest.mark.parametrize(
    ("limits", "why"),
    [(Limits(megabytes=0.5), "MB"), (Limits(milliseconds=0.001), "ms per image")],
)
def test_limits(monkeypatch: pytest.MonkeyPatch, limits: Limits, why: str) -> None:
    """What costs more is left out before any photo passes it."""
    fakes = {"good": Fake(trunk("good"), 3.0)}
    found = searched(monkeypatch, fakes, count=200, limits=limits)
    assert why in found.left_out["good 224"]
    assert fakes["good"].passed == []


def test_a_trunk_that_cannot_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reason is kept; the others go on."""
    fakes = {"broken": InputError("broken.h5 is missing"), "good": Fake(trunk("good"), 3.0)}
    found = searched(monkeypatch, fakes, count=200)
    assert found.left_out == {"broken 224": "broken.h5 is missing"}
    assert found.rounds


def candidate(name: str, right: np.ndarray, *, end: str = "", milliseconds: float = 1.0) -> ScoredHead:
    """A candidate that is right on these."""
    return ScoredHead(trunk(name), end, 0.1, milliseconds, 1.0, right, 0.5)


def test_the_round_before_decides_where_the_better_one_had_no_time() -> None:
    """Only if it was significantly better there."""
    good, bad, fair = np.arange(200) < 195, np.arange(200) < 150, np.arange(200) < 193
    for other, before in ((bad, True), (fair, False)):
        rounds = [
            Round(photos(200), (candidate("slow", good), candidate("quick", other)), {}),
            Round(photos(400), (candidate("quick", np.ones(400, bool)),), {"slow 224": "too slow"}),
        ]
        assert search_rounds.decided(rounds).candidates == rounds[0 if before else 1].candidates


def test_of_ends_the_better_go_on() -> None:
    """Two of a trunk's four."""
    ends = [
        candidate("net", np.arange(100) < right, end=end)
        for end, right in zip("abcd", (70, 90, 91, 80), strict=True)
    ]
    (one,) = search_rounds.survivors(Round(photos(100), tuple(ends), {}), [Contender(trunk("net"))])
    assert one.ends == ("c", "b")


def test_of_one_file_the_best_description_goes_on() -> None:
    """Others of it cannot be right; the same file at another size is another trunk."""
    other = ENTRY.input.model_copy(update={"scale": 2.0})
    trunks = [
        Trunk("one", ENTRY, 224, 224),
        Trunk("two", ENTRY.model_copy(update={"input": other}), 224, 224),
        Trunk("two", ENTRY.model_copy(update={"input": other}), 160, 160),
    ]
    right = np.arange(500) < 450
    heads = [
        ScoredHead(one, "", 0.1, 1.0, 1.0, right, loss)
        for one, loss in zip(trunks, (0.3, 0.2, 0.4), strict=True)
    ]
    last = Round(photos(500), tuple(heads), {})
    kept = search_rounds.survivors(last, [Contender(one) for one in trunks])
    assert [one.trunk.name for one in kept] == ["two 224", "two 160"]
    # Also where there is but one round, in which a wrong description may look cheaper.
    assert [one.trunk.name for one in search_rounds.decided([last]).candidates] == ["two 224", "two 160"]
    assert search_rounds.misdescribed(last) == {"one 224"}


def test_few_photos_do_not_tell_descriptions_apart() -> None:
    """Those of one file that are not significantly worse go on; the others do not."""
    other = ENTRY.input.model_copy(update={"scale": 2.0})
    third = ENTRY.input.model_copy(update={"scale": 3.0})
    entries = [ENTRY, *(ENTRY.model_copy(update={"input": one}) for one in (other, third))]
    trunks = [
        Trunk(name, entry, 224, 224) for name, entry in zip(("one", "two", "bad"), entries, strict=True)
    ]
    heads = [
        ScoredHead(one, "", 0.1, 1.0, 1.0, np.arange(128) < right, loss)
        for one, right, loss in zip(trunks, (110, 111, 80), (0.3, 0.2, 0.4), strict=True)
    ]
    kept = search_rounds.survivors(Round(photos(128), tuple(heads), {}), [Contender(one) for one in trunks])
    assert [one.trunk.name for one in kept] == ["one 224", "two 224"]


def test_the_cheapest_where_none_had_time_within_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is an answer as long as one trunk can pass the first photos in the time of all."""
    fakes = {
        name: Fake(trunk(name), 3.0, milliseconds=milliseconds)
        for name, milliseconds in (("slow", 150.0), ("quick", 60.0), ("slower", 200.0))
    }
    search_heads.load()
    found = searched(monkeypatch, fakes, count=130, seconds=20)
    assert {one.trunk.weights for one in found.rounds[0].candidates} == {"quick"}
    assert found.left_out.keys() == {"slow 224", "slower 224"}
    assert fakes["slow"].passed == fakes["slower"].passed == []


@pytest.mark.parametrize(
    ("images", "classes", "sizes"),
    [
        (50, 2, [50]),
        (255, 2, [255]),
        (256, 2, [128, 256]),
        (2000, 2, [128, 512, 2000]),
        (2000, 30, [600, 2000]),
    ],
)
def test_sizes(images: int, classes: int, sizes: list[int]) -> None:
    """Few, then four times as many, then all; a few of each class at least."""
    assert search_rounds.sizes(images, classes=classes) == sizes


def test_grown_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundredth more photos: of all trunks about a hundredth as many pass again, of those that stayed behind too."""
    fakes = {name: Fake(trunk(name), apart) for name, apart in (("good", 4.0), ("noise", 0.0), ("fair", 3.8))}
    searched(monkeypatch, fakes, count=1000)
    first = sum(sum(fake.passed) for fake in fakes.values())
    searched(monkeypatch, fakes, count=1010)
    assert first == 2 * 1000 + 128
    assert 20 <= sum(sum(fake.passed) for fake in fakes.values()) - first <= 0.02 * first
