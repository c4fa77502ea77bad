"""What a score job did, as the JSON beside its output."""

import os
import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from frostline.files import digest, printable, sha256_file
from frostline.onnx.contract import to_values
from frostline.onnx.sessions import Session

PACKAGES = ("frostline", "numpy", "onnxruntime-gpu", "pillow", "pyarrow")
PRECISION = "float32"


@dataclass
class Tally:
    """Counts that grow as tables pass: rows by status, rows by predicted label, the first error."""

    scored: int = 0
    unreadable: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    first_error: str = ""

    def add(self, table: pa.Table) -> None:
        """Count one table of the score schema."""
        bad = table.filter(pc.equal(table["status"], "error"))
        if len(bad) and not self.first_error:
            self.first_error = f"{one_line(bad['path'][0].as_py())}: {bad['error'][0]}"
        self.unreadable += len(bad)
        self.scored += len(table) - len(bad)
        self.labels.update(label for label in table["label"].to_pylist() if label is not None)


def path_of(out: Path) -> Path:
    """The job file of an output: `scores.parquet.job.json` beside `scores.parquet`."""
    return out.with_name(out.name + ".job.json")


@dataclass(frozen=True)
class Options:
    """How a source is scored: device asked for, images at once, labels ranked."""

    device: str
    batch_size: int
    top_k: int


@dataclass(frozen=True)
class Job:
    """A finished score job; `skipped` is None where the other files were not counted."""

    source: Path
    names: Sequence[str]
    skipped: int | None
    model: Path
    session: Session
    out: Path
    options: Options
    tally: Tally
    seconds: dict[str, float]

    def values(self) -> dict[str, Any]:
        """The whole job file: what was scored, by which model, where, how fast, with what result."""
        path = printable(self.out.absolute())
        return {
            "job": 1,
            "source": printable(self.source.absolute()),
            "listing": digest(list(self.names)),
            "output": {"path": path, "sha256": sha256_file(self.out), "rows": len(self.names)},
            "model": _model(self.model, self.session),
            "note": self.session.contract.note,
            "provider": _provider(self.session),
            "device": self.session.device,
            "precision": PRECISION,
            "options": asdict(self.options),
            "counts": self._counts(),
            "labels": dict(self.tally.labels),
            "seconds": {step: round(spent, 3) for step, spent in self.seconds.items()},
            "images_per_second": rate(len(self.names), self.seconds["score"]),
            "host": host(),
        }

    def _counts(self) -> dict[str, int | None]:
        return {
            "found": len(self.names),
            "scored": self.tally.scored,
            "unreadable": self.tally.unreadable,
            "skipped": self.skipped,
        }


def _model(path: Path, session: Session) -> dict[str, Any]:
    contract = to_values(session.contract)
    return {"path": printable(path.absolute()), "sha256": session.sha256, "contract": contract}


def _provider(session: Session) -> dict[str, str]:
    return {"asked": session.asked, "used": session.provider, "why": session.why}


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
