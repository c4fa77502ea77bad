"""A score job on a Ray cluster: the network for its actors, and which of them did how much."""

import contextlib
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from frostline.errors import FrostlineError
from frostline.features import ray_cluster, ray_stream
from frostline.features.executor import Block, Decode, Item, Measure
from frostline.features.ray_actors import Actor
from frostline.features.ray_cluster import ActorPool, Cluster
from frostline.progress import note
from frostline.runtime.contract import FEATURES
from frostline.runtime.foreign_models import ForeignModel
from frostline.runtime.sessions import Session, open_session
from frostline.scoring.plan import Options, Plan

SHOWN = 8  # actors
_GPU = ("auto", "cuda", "tensorrt")


@dataclass
class LazySession:
    """A session that opens where it is first called: what is needed for it travels, an open one does not."""

    content: bytes = field(repr=False)
    device: str
    precision: str
    threads: int | None
    features: bool
    foreign: ForeignModel | None
    batch_size: int
    _session: Session | None = field(default=None, repr=False)

    def __call__(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        """As `Session.run`; the errors of `open_session` at the first call."""
        if self._session is None:
            self._session = self._open()
        return self._session.run(batch)

    @property
    def about(self) -> dict[str, str]:
        """Where it runs, as the job file tells it; nothing before the first call."""
        if self._session is None:
            return {}
        session = self._session
        return {
            "asked": session.asked, "used": session.provider, "engine": session.engine, "why": session.why,
            "proof": session.proof, "device": session.device, "precision": session.precision,
        }  # fmt: skip

    def _open(self) -> Session:
        session = open_session(
            self.content,
            device=self.device,
            precision=self.precision,
            threads=self.threads,
            features=self.features,
            foreign=self.foreign,
        )
        session.bind(self.batch_size)
        self.content = b""
        return session


@dataclass
class RayWorkers:
    """A joined cluster with its pool of actors, and how many images each of them has finished."""

    cluster: Cluster
    pool: ActorPool
    finished: Counter[tuple[int, str]] = field(default_factory=Counter)  # by process and machine
    about: dict[tuple[int, str], dict[str, str]] = field(default_factory=dict)

    def blocks(
        self,
        plan: Plan,
        items: Iterator[Item],
        *,
        decode: Decode,
        batch_size: int,
        measure: Measure | None = None,
    ) -> Generator[Block, None, None]:
        """Blocks of the items, as the local engine gives them."""
        return ray_stream.stream(
            items,
            decode=decode,
            network=_lazy_session(plan, batch_size, threads=None if self.pool.gpus else self.pool.cpus),
            batch_size=batch_size,
            pool=self.pool,
            readers=plan.source.readers,
            measure=measure,
            on_block=self._count,
        )

    def _count(self, actor: Actor, rows: int) -> None:
        who = (actor.process, actor.host)
        self.finished[who] += rows
        if actor.about and who not in self.about:
            self.about[who] = about = dict(actor.about)
            note(f"{_named(*who)} runs on {about['used']} in {about['precision']}")

    @property
    def where(self) -> str:
        """The provider of the actors, or several."""
        return ", ".join(sorted({about["used"] for about in self.about.values()})) or "no network"

    def text(self) -> str:
        """Which processes did how much, in one line."""
        done = [f"{_named(*who)}: {count} images" for who, count in self.finished.most_common(SHOWN)]
        more = f" and {len(self.finished) - SHOWN} more" if len(self.finished) > SHOWN else ""
        return f"{len(self.finished)} Ray actors ({'; '.join(done)}{more})"

    def values(self) -> dict[str, Any]:
        """What the job file says of it."""
        workers = [
            {"process": who[0], "host": who[1], "images": count, "provider": self.about.get(who)}
            for who, count in self.finished.items()
        ]
        return {
            "name": "ray",
            "address": self.cluster.address or None,
            "machines": len(self.cluster.nodes),
            "actors": self.pool.size,
            "workers": workers,
        }


@contextlib.contextmanager
def join(options: Options) -> Iterator[RayWorkers | None]:
    """The cluster that the options name, for as long as the block lasts; None where they name this process."""
    if options.engine == "local":
        yield None
        return
    with ray_cluster.join(options.ray_address) as joined:
        pool = joined.pool(threads=options.threads or 1, gpu=options.device in _GPU)
        if options.device in {"cuda", "tensorrt"} and not pool.gpus:
            raise FrostlineError(f"--device {options.device}: the Ray cluster has no GPU; use --device auto")
        yield RayWorkers(joined, pool)


def _lazy_session(plan: Plan, batch_size: int, *, threads: int | None) -> LazySession:
    return LazySession(
        content=plan.session.content,
        device=plan.options.device,
        precision=plan.session.precision,
        threads=threads,
        features=plan.options.features or FEATURES in plan.session.outputs,
        foreign=plan.foreign,
        batch_size=batch_size,
    )


def _named(process: int, host: str) -> str:
    return f"process {process} on {host}"
