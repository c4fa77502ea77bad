"""One score job from its options to its files: what `frostline score` does, and `frostline.score` in Python.

Nothing here prints: what a person may want to read goes to `tell`, line by line.
"""

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from frostline import files, memory
from frostline.evaluation import drift_page
from frostline.files import printable
from frostline.runtime import foreign_models
from frostline.runtime.parts import Head
from frostline.runtime.sessions import Session
from frostline.scoring import (
    batches,
    job,
    job_drift,
    journal,
    models,
    output_paths,
    plan,
    ray,
    rows,
    sources,
    summary,
)
from frostline.scoring.batches import Watch
from frostline.scoring.drift_indices import Limits, Tally
from frostline.scoring.feature_cache import Kept, open_kept
from frostline.scoring.job import Job
from frostline.scoring.job_drift import Watched
from frostline.scoring.merge import merge
from frostline.scoring.options import Options, require_possible
from frostline.scoring.plan import Pace, Plan

Tell = Callable[[str], None]


def run(  # noqa: PLR0913  # one argument an option of the command
    source: Sequence[str],
    *,
    model: str,
    out: Path,
    tell: Tell,
    bar: bool = False,
    resume: bool = False,
    contract: Path | None = None,
    **options: Any,
) -> None:
    """Score `source` into `out` (.parquet, .jsonl or .csv) and `out`.job.json, and tell a summary.

    `source` are the words that `sources.open_images` takes, `model` is a file, an exported classifier's
    name or `models:/NAME@alias`; `contract` is the description of a model that frostline did not export;
    `options` are the fields of `Options`; `bar` shows progress on a terminal. Unreadable images become
    rows with an error. `resume` goes on with an interrupted job. With the option `drift` the images are
    compared with the model's test images: LimitError beyond a limit, once all is written.
    InputError for anything wrong in what was given, before work begins;
    FrostlineError when not one image could be scored.
    """
    memory.spare_pandas()
    asked = Options(**options)
    require_possible(asked)
    output_paths.require_writable(out, source)
    limits = _limits(asked)
    described = foreign_models.read(contract) if contract else None
    watch = Watch()
    with contextlib.closing(sources.open_images(source)) as opened:
        path = models.resolve(model, parts=asked.keep_features)
        planned = plan.make(opened, path, described, out=out, options=asked, here=ray.here(asked))
        if planned.head is None and asked.engine == "local":
            tell(_where(planned.session))
        if resume and job.finished(planned):
            journal.sweep_finished(out)  # of one that was killed in its last moment
            tell(f"{printable(out)} is finished already; without --resume it is scored anew")
            if asked.drift:
                _tell_drift(out, tell)
            return
        page = partial(drift_page.page, scores=printable(out), model=model)
        baseline = job_drift.baseline_of(planned.session) if asked.drift else None
        watched = Watched(Tally(baseline), limits, page) if baseline else None
        done = _work(planned, watch, resume=resume, watched=watched, tell=tell, bar=bar)
    for line in summary.lines(done):
        tell(line)
    if asked.drift and watched is None:
        tell(job_drift.NO_BASELINE)
    if watched:
        _tell_drift(out, tell)


def _limits(options: Options) -> Limits:
    """By question; nothing where drift is not asked for. What is missing for it is told before the work."""
    if not options.drift:
        return {}
    job_drift.require_packages()
    return job_drift.limits(options.drift_limit)


def _tell_drift(out: Path, tell: Tell) -> None:
    """What the job file says of drift; LimitError beyond a limit."""
    said = files.read_json(output_paths.job_file(out), made_by="frostline score").get("drift")
    if said:
        job_drift.tell(said, out, tell)


def _work(  # noqa: PLR0913  # what a job is made of
    planned: Plan, watch: Watch, *, resume: bool, watched: Watched | None, tell: Tell, bar: bool
) -> Job:
    """Score what has no row yet, merge, write the job file; all rows are `watched` for drift."""
    out = planned.out
    # Source, model and output have been looked at before a cluster is joined or started.
    with (
        journal.open_journal(out, planned.identity, resume=resume) as shards,
        ray.join(planned.options) as others,
    ):
        watch.lap("open")
        kept = _kept(planned, planned.head, tell) if planned.head else None
        gpus = others is not None and others.pool.gpus > 0
        pace = _pace(planned.session, planned.options, tell, gpus=gpus) if kept is None else None
        watch.lap("tune")
        resumed = shards.done
        shards.skip(planned.items)
        watch.lap("skip")
        size = pace.batch_size if pace else 0
        batches.score(planned, shards, kept=kept, batch_size=size, elsewhere=others, bar=bar)
        watch.lap("score")
        tables = job_drift.counted(shards.tables(), watched.tally) if watched else shards.tables()
        options = planned.options
        merged = merge(tables, out, rows.schema(features=options.features, drift=options.drift))
        watch.lap("merge")
        done = Job(
            plan=planned,
            skipped=planned.source.others,
            merged=merged,
            pace=pace or Pace(kept.batch_size if kept else 0),
            kept=kept,
            resumed=resumed,
            seconds=watch.laps,
            elsewhere=others,
            drift=watched.finish(out, planned.session.contract.classes) if watched else None,
        )
        files.write_json(output_paths.job_file(out), done.values())
        journal.discard(shards, out)
    return done


def _where(session: Session) -> str:
    """Where the network runs, in one line."""
    remarks = "; ".join(filter(None, (session.why, session.proof)))
    return f"running on {session.provider} in {session.precision}" + (f" ({remarks})" if remarks else "")


def _pace(session: Session, options: Options, tell: Tell, *, gpus: bool = False) -> Pace:
    """Images at once; said where they were measured."""
    found = plan.pace(session, options, gpus=gpus)
    if found.tuned:
        how = "measured just now" if found.now else "measured before"
        each = f" in each of {session.streams} streams" if session.streams > 1 else ""
        tell(
            f"{found.batch_size} images at once{each} "
            f"({how}: {found.tuned.rate:g} images/s in the network alone)"
        )
    return found


def _kept(planned: Plan, head: Head, tell: Tell) -> Kept:
    """The features that are kept for a head's trunk; the trunk comes up when one is missing."""

    def opened() -> tuple[Session, int]:
        session = plan.trunk(head, planned.options)
        tell(_where(session))
        return session, _pace(session, planned.options, tell).batch_size

    kept = open_kept(head, opened)
    tell(kept.told)
    return kept
