"""The short measurement: what is chosen, that it ends, that it is remembered for this machine and model only."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from frostline.runtime.sessions import Session, open_session
from frostline.scoring import tuning
from helpers.models import model
from helpers.remarks import flip


@pytest.mark.parametrize(
    ("rates", "best"),
    [
        ([(8, 100.0)], 8),
        ([(8, 100.0), (16, 102.0), (32, 102.5)], 8),
        ([(8, 100.0), (16, 110.0), (32, 111.0)], 16),
        ([(8, 100.0), (16, 90.0), (32, 120.0)], 32),
    ],
)
def test_a_larger_batch_must_be_worth_it(rates: list[tuple[int, float]], best: int) -> None:
    """The fastest, where a few hundredths do not count."""
    assert tuning.choose(iter(rates)).batch_size == best


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A small model on the CPU, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return open_session(model(), device="cpu")


def test_a_measurement_is_remembered(session: Session) -> None:
    """The second job of the model here measures nothing; another model, or a damaged file, measures anew."""
    first, now = tuning.tuned(session)
    assert now
    assert tuning.tuned(session) == (first, False)
    assert tuning.tuned(open_session(model(scale=0.06), device="cpu"))[1]
    assert tuning.tuned(open_session(model(), device="cpu", threads=1))[1]
    for text in ("{}", '{"batch_size": 16, "rate": 9.5, "measured": {}}'):  # nothing; an older version's
        for path in tuning.cache().iterdir():
            path.write_text(text)
        assert tuning.tuned(session)[1]


def test_a_flipped_bit_is_measured_anew(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another size is never taken for the one that was measured."""
    monkeypatch.setattr(tuning, "SECONDS", 0)
    first, _ = tuning.tuned(session)
    (path,) = tuning.cache().iterdir()
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        flip(path, place, bit=place % 7)
        best, now = tuning.tuned(session)
        assert now or best == first
        path.write_bytes(whole)


@pytest.mark.parametrize(
    ("seconds", "sizes"),
    [
        (0.001, [4, 8, 16, 32] * 3),
        (0.02, [4, 8, 16, 32] * 2 + [4, 8, 16]),
        (0.06, [4, 8, 16, 4, 8]),
        (0.2, [4, 8]),
        (1.0, [4]),
        (9.0, [4]),
    ],
)
def test_a_slow_network_is_not_measured_for_long(
    session: Session, monkeypatch: pytest.MonkeyPatch, seconds: float, sizes: list[int]
) -> None:
    """Larger batches and further rounds are left out where they would take the time that is set."""
    now = [0.0]

    def run(_: Session, batch: np.ndarray) -> None:
        now[0] += seconds * len(batch)

    monkeypatch.setattr(Session, "run", run)
    found = [size for size, _ in tuning._measured(session, (4, 8, 16, 32), clock=lambda: now[0])]
    assert found == sizes
    assert now[0] <= max(tuning.SECONDS, 8 * seconds)


def test_a_session_is_settled_on_the_size_that_is_measured(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the job will be on the best one: what a device gains by it is in the rate."""
    seen: list[tuple[str, int]] = []
    run = Session.run
    monkeypatch.setattr(Session, "bind", lambda _, size: seen.append(("bind", size)))
    monkeypatch.setattr(
        Session, "run", lambda one, batch: (seen.append(("run", len(batch))), run(one, batch))[1]
    )
    list(itertools.islice(tuning._measured(session, (2, 3), clock=lambda: 0.0), 3))
    assert seen == [each for size in (2, 3, 2) for each in [("bind", size), ("run", size), ("run", size)]]


def test_what_else_runs_does_not_decide() -> None:
    """A size counts by its best round."""
    rounds = [(4, 50.0), (8, 100.0), (16, 40.0), (4, 99.0), (8, 30.0), (16, 60.0)]
    found = tuning.choose(iter(rounds))
    assert (found.batch_size, found.rate) == (4, 99.0)
    assert found.measured == {"4": 99.0, "8": 100.0, "16": 60.0}


def test_batches_are_of_the_model_s_shape(session: Session) -> None:
    """Every size that is tried runs."""
    rates = dict(tuning._measured(session, (2, 4), clock=lambda: 0.0))
    assert list(rates) == [2, 4]
    assert np.isfinite(list(rates.values())).all()


def test_a_measurement_that_cannot_be_kept(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, say: the job goes on with what was measured, and the next one measures anew."""
    monkeypatch.setattr(tuning, "cache", lambda: Path("/proc/none"))
    assert tuning.tuned(session)[1]
    assert tuning.tuned(session)[1]
