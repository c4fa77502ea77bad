"""A plan's network for the actors of a cluster, and who worked on it."""

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from frostline.errors import FrostlineError
from frostline.features import ray_cluster
from frostline.features.executor import Block, Decode, Measure
from frostline.features.ray_actors import Actor
from frostline.features.ray_cluster import Cluster, Pool
from frostline.runtime import providers
from frostline.runtime.contract import FEATURES
from frostline.runtime.foreign_models import Foreign
from frostline.runtime.sessions import Session, open_session
from frostline.scoring.options import Options
from frostline.scoring.plan import Plan

SHOWN = 8  # actors
_GPU = ("auto", "cuda", "tensorrt")


@dataclass
class Opening:
    """A network that opens where it is first called: what is needed for it travels, an open session does not."""

    content: bytes = field(repr=False)
    device: str
    precision: str
    threads: int | None
    features: bool
    foreign: Foreign | None
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
        said = self._session
        return {
            "asked": said.asked, "used": said.provider, "why": said.why, "proof": said.proof,
            "device": said.device, "precision": said.precision,
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
class Elsewhere:
    """A joined cluster with its pool of actors, and how many images each of them has finished."""

    cluster: Cluster
    pool: Pool
    finished: Counter[tuple[int, str]] = field(default_factory=Counter)  # by process and machine
    about: dict[tuple[int, str], dict[str, str]] = field(default_factory=dict)

    def blocks(
        self, plan: Plan, *, decode: Decode, batch_size: int, measure: Measure | None = None
    ) -> Generator[Block, None, None]:
        """Blocks of the plan's items, as the local engine gives them."""
        return ray_cluster.stream(
            plan.items,
            decode=decode,
            network=_opening(plan, batch_size, threads=None if self.pool.gpus else self.pool.cpus),
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
            self.about[who] = said = dict(actor.about)
            print(f"{_named(*who)} runs on {said['used']} in {said['precision']}", flush=True)

    @property
    def where(self) -> str:
        """The provider of the actors, or several."""
        return ", ".join(sorted({each["used"] for each in self.about.values()})) or "no network"

    @property
    def told(self) -> str:
        """Which processes did how much, in one line."""
        done = [f"{_named(*who)}: {count} images" for who, count in self.finished.most_common(SHOWN)]
        more = f" and {len(self.finished) - SHOWN} more" if len(self.finished) > SHOWN else ""
        return f"by {len(self.finished)} actors of Ray ({'; '.join(done)}{more})"

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


def here(options: Options) -> Options:
    """How this process opens the network: as it is asked to, or, where others work, for the contract and a batch
    size alone, on no GPU, which is an actor's. InputError where a GPU asked for does not compute in the precision.
    """
    if options.engine == "local":
        return options
    device = options.device
    if device in {"cuda", "tensorrt"}:
        providers.require_precision(device, "float32" if options.precision == "auto" else options.precision)
        device = "cpu"
    elif device == "auto" and options.precision != "bfloat16" and providers.gpus():
        device = "cpu"
    return dataclasses.replace(options, device=device, threads=options.threads or 1)


@contextlib.contextmanager
def join(options: Options) -> Iterator[Elsewhere | None]:
    """The cluster that the options name, for as long as the block lasts; None where they name this process."""
    if options.engine == "local":
        yield None
        return
    with ray_cluster.join(options.ray_address) as joined:
        pool = joined.pool(threads=options.threads or 1, gpu=options.device in _GPU)
        if options.device in {"cuda", "tensorrt"} and not pool.gpus:
            raise FrostlineError(f"--device {options.device}: the Ray cluster has no GPU; use --device auto")
        yield Elsewhere(joined, pool)


def _opening(plan: Plan, batch_size: int, *, threads: int | None) -> Opening:
    return Opening(
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
