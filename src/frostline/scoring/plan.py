"""A score job before its work: what it reads, which network answers where, what its rows depend on."""

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frostline.errors import InputError
from frostline.features.executor import Item
from frostline.runtime.foreign_models import Foreign
from frostline.runtime.parts import Head, open_head, open_trunk
from frostline.runtime.sessions import Session, open_session
from frostline.scoring import tuning
from frostline.scoring.local import Source
from frostline.scoring.options import Options
from frostline.scoring.tuning import Tuned

GPU_BATCH = 128  # of GPUs that are elsewhere


@dataclass(frozen=True)
class Plan:
    """One source to be scored by one model into one output; `items` are the source's, from the first on.

    `session` is the network; where features are kept it is the head alone, and `head` says of which trunk.
    `foreign` describes a model of other origin.
    """

    source: Source
    items: Iterator[Item]
    model: Path
    session: Session
    out: Path
    options: Options
    head: Head | None = None
    foreign: Foreign | None = None

    @functools.cached_property  # as it was when the job began
    def identity(self) -> dict[str, Any]:
        """All that decides the output's rows: only a job with the same may go on with another's shards."""
        return {
            "source": self.source.state(),
            "model": self.session.sha256,
            "precision": self.session.precision,
            **self.options.rows,
        }


@dataclass(frozen=True)
class Pace:
    """Images at once; how fast the network alone was with them, None where nobody measured; whether just now."""

    batch_size: int
    tuned: Tuned | None = None
    now: bool = False


def make(  # noqa: PLR0913  # what a job is made of
    source: Source,
    model: Path,
    described: Foreign | None,
    *,
    out: Path,
    options: Options,
    here: Options | None = None,
) -> Plan:
    """Open the network as `here` wants it, else as the options do.

    InputError where the source has no image.
    """
    items = _some(source)
    if options.keep_features:
        if described:
            raise InputError(
                "--keep-features: a model of other origin has no trunk; leave out one of the two"
            )
        precision = "float32" if options.precision == "auto" else options.precision
        head = open_head(model, precision=precision, threads=options.threads)
        return Plan(source, items, model, head.session, out, options, head)
    opening = here or options
    session = open_session(
        model,
        device=opening.device,
        precision=opening.precision,
        threads=opening.threads,
        features=opening.features,
        parallel=True,
        foreign=described,
    )
    if options.drift:
        session.give_features()
    return Plan(source, items, model, session, out, options, foreign=described)


def trunk(head: Head, options: Options) -> Session:
    """The trunk below a head, opened as the options want it."""
    return open_trunk(head, device=options.device, threads=options.threads)


def pace(session: Session, options: Options, *, gpus: bool = False) -> Pace:
    """A batch size as given, or as measured; the session is settled on it.

    For `gpus` of other machines nothing can be measured here.
    """
    if gpus:
        return Pace(options.batch_size or GPU_BATCH)
    if options.batch_size is not None:
        found = Pace(options.batch_size)
    else:
        best, now = tuning.tuned(session)
        found = Pace(best.batch_size, best, now)
    session.bind(found.batch_size)
    return found


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
