"""score: any folder, archive, list or bucket through an exported model, into one row per image file."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from frostline import files
from frostline.files import printable
from frostline.onnx import foreign
from frostline.onnx.sessions import Session
from frostline.scores import job, journal, models, places, plan, rows, sources, summary, work
from frostline.scores.job import Job
from frostline.scores.merge import merge
from frostline.scores.options import Options, require_possible
from frostline.scores.plan import Plan
from frostline.scores.work import Watch


def run(  # one argument an option of the command
    source: Sequence[str],
    *,
    model: str,
    out: Path,
    resume: bool = False,
    contract: Path | None = None,
    **options: Any,
) -> None:
    """Score `source` into `out` (.parquet, .jsonl or .csv) and `out`.job.json, and print a summary.

    `source` are the words that `sources.open_images` takes, `model` is a file, an exported classifier's
    name or `models:/NAME@alias`; `contract` is the description of a model that frostline did not export;
    `options` are the fields of `Options`. Unreadable images become rows with an error. `resume` goes on
    with an interrupted job. InputError for anything wrong in what was given, before work begins;
    FrostlineError when not one image could be scored.
    """
    asked = Options(**options)
    require_possible(asked)
    places.require_writable(out, source)
    described = foreign.read(contract) if contract else None
    watch = Watch()
    with contextlib.closing(sources.open_images(source)) as opened:
        planned = plan.make(opened, models.resolve(model), described, out=out, options=asked)
        _tell(planned.session)
        if resume and job.finished(planned):
            print(f"{printable(out)} is finished already; without --resume it is scored anew")
            return
        done = _work(planned, watch, resume=resume)
    print(*summary.lines(done), sep="\n")


def _work(planned: Plan, watch: Watch, *, resume: bool) -> Job:
    """Score what has no row yet, merge, write the job file."""
    out = planned.out
    with journal.open_journal(out, planned.identity, resume=resume) as shards:
        watch.lap("open")
        batch_size, measured = _pace(planned)
        watch.lap("tune")
        resumed = shards.done
        shards.skip(planned.items)
        watch.lap("skip")
        work.score(planned, shards, batch_size=batch_size)
        watch.lap("score")
        merged = merge(shards.tables(), out, rows.schema(features=planned.options.features))
        watch.lap("merge")
        done = Job(
            plan=planned,
            skipped=planned.source.others,
            merged=merged,
            batch_size=batch_size,
            tuning=measured,
            resumed=resumed,
            seconds=watch.laps,
        )
        files.write_json(places.job_file(out), done.values())
        journal.discard(shards, out)
    return done


def _tell(session: Session) -> None:
    """Where the network runs, in one line."""
    remarks = "; ".join(filter(None, (session.why, session.proof)))
    print(
        f"running on {session.provider} in {session.precision}" + (f" ({remarks})" if remarks else ""),
        flush=True,
    )


def _pace(planned: Plan) -> tuple[int, dict[str, float] | None]:
    """Images at once, as given or as measured; and what was measured."""
    batch_size, found, now = plan.pace(planned)
    if found is None:
        return batch_size, None
    how = "measured just now" if now else "measured before"
    print(f"{batch_size} images at once ({how}: {found.rate:g} images/s in the network alone)", flush=True)
    return batch_size, found.measured
