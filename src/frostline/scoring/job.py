"""What a score job did: the JSON beside its output."""

import os
import platform
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from frostline.errors import FrostlineError
from frostline.files import digest, printable, read_json, sha256_file
from frostline.runtime.contract import to_values
from frostline.runtime.sessions import Session
from frostline.scoring import journal, output_paths
from frostline.scoring.feature_cache import Kept
from frostline.scoring.merge import Merged
from frostline.scoring.plan import Pace, Plan
from frostline.scoring.ray import Elsewhere

PACKAGES = ("frostline", "numpy", "onnxruntime-gpu", "pillow", "pyarrow")


@dataclass(frozen=True)
class Job:
    """A finished score job.

    `skipped` is None where the other files were not counted; `kept` None where features were not kept;
    `resumed` rows were there at its start; `elsewhere` None where this process worked.
    """

    plan: Plan
    skipped: int | None
    merged: Merged
    pace: Pace
    kept: Kept | None
    resumed: int
    seconds: dict[str, float]
    elsewhere: Elsewhere | None = None
    drift: dict[str, Any] | None = None  # None where it was not measured

    @property
    def rate(self) -> float:
        """Images per second that this process scored."""
        return rate(self.merged.rows - self.resumed, self.seconds["score"])

    @property
    def where(self) -> str:
        """The provider that most of the work ran on: the trunk's where images went through it."""
        if self.elsewhere:
            return self.elsewhere.where
        trunk = self.kept.trunk if self.kept else None
        return (trunk or self.plan.session).provider

    @property
    def _streams(self) -> int | None:
        """How many batches the network here took at once; None where others computed."""
        if self.elsewhere:
            return None
        return ((self.kept.trunk if self.kept else None) or self.plan.session).streams

    def values(self) -> dict[str, Any]:
        """The whole job file: what was scored, by which model, where, how fast, with what result."""
        path = printable(self.plan.out.absolute())
        tally = self.merged.tally
        return {
            "job": 1,
            "identity": digest(self.plan.identity),
            "source": self.plan.identity["source"],
            "listing": self.merged.listing,
            "output": {"path": path, "sha256": sha256_file(self.plan.out), "rows": self.merged.rows},
            "model": _model(self.plan.model, self.plan.session),
            "note": self.plan.session.contract.note,
            "engine": self.elsewhere.values() if self.elsewhere else {"name": "local"},
            "provider": None if self.elsewhere else _provider(self.plan.session),
            "device": None if self.elsewhere else self.plan.session.device,
            "precision": self.plan.session.precision,
            "batch_size": self.pace.batch_size,
            "streams": self._streams,
            "tuning": self.pace.tuned.measured if self.pace.tuned else None,
            "kept": _kept(self.kept) if self.kept else None,
            "options": asdict(self.plan.options),
            "counts": {
                "found": self.merged.rows,
                "scored": tally.scored,
                "abstained": tally.abstained,
                "unreadable": tally.unreadable,
                "skipped": self.skipped,
                "resumed": self.resumed,
            },
            "labels": dict(tally.labels),
            "seconds": {step: round(spent, 3) for step, spent in self.seconds.items()},
            "images_per_second": self.rate,
            "host": host(),
            **({"drift": self.drift} if self.drift else {}),
        }


def finished(plan: Plan) -> bool:
    """Whether this very job's output and job file stand, with no shards left to merge."""
    if not plan.out.is_file() or journal.path_of(plan.out).exists():
        return False
    try:
        written = read_json(output_paths.job_file(plan.out), made_by="frostline score")
    except FrostlineError:
        return False
    return isinstance(written, dict) and written.get("identity") == digest(plan.identity)


def _model(path: Path, session: Session) -> dict[str, Any]:
    contract = to_values(session.contract)
    return {"path": printable(path.absolute()), "sha256": session.sha256, "contract": contract}


def _provider(session: Session) -> dict[str, str]:
    told = {"asked": session.asked, "used": session.provider, "why": session.why}
    return told | {"proof": session.proof}


def _kept(kept: Kept) -> dict[str, Any]:
    """Which trunk's features were kept, how many were there, how many made, and where."""
    trunk = {"trunk": kept.head.trunk, "reused": kept.reused, "forwarded": kept.forwarded}
    return trunk | {"provider": _provider(kept.trunk) if kept.trunk else None}


def one_line(text: str) -> str:
    """A name for a terminal: as it is, or quoted with escapes where it would break the line."""
    return text if text.isprintable() else repr(text)


def rate(images: int, seconds: float) -> float:
    """Images per second to one decimal."""
    return round(images / max(seconds, 1e-9), 1)


def host() -> dict[str, Any]:
    """This machine: name, system, processors that may be used, Python and package versions."""
    return {
        "name": platform.node(),
        "system": platform.platform(),
        "processors": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }
