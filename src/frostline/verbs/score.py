"""score: any folder, archive, list or bucket through an exported model, into one row per image file."""

import contextlib
import functools
import itertools
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from frostline import files, images
from frostline.engine.local import stream
from frostline.engine.work import Item
from frostline.errors import FrostlineError, InputError
from frostline.files import printable
from frostline.onnx import foreign
from frostline.onnx.foreign import Foreign
from frostline.onnx.sessions import DEVICES, PRECISIONS, Session, open_session
from frostline.progress import progress
from frostline.scores import job, journal, models, rows, sources, tuning, writers
from frostline.scores.job import Job, Options
from frostline.scores.journal import MARK, Journal
from frostline.scores.local import Source
from frostline.scores.merge import Tally, merge
from frostline.scores.rows import Scorer

SHOWN = 10  # predicted labels in the printed table


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
    _check_options(asked)
    _check_output(out, source)
    described = foreign.read(contract) if contract else None
    with contextlib.closing(sources.open_images(source)) as opened:
        _work(opened, models.resolve(model), described, out=out, options=asked, resume=resume)


def _check_options(options: Options) -> None:
    if options.device not in DEVICES:
        raise InputError(f"--device {options.device}: use one of {', '.join(DEVICES)}")
    if options.precision not in PRECISIONS:
        raise InputError(f"--precision {options.precision}: use one of {', '.join(PRECISIONS)}")
    if options.threads is not None and options.threads < 1:
        raise InputError(f"--threads {options.threads}: use 1 or more")
    if options.batch_size is not None and not 1 <= options.batch_size <= 65536:
        raise InputError(f"--batch-size {options.batch_size}: use 1 to 65536")
    if options.top_k < 1:
        raise InputError(f"--top-k {options.top_k}: use 1 or more (more than there are classes means all)")
    if not 0 <= options.min_confidence <= 1:
        raise InputError(f"--min-confidence {options.min_confidence:g}: use 0 to 1")


def _check_output(out: Path, words: Sequence[str]) -> None:
    """Find out now, not after hours, that the output cannot be written."""
    writers.require_format(out)
    if out.is_dir():
        raise InputError(f"--out {printable(out)}: is a folder; name a file in it")
    # realpath, for Path.resolve raises on a link to itself
    given = {os.path.realpath(word.removeprefix("@")) for word in words}
    if given & {os.path.realpath(path) for path in (out, job.path_of(out), journal.path_of(out))}:
        raise InputError(f"--out {printable(out)}: would overwrite the source; name another file")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise InputError(
            f"--out {printable(out)}: cannot write there: {error.strerror}; choose a folder you may write to"
        ) from None


def _work(  # noqa: PLR0913  # a job is these
    source: Source,
    model: Path,
    described: Foreign | None,
    *,
    out: Path,
    options: Options,
    resume: bool,
) -> None:
    """Open the network, say where it runs, stream what has no row yet, merge, summarize."""
    watch = Watch()
    items = _some(source)
    session = _session(model, described, options)
    same = job.identity(
        source=source.state(), model=session.sha256, precision=session.precision, options=options
    )
    if resume and _finished(out, same):
        print(f"{printable(out)} is finished already; without --resume it is scored anew")
        return
    with journal.open_journal(out, same, resume=resume) as shards:
        watch.lap("open")
        batch_size, measured = _batch_size(session, options)
        watch.lap("tune")
        resumed = shards.done
        shards.skip(items)
        watch.lap("skip")
        _score(items, source, session, shards=shards, options=options, batch_size=batch_size)
        watch.lap("score")
        merged = merge(shards.tables(), out, rows.schema(features=options.features))
        watch.lap("merge")
        done = Job(
            source=source.state(),
            identity=same,
            skipped=source.others,
            model=model,
            session=session,
            out=out,
            options=options,
            merged=merged,
            batch_size=batch_size,
            tuning=measured,
            resumed=resumed,
            seconds=watch.laps,
        )
        files.write_json(job.path_of(out), done.values())
        journal.discard(shards, out)
    _summarize(done)


class Watch:
    """Seconds by what they were spent on."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.monotonic()

    def lap(self, what: str) -> None:
        """The time since the last lap was spent on this."""
        now = time.monotonic()
        self.laps[what], self._since = now - self._since, now


def _session(model: Path, described: Foreign | None, options: Options) -> Session:
    """The network where and how the options want it; said in one line."""
    session = open_session(
        model,
        device=options.device,
        precision=options.precision,
        threads=options.threads,
        features=options.features,
        foreign=described,
    )
    remarks = "; ".join(filter(None, (session.why, session.proof)))
    print(
        f"running on {session.provider} in {session.precision}" + (f" ({remarks})" if remarks else ""),
        flush=True,
    )
    return session


def _batch_size(session: Session, options: Options) -> tuple[int, dict[str, float] | None]:
    """Images at once, as given or as measured; and what was measured."""
    if options.batch_size is not None:
        session.bind(options.batch_size)
        return options.batch_size, None
    found, now = tuning.tuned(session)
    how = "measured just now" if now else "measured before"
    print(
        f"{found.batch_size} images at once ({how}: {found.rate:g} images/s in the network alone)", flush=True
    )
    session.bind(found.batch_size)
    return found.batch_size, found.measured


def _some(source: Source) -> Iterator[Item]:
    """The source's items; InputError where there is none."""
    items = source.items()
    first = next(items, None)
    if first is None:
        raise InputError(f"no images in {source.where}{_others(source.others)}; name a folder that has some")
    return itertools.chain([first], items)


def _finished(out: Path, identity: dict[str, Any]) -> bool:
    """Whether this very job's output and job file stand, with no shards left to merge."""
    if not out.is_file() or journal.path_of(out).exists():
        return False
    try:
        written = files.read_json(job.path_of(out), made_by="frostline score")
    except FrostlineError:
        return False
    return isinstance(written, dict) and written.get("identity") == files.digest(identity)


def _score(  # noqa: PLR0913  # a job is these
    items: Iterator[Item],
    source: Source,
    session: Session,
    *,
    shards: Journal,
    options: Options,
    batch_size: int,
) -> None:
    """One row per item into the shards."""
    contract = session.contract
    scorer = Scorer(contract.classes, options.top_k, session.sha256, options.min_confidence, options.features)
    decode = functools.partial(
        images.decode, height=contract.height, width=contract.width, resize=contract.resize
    )
    blocks = stream(
        items,
        decode=decode,
        network=session.run,
        batch_size=batch_size,
        workers=len(os.sched_getaffinity(0)) + source.readers,
        streams=session.streams,
    )
    with contextlib.closing(blocks), progress(source.count, "score", summary=False) as advance:
        advance(shards.done)
        for block in blocks:
            shards.add(scorer.table(block).append_column(MARK, pa.array(block.marks, pa.string())))
            advance(len(block.names))
    shards.flush()


def _others(skipped: int | None) -> str:
    return f", {skipped} other files skipped" if skipped else ""


def _summarize(done: Job) -> None:
    tally, where = done.merged.tally, printable(done.out)
    if not tally.scored:
        raise FrostlineError(
            f"none of {done.merged.rows} images could be scored (first: {tally.first_error}); "
            f"{where} has a row with the reason for each"
        )
    abstained = f", {tally.abstained} of them below the confidence asked for" if tally.abstained else ""
    unreadable = f", {tally.unreadable} unreadable" if tally.unreadable else ""
    print(
        f"{tally.scored} images scored{abstained}{unreadable}{_others(done.skipped)}: {done.rate:g} images/s "
        f"on {done.session.provider}"
    )
    if done.resumed:
        print(f"{done.resumed} of the rows were there when this job went on")
    print(f"one row an image in {where}, the job in {printable(job.path_of(done.out))}")
    _print_labels(tally)
    if done.session.contract.note:
        print(done.session.contract.note)


def _print_labels(tally: Tally) -> None:
    """The most frequent predictions, each on a line."""
    for label, count in tally.labels.most_common(SHOWN):
        print(f"  {count:>8}  {job.one_line(label)}")
    if len(tally.labels) > SHOWN:
        print(f"  {'':>8}  and {len(tally.labels) - SHOWN} more labels")
