"""The short measurement: what is chosen, that it ends, that it is remembered for this machine and model only."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from frostline.onnx.sessions import Session, open_session
from frostline.scores import tuning
from making_models import model


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
    for path in tuning.cache().iterdir():
        path.write_text("{}")
    assert tuning.tuned(session)[1]


@pytest.mark.parametrize(("seconds", "sizes"), [(0.01, [4, 8, 16, 32]), (1.0, [4]), (0.2, [4, 8])])
def test_a_slow_network_is_not_measured_for_long(session: Session, seconds: float, sizes: list[int]) -> None:
    """Larger batches are left out where they would take the time that is set."""
    ticks = clock(seconds)
    found = [size for size, _ in tuning._measured(session, (4, 8, 16, 32), clock=lambda: next(ticks))]
    assert found == sizes


def clock(seconds: float) -> Iterator[float]:
    """Times at which each look finds a run of so long an image gone by, as if images took that long."""
    now, size = 0.0, 4
    yield now
    while True:
        now += seconds * size  # the run that warms up
        yield now
        now += seconds * size
        yield now
        size *= 2


def test_batches_are_of_the_model_s_shape(session: Session) -> None:
    """Every size that is tried runs."""
    rates = dict(tuning._measured(session, (2, 4), clock=lambda: 0.0))
    assert list(rates) == [2, 4]
    assert np.isfinite(list(rates.values())).all()
