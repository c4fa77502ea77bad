"""score: any folder, archive or image through an exported model, into one row per image file."""

import contextlib
import functools
import os
import tempfile
import time
from pathlib import Path

from frostline import files, images
from frostline.data.source import Source
from frostline.engine.local import stream
from frostline.errors import FrostlineError, InputError
from frostline.files import printable
from frostline.onnx.sessions import DEVICES, Session, open_session
from frostline.progress import progress
from frostline.scores import job, models, sources, writers
from frostline.scores.job import Job, Options, Tally
from frostline.scores.rows import Scorer

SHOWN = 10  # predicted labels in the printed table


def run(  # noqa: PLR0913  # one argument an option of the command
    source: Path, *, model: str, out: Path, device: str, batch_size: int, top_k: int
) -> None:
    """Score `source` into `out` (.parquet, .jsonl or .csv) and `out`.job.json, and print a summary.

    `model` is a file, an exported classifier's name or `models:/NAME@alias`; `device` one of auto,
    cpu, cuda, tensorrt. Unreadable images become rows with an error. InputError for anything wrong
    in what was given, before work begins; FrostlineError when not one image could be scored.
    """
    options = Options(device, batch_size, top_k)
    _check_options(options)
    _check_output(out, source)
    done = _work(source, model, out=out, options=options)
    files.write_json(job.path_of(out), done.values())
    _summarize(done)


def _check_options(options: Options) -> None:
    if options.device not in DEVICES:
        raise InputError(f"--device {options.device}: use one of {', '.join(DEVICES)}")
    if not 1 <= options.batch_size <= 65536:
        raise InputError(f"--batch-size {options.batch_size}: use 1 to 65536")
    if options.top_k < 1:
        raise InputError(f"--top-k {options.top_k}: use 1 or more (more than there are classes means all)")


def _check_output(out: Path, source: Path) -> None:
    """Find out now, not after hours, that the output cannot be written."""
    writers.require_format(out)
    if out.is_dir():
        raise InputError(f"--out {printable(out)}: is a folder; name a file in it")
    # realpath, for Path.resolve raises on a link to itself
    if os.path.realpath(source) in {os.path.realpath(path) for path in (out, job.path_of(out))}:
        raise InputError(f"--out {printable(out)}: would overwrite the source; name another file")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise InputError(
            f"--out {printable(out)}: cannot write there: {error.strerror}; choose a folder you may write to"
        ) from None


def _work(source: Path, model: str, *, out: Path, options: Options) -> Job:
    """Open everything, say where it runs, stream every image into `out`."""
    started = time.monotonic()
    with sources.open_images(source) as opened:
        names, skipped = opened.names(), sources.count_others(source)
        if not names:
            raise InputError(
                f"no images in {printable(source)}{_others(skipped)}; name a folder that has some"
            )
        file = models.resolve(model)
        session = open_session(file, device=options.device)
        print(f"running on {session.provider}" + (f" ({session.why})" if session.why else ""), flush=True)
        ready = time.monotonic()
        tally = _score(opened, session, out=out, options=options)
    seconds = {"open": ready - started, "score": time.monotonic() - ready}
    return Job(source, names, skipped, file, session, out, options, tally, seconds)


def _score(source: Source, session: Session, *, out: Path, options: Options) -> Tally:
    """One row per name into `out`; returns what was counted on the way."""
    contract, names, tally = session.contract, source.names(), Tally()
    scorer = Scorer(contract.classes, options.top_k, session.sha256)
    decode = functools.partial(
        images.decode, height=contract.height, width=contract.width, resize=contract.resize
    )
    blocks = stream(
        sources.items(source, names), decode=decode, network=session.run, batch_size=options.batch_size
    )
    with (
        contextlib.closing(blocks),
        writers.open_writer(out) as writer,
        progress(len(names), "score") as advance,
    ):
        for block in blocks:
            table = scorer.table(block)
            writer.write(table)
            tally.add(table)
            advance(len(table))
    return tally


def _others(skipped: int | None) -> str:
    return f", {skipped} other files skipped" if skipped else ""


def _summarize(done: Job) -> None:
    tally, where = done.tally, printable(done.out)
    found = tally.scored + tally.unreadable
    if not tally.scored:
        raise FrostlineError(
            f"none of {found} images could be scored (first: {tally.first_error}); "
            f"{where} has a row with the reason for each"
        )
    unreadable = f", {tally.unreadable} unreadable" if tally.unreadable else ""
    rate = f"{job.rate(found, done.seconds['score']):g} images/s"
    print(
        f"{tally.scored} images scored{unreadable}{_others(done.skipped)}: {rate} on {done.session.provider}"
    )
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
