"""The fastest batch size: measured for a few seconds, once per machine and model."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from frostline import checksums, files, system
from frostline.errors import FrostlineError
from frostline.runtime.openvino import processor
from frostline.runtime.sessions import Session

GPU_BATCH = 128  # for GPUs of other machines, where nothing can be measured from here
CPU_BATCHES, GPU_BATCHES = (4, 8, 16, 32), (32, 64, 128, 256)
SECONDS = 6.0  # for all measurements together
ROUNDS = 3
GAIN = 1.03  # a larger batch must be worth its memory and its wait


@dataclass(frozen=True)
class TunedBatch:
    """A batch size, the images per second that the network alone reached with it, all that was measured."""

    batch_size: int
    rate: float
    measured: dict[str, float]


@dataclass(frozen=True)
class BatchSize:
    """Images per batch; what was measured (None where the size was given), and whether just now."""

    size: int
    tuned: TunedBatch | None = None
    now: bool = False

    def text(self, *, streams: int) -> str:
        """`autotuned batch size 4, …` as one line; "" where nothing was measured."""
        if self.tuned is None:
            return ""
        per_stream = f" in each of {streams} streams" if streams > 1 else ""
        when = "measured now" if self.now else "measured earlier"
        return f"autotuned batch size {self.size}{per_stream}: {self.tuned.rate:g} images/s, network alone ({when})"


def batch(session: Session, batch_size: int | None, *, remote_gpus: bool = False) -> BatchSize:
    """The batch size that was given, or the best that is measured; the session is bound to it.

    For GPUs of other machines nothing is measured or bound here.
    """
    if remote_gpus:
        return BatchSize(batch_size or GPU_BATCH)
    if batch_size is not None:
        chosen = BatchSize(batch_size)
    else:
        best, now = tuned(session)
        chosen = BatchSize(best.batch_size, best, now)
    session.bind(chosen.size)
    return chosen


def tuned(session: Session) -> tuple[TunedBatch, bool]:
    """The best batch size for a session, and whether it was measured just now or earlier.

    Rows do not depend on it beyond the precision's tolerance; speed does.
    """
    path = cache() / f"{files.digest(_key(session))[:32]}.json"
    if (known := _remembered(path)) is not None:
        return known, False
    sizes = CPU_BATCHES if session.device == "cpu" else GPU_BATCHES
    best = choose(_measured(session, sizes, clock=time.perf_counter))
    with contextlib.suppress(FrostlineError):  # where it cannot be kept, the next job measures anew
        checksums.write_sealed_json(path, asdict(best))
    return best, True


def cache() -> Path:
    """Where measurements of this user's machines are kept; safe to delete."""
    return system.user_cache() / "tuning"


def _key(session: Session) -> dict[str, Any]:
    """All that decides speed: the machine, the model, where and how it runs."""
    return {
        "processor": processor(),
        "processors": system.processors(),
        "engine": session.engine,
        "model": session.sha256,
        "device": session.device,
        "provider": session.provider,
        "precision": session.precision,
        "threads": session.threads,
        "streams": session.streams,
        "features": "features" in session.outputs,
    }


def _remembered(path: Path) -> TunedBatch | None:
    """What was measured earlier; None where that is damaged, or an older version wrote it."""
    try:
        return TunedBatch(**(checksums.read_sealed_json(path) or {}))
    except TypeError:
        return None


def _measured(
    session: Session, sizes: tuple[int, ...], *, clock: Callable[[], float]
) -> Iterator[tuple[int, float]]:
    """(size, images per second), smallest size first, then all once more, up to ROUNDS, as long as time is left.

    As many batches at once as the session takes, on a CPU settled on that size.
    """
    shape = (session.contract.height, session.contract.width, 3)
    spent: dict[int, float] = {}
    start = clock()
    with ThreadPoolExecutor(session.streams) as threads:

        def run(batch: np.ndarray) -> float:
            started = clock()
            list(threads.map(session.run, [batch] * session.streams))
            return max(clock() - started, 1e-9)

        def rate(size: int) -> float:
            started = clock()
            # Not zeros: sparse inputs may be faster than photos.
            batch = np.random.default_rng(size).integers(0, 256, (size, *shape), np.uint8)
            if session.device == "cpu":
                session.bind(size)
            run(batch)  # warms up
            images_per_second = size * session.streams / run(batch)
            spent[size] = clock() - started
            return images_per_second

        for size in sizes:
            yield size, rate(size)
            # Twice the images come next.
            if clock() - start + 2 * spent[size] > SECONDS:
                break
        for size in list(spent) * (ROUNDS - 1):
            if clock() - start + spent[size] > SECONDS:
                return
            yield size, rate(size)


def choose(measured: Iterable[tuple[int, float]]) -> TunedBatch:
    """The fastest size at its best, where a larger one must be GAIN times as fast to be taken for it.

    At its best: what else runs on a machine only ever takes from it.
    """
    rates: dict[int, float] = {}
    for size, rate in measured:
        rates[size] = max(rate, rates.get(size, 0))
    best = min(rates)
    for size, rate in sorted(rates.items()):
        if rate > GAIN * rates[best]:
            best = size
    return TunedBatch(
        best, round(rates[best], 1), {str(size): round(rate, 1) for size, rate in rates.items()}
    )
