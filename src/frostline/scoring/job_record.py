"""What a score job did: the JSON beside its output, and the lines that a person reads."""

import contextlib
import platform
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from frostline import system
from frostline.errors import FrostlineError, one_line
from frostline.files import digest, printable, read_json, sha256_file, write_text
from frostline.runtime import providers
from frostline.runtime.contract import UNKNOWN, to_values
from frostline.runtime.sessions import Session
from frostline.scoring import output_paths
from frostline.scoring.feature_cache import FeatureCache
from frostline.scoring.plan import Plan, skipped_files
from frostline.scoring.ray_workers import RayWorkers
from frostline.scoring.tuning import BatchSize
from frostline.scoring.writers import Merged, ScoreCounts

SHOWN = 10  # predicted labels
PACKAGES = ("frostline", "numpy", "pillow", "pyarrow")  # and ONNX Runtime, by whichever name


@dataclass(frozen=True)
class Job:
    """A finished score job.

    `skipped` is None where the other files were not counted, `cache` where no features were cached, `workers` where
    this process worked, `drift` where it was not measured; `resumed` rows were there at its start.
    """

    plan: Plan
    skipped: int | None
    merged: Merged
    batch: BatchSize
    cache: FeatureCache | None
    resumed: int
    seconds: dict[str, float]
    workers: RayWorkers | None = None
    drift: dict[str, Any] | None = None

    @property
    def rate(self) -> float:
        """Images per second that this process scored."""
        return rate(self.merged.rows - self.resumed, self.seconds["score"])

    @property
    def where(self) -> str:
        """The provider that most of the work ran on: the trunk's where images went through it."""
        if self.workers:
            return self.workers.where
        trunk = self.cache.trunk if self.cache else None
        return (trunk or self.plan.session).provider

    @property
    def _streams(self) -> int | None:
        """How many batches the network here took at once; None where others computed."""
        if self.workers:
            return None
        return ((self.cache.trunk if self.cache else None) or self.plan.session).streams

    def values(self) -> dict[str, Any]:
        """The whole job file: what was scored, by which model, where, how fast, with what result."""
        path = printable(self.plan.out.absolute())
        counts = self.merged.counts
        return {
            "job": 1,
            "identity": digest(self.plan.identity),
            "source": self.plan.identity["source"],
            "listing": self.merged.listing,
            "output": {"path": path, "sha256": sha256_file(self.plan.out), "rows": self.merged.rows},
            "model": _model(self.plan.model, self.plan.session),
            "note": self.plan.session.contract.note,
            "engine": self.workers.values() if self.workers else {"name": "local"},
            "provider": None if self.workers else _provider(self.plan.session),
            "device": None if self.workers else self.plan.session.device,
            "precision": self.plan.session.precision,
            "batch_size": self.batch.size,
            "streams": self._streams,
            "tuning": self.batch.tuned.measured if self.batch.tuned else None,
            "feature_cache": _feature_cache(self.cache) if self.cache else None,
            "options": asdict(self.plan.options),
            "counts": {
                "found": self.merged.rows,
                "scored": counts.scored,
                "abstained": counts.abstained,
                "unknown": counts.unknown,
                "unreadable": counts.unreadable,
                "skipped": self.skipped,
                "resumed": self.resumed,
            },
            "labels": dict(counts.labels),
            "seconds": {step: round(spent, 3) for step, spent in self.seconds.items()},
            "images_per_second": self.rate,
            "host": host(),
            **({"drift": self.drift} if self.drift else {}),
        }


def finished(plan: Plan) -> bool:
    """Whether this very job's output and job file stand, with no shards left to merge."""
    if not plan.out.is_file() or output_paths.parts(plan.out).exists():
        return False
    try:
        written = read_json(output_paths.job_file(plan.out), made_by="frostline score")
    except FrostlineError:
        return False
    return isinstance(written, dict) and written.get("identity") == digest(plan.identity)


def _model(path: Path, session: Session) -> dict[str, Any]:
    contract = to_values(session.contract)
    tells = {"tells_unknown": True} if UNKNOWN in session.outputs else {}
    return {"path": printable(path.absolute()), "sha256": session.sha256, "contract": contract, **tells}


def _provider(session: Session) -> dict[str, str]:
    return {
        "asked": session.asked,
        "used": session.provider,
        "engine": session.engine,
        "why": session.why,
        "proof": session.proof,
    }


def _feature_cache(cache: FeatureCache) -> dict[str, Any]:
    """Which trunk's features were cached, how many were there, how many were computed, and where."""
    trunk = {"trunk": cache.head.trunk, "reused": cache.reused, "computed": cache.computed}
    return trunk | {"provider": _provider(cache.trunk) if cache.trunk else None}


def rate(images: int, seconds: float) -> float:
    """Images per second to one decimal."""
    return round(images / max(seconds, 1e-9), 1)


def host() -> dict[str, Any]:
    """This machine: name, system, processors that may be used, Python and package versions."""
    runtime = providers.distribution()
    return {
        "name": platform.node(),
        "system": platform.platform(),
        "processors": system.processors(),
        "python": platform.python_version(),
        "packages": {runtime.name: runtime.version, **{name: metadata.version(name) for name in PACKAGES}},
    }


def lines(done: Job) -> list[str]:
    """What was scored, how fast, what was predicted, what was written; FrostlineError where nothing could be."""
    counts, out = done.merged.counts, printable(done.plan.out)
    if not counts.scored:
        raise FrostlineError(
            f"none of {done.merged.rows} images could be scored (first: {counts.errors[0]}); "
            f"{out} has a row with the reason for each"
        )
    text = [f"{_counted(done)}: {done.rate:g} images/s on {done.where}"]
    if done.workers and done.workers.finished:
        text.append(done.workers.text())
    if done.cache:
        text.append(f"features: {done.cache.reused} from the cache, {done.cache.computed} computed")
    if done.resumed:
        text.append(f"resumed: {done.resumed} rows already done")
    text += labels(counts) + unreadable(counts)
    text.append(f"Wrote {out} (one row per image) and {printable(output_paths.job_file(done.plan.out))}")
    note = done.plan.session.contract.note
    return [*text, note] if note else text


def _counted(done: Job) -> str:
    counts, least = done.merged.counts, done.plan.options.min_confidence
    abstained = f", {counts.abstained} abstained (confidence below {least:g})" if counts.abstained else ""
    unknown = f", {counts.unknown} unknown (unlike the training images)" if counts.unknown else ""
    unreadable = f", {counts.unreadable} unreadable" if counts.unreadable else ""
    return f"{counts.scored} images scored{abstained}{unknown}{unreadable}{skipped_files(done.skipped)}"


def running_on(session: Session) -> str:
    """`running on CPUExecutionProvider in float32`, with its proof; why on no faster device only if that is news."""
    remarks = "; ".join(filter(None, (_news(session.why), session.proof)))
    return f"running on {session.provider} in {session.precision}" + (f" ({remarks})" if remarks else "")


def _news(text: str) -> str:
    """A text that this user was not told yet on this machine, else ""."""
    marker = system.user_cache() / "said" / f"{digest(text)[:32]}.txt"
    if not text or marker.exists():
        return ""
    with contextlib.suppress(FrostlineError):
        write_text(marker, f"{text}\n")
    return text


def unreadable(counts: ScoreCounts) -> list[str]:
    """Which files could not be read, the first by name; nothing where all could."""
    if not counts.unreadable:
        return []
    text = ["could not be read:", *(f"  {error}" for error in counts.errors)]
    if counts.unreadable > len(counts.errors):
        text.append(f"  and {counts.unreadable - len(counts.errors)} more, with status error in their rows")
    return text


def labels(counts: ScoreCounts) -> list[str]:
    """The most frequent predictions, each on a line."""
    text = [f"  {count:>8}  {one_line(label)}" for label, count in counts.labels.most_common(SHOWN)]
    if len(counts.labels) > SHOWN:
        text.append(f"  {'':>8}  and {len(counts.labels) - SHOWN} more labels")
    return text
