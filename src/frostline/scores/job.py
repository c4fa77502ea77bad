"""What a score job is asked to do, and what it did: the JSON beside its output."""

import os
import platform
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from frostline.files import digest, printable, sha256_file
from frostline.onnx.contract import to_values
from frostline.onnx.sessions import Session
from frostline.scores.merge import Merged

PACKAGES = ("frostline", "numpy", "onnxruntime-gpu", "pillow", "pyarrow")


def path_of(out: Path) -> Path:
    """The job file of an output: `scores.parquet.job.json` beside `scores.parquet`."""
    return out.with_name(out.name + ".job.json")


@dataclass(frozen=True)
class Options:
    """How a source is scored.

    Where the network runs (`device`, `precision`) and how fast (`batch_size`, `threads`; None: as
    measured, and one for each processor); what a row holds (`top_k` labels ranked, a label only from
    `min_confidence` up, `features`).
    """

    device: str
    precision: str
    batch_size: int | None
    threads: int | None
    top_k: int
    min_confidence: float
    features: bool

    @property
    def rows(self) -> dict[str, Any]:
        """What decides the content of a row, whatever its speed."""
        return {"top_k": self.top_k, "min_confidence": self.min_confidence, "features": self.features}


def identity(*, source: Any, model: str, precision: str, options: Options) -> dict[str, Any]:
    """All that decides an output's rows: only a job with the same may go on with another's shards."""
    return {"source": source, "model": model, "precision": precision, **options.rows}


@dataclass(frozen=True)
class Job:
    """A finished score job.

    `skipped` is None where the other files were not counted; `tuning` is what was measured for the batch
    size, None where it was given; `resumed` rows were there at its start.
    """

    source: Any
    identity: dict[str, Any]
    skipped: int | None
    model: Path
    session: Session
    out: Path
    options: Options
    merged: Merged
    batch_size: int
    tuning: dict[str, float] | None
    resumed: int
    seconds: dict[str, float]

    @property
    def rate(self) -> float:
        """Images per second that this process scored."""
        return rate(self.merged.rows - self.resumed, self.seconds["score"])

    def values(self) -> dict[str, Any]:
        """The whole job file: what was scored, by which model, where, how fast, with what result."""
        path = printable(self.out.absolute())
        tally = self.merged.tally
        return {
            "job": 1,
            "identity": digest(self.identity),
            "source": self.source,
            "listing": self.merged.listing,
            "output": {"path": path, "sha256": sha256_file(self.out), "rows": self.merged.rows},
            "model": _model(self.model, self.session),
            "note": self.session.contract.note,
            "provider": _provider(self.session),
            "device": self.session.device,
            "precision": self.session.precision,
            "batch_size": self.batch_size,
            "tuning": self.tuning,
            "options": asdict(self.options),
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
        }


def _model(path: Path, session: Session) -> dict[str, Any]:
    contract = to_values(session.contract)
    return {"path": printable(path.absolute()), "sha256": session.sha256, "contract": contract}


def _provider(session: Session) -> dict[str, str]:
    told = {"asked": session.asked, "used": session.provider, "why": session.why}
    return told | {"proof": session.proof}


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
