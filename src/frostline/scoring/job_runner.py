"""One score job from its options to its files: what `frostline score` does, and `frostline.score` in Python.

Nothing here prints or reads params.yaml: what a person may want to read goes to
`frostline.progress`, which is silent until somebody listens.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frostline import files, memory
from frostline.features.executor import Item
from frostline.files import printable
from frostline.progress import note, say
from frostline.runtime import foreign_models
from frostline.runtime.parts import Head
from frostline.runtime.sessions import Session
from frostline.scoring import (
    drift_report,
    job_record,
    journal,
    model_path,
    output_paths,
    plan,
    ray_workers,
    score_page,
    score_pass,
    sources,
    tuning,
    writers,
)
from frostline.scoring.drift import Limits
from frostline.scoring.drift_report import Comparison
from frostline.scoring.feature_cache import FeatureCache, open_cache
from frostline.scoring.job_record import Job
from frostline.scoring.journal import Journal
from frostline.scoring.plan import Options, Plan
from frostline.scoring.ray_workers import RayWorkers
from frostline.scoring.tuning import BatchSize


class Stopwatch:
    """Seconds by what they were spent on."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.monotonic()

    def lap(self, what: str) -> None:
        """The time since the last lap was spent on this."""
        now = time.monotonic()
        self.laps[what], self._since = now - self._since, now


def _require_packages(asked: Options) -> None:
    """FrostlineError before work begins, where what is asked needs packages that are not installed."""
    if asked.drift:
        drift_report.require_packages()
    if asked.page:
        score_page.require_packages()


def run(  # noqa: PLR0913  # what a job is asked
    source: Sequence[str],
    *,
    model: str,
    out: Path,
    resume: bool = False,
    contract: Path | None = None,
    limits: Limits | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Score `source` into `out` (.parquet, .jsonl or .csv) and `out`.job.json, whose values are returned.

    `source` are the words that `sources.open_images` takes, `model` is a file, an exported classifier's
    name or `models:/NAME@alias`; `contract` is the description of a model that frostline did not export;
    `options` are the fields of `Options`. Unreadable images become rows with an error. `resume` goes on with
    an interrupted job. With the option `drift` the images are compared with the model's test images:
    LimitError above one of `limits`, once all is written.
    InputError for anything wrong in what was given, before work begins;
    FrostlineError when not one image could be scored.
    """
    memory.spare_pandas()
    asked = Options(**options)
    output_paths.require_writable(out, source)
    _require_packages(asked)
    foreign = foreign_models.read(contract) if contract else None
    with contextlib.closing(sources.open_images(source)) as opened:
        watch = Stopwatch()
        path = model_path.resolve(model, parts=asked.keep_features)
        items = plan.images_of(opened)
        planned = plan.make(opened, path, out=out, options=asked, foreign=foreign)
        if planned.head is None and asked.engine == "local":
            say(job_record.running_on(planned.session))
        if resume and job_record.finished(planned):
            journal.sweep_finished(out)  # of one that was killed in its last moment
            say(f"{printable(out)} is complete; without --resume it is scored anew")
        else:
            if out.is_file():
                note(f"{printable(out)} is there already and will be replaced")
            comparison = drift_report.comparison(planned, limits or {}, model=model) if asked.drift else None
            done = _Work(planned, watch, comparison).run(items, resume=resume)
            for line in job_record.lines(done):
                say(line)
        if asked.page:
            say(score_page.write(planned, model=model))
    values: dict[str, Any] = files.read_json(output_paths.job_file(out), made_by="frostline score")
    if asked.drift:
        drift_report.report(values.get("drift"), out)
    return values


@dataclass(frozen=True)
class _Work:
    """A planned job at work: all that its steps need."""

    plan: Plan
    watch: Stopwatch
    comparison: Comparison | None

    def run(self, items: Iterator[Item], *, resume: bool) -> Job:
        """Score what has no row yet, merge, write the job file."""
        planned, out = self.plan, self.plan.out
        # Source, model and output have been looked at before a cluster is joined or started.
        with (
            journal.open_journal(out, planned.identity, resume=resume) as shards,
            ray_workers.join(planned.options) as workers,
        ):
            self.watch.lap("open")
            cache = self._feature_cache(planned.head) if planned.head else None
            batch = None if cache else self._batch(planned.session, workers)
            self.watch.lap("tune")
            resumed = shards.done
            left = shards.without_rows(items)
            self.watch.lap("skip")
            size = batch.size if batch else 0
            score_pass.score(planned, left, shards, cache=cache, batch_size=size, workers=workers)
            self.watch.lap("score")
            merged = self._merge(shards)
            self.watch.lap("merge")
            done = Job(
                plan=planned,
                skipped=planned.source.others,
                merged=merged,
                batch=batch or BatchSize(cache.batch_size if cache else 0),
                cache=cache,
                resumed=resumed,
                seconds=self.watch.laps,
                workers=workers,
                drift=self.comparison.write(planned.session.contract.classes) if self.comparison else None,
            )
            files.write_json(output_paths.job_file(out), done.values())
            journal.discard(shards, out)
        return done

    def _merge(self, shards: Journal) -> writers.Merged:
        """The rows of all shards as the output, counted."""
        tables = self.comparison.counted(shards.tables()) if self.comparison else shards.tables()
        columns = score_pass.scorer_of(self.plan).schema
        return writers.merge(
            tables, self.plan.out, columns, escape_formulas=self.plan.options.escape_formulas
        )

    def _batch(self, session: Session, workers: RayWorkers | None = None) -> BatchSize:
        """Images per batch; a line says so where they were measured."""
        remote_gpus = workers is not None and workers.pool.gpus > 0
        batch = tuning.batch(session, self.plan.options.batch_size, remote_gpus=remote_gpus)
        if text := batch.text(streams=session.streams):
            say(text)
        return batch

    def _feature_cache(self, head: Head) -> FeatureCache:
        """The cached features of a head's trunk, which is opened once one is missing."""

        def open_trunk() -> tuple[Session, int]:
            session = plan.open_trunk_of(self.plan, head)
            say(job_record.running_on(session))
            return session, self._batch(session).size

        cache = open_cache(head, open_trunk, drift=self.plan.options.drift)
        say(cache.text())
        return cache
