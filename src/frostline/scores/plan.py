"""A score job before its work: what it reads, which network answers where, what its rows depend on."""

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frostline.engine.work import Item
from frostline.errors import InputError
from frostline.onnx.foreign import Foreign
from frostline.onnx.sessions import Session, open_session
from frostline.scores import tuning
from frostline.scores.local import Source
from frostline.scores.options import Options
from frostline.scores.tuning import Tuned


@dataclass(frozen=True)
class Plan:
    """One source to be scored by one model into one output; `items` are the source's, from the first on."""

    source: Source
    items: Iterator[Item]
    model: Path
    session: Session
    out: Path
    options: Options

    @functools.cached_property  # as it was when the job began
    def identity(self) -> dict[str, Any]:
        """All that decides the output's rows: only a job with the same may go on with another's shards."""
        return {
            "source": self.source.state(),
            "model": self.session.sha256,
            "precision": self.session.precision,
            **self.options.rows,
        }


def make(source: Source, model: Path, described: Foreign | None, *, out: Path, options: Options) -> Plan:
    """Open the network as the options want it; InputError where the source has no image."""
    items = _some(source)
    session = open_session(
        model,
        device=options.device,
        precision=options.precision,
        threads=options.threads,
        features=options.features,
        foreign=described,
    )
    return Plan(source, items, model, session, out, options)


def pace(plan: Plan) -> tuple[int, Tuned | None, bool]:
    """Images at once; how that was measured, None where it was given; whether it was measured just now."""
    given = plan.options.batch_size
    found, now = (None, False) if given is not None else tuning.tuned(plan.session)
    size = found.batch_size if found else given or 1
    plan.session.bind(size)
    return size, found, now


def _some(source: Source) -> Iterator[Item]:
    """The source's items; InputError where there is none."""
    items = source.items()
    first = next(items, None)
    if first is None:
        raise InputError(
            f"no images in {source.where}{passed_over(source.others)}; name a folder that has some"
        )
    return itertools.chain([first], items)


def passed_over(others: int | None) -> str:
    """What to say of files that are no images."""
    return f", {others} other files skipped" if others else ""
