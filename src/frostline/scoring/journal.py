"""Rows that are never lost: whole shards in `<output>.parts` while a job runs, one file at its end.

A shard is complete or absent, so a job may be killed at any moment and goes on where the last shard
ends. The folder is locked while a job writes into it; the lock dies with the process. When the output
stands under its name with its job file beside it, the folder is moved aside in one step and removed.
"""

import contextlib
import glob
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from frostline import files, system
from frostline.errors import FrostlineError, InputError
from frostline.features.executor import Item
from frostline.files import printable, write_json
from frostline.progress import note
from frostline.scoring import output_paths, row_shards
from frostline.scoring.rows import FINGERPRINT

SHARD_ROWS, SHARD_SECONDS = 1024, 10.0  # what a kill can cost
_IDENTITY, _LOCK = "identity.json", "lock"


@dataclass
class Journal:
    """The shards of one job. `done` rows are in them; `add` holds rows until a shard is worth writing."""

    folder: Path
    done: int = 0
    _held: list[pa.Table] = field(default_factory=list)
    _since: float = field(default_factory=time.monotonic)

    def add(self, table: pa.Table) -> None:
        """Take rows in order; they are safe on disk after at most SHARD_ROWS or SHARD_SECONDS."""
        self._held.append(table)
        rows = sum(len(held) for held in self._held)
        if rows >= SHARD_ROWS or time.monotonic() - self._since >= SHARD_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is held as one shard."""
        if self._held:
            # One batch of rows in the shard, not one for every few images that came together.
            table = pa.concat_tables(self._held).combine_chunks()
            row_shards.write(self.folder, table, start=self.done)
            self.done += len(table)
            self._held = []
        self._since = time.monotonic()

    def tables(self) -> Iterator[pa.Table]:
        """Every shard in order, its rows with their fingerprints; one is in memory at a time.

        FrostlineError where one is damaged or gone: what comes before it is kept.
        """
        at = 0
        for path, rows in row_shards.whole(self.folder):
            yield row_shards.read(path)
            at += rows
        if at != self.done:
            self.done = at
            raise FrostlineError(
                f"rows from {at} on in {printable(self.folder)} are damaged and have to be scored again"
            )

    def without_rows(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items that have no row yet; InputError where the source is not what it was when the rows were made."""
        for table in self.tables():
            for name, then in zip(table["path"].to_pylist(), table[FINGERPRINT].to_pylist(), strict=True):
                item = next(items, None)
                if item is None or item.name != name:
                    raise self._changed(name, "is gone" if item is None else f"is now {item.name}")
                if then and item.fingerprint() != then:
                    raise self._changed(name, "has another content or time")
        return items

    def _changed(self, name: str, how: str) -> InputError:
        return InputError(
            f"the source has changed since the job began: {name!r} {how}; its {self.done} finished rows are "
            f"kept: bring the files back, or remove {printable(self.folder)} to score everything anew"
        )


@contextlib.contextmanager
def open_journal(out: Path, identity: dict[str, Any], *, resume: bool) -> Iterator[Journal]:
    """The journal of an output, locked; FrostlineError where another job has it.

    `identity` is all that decides rows (model, options): an unfinished job of another one is refused,
    and one of the same is taken up only with `resume`. A job that fails before its first shard leaves
    nothing behind.
    """
    folder = output_paths.parts(out)
    with _locked(folder):
        _remove_leftovers(out, folder)
        journal = Journal(folder, done=sum(rows for _, rows in row_shards.whole(folder)))
        _require_same(folder, identity, done=journal.done, resume=resume)
        write_json(folder / _IDENTITY, identity)
        try:
            yield journal
        except BaseException as error:
            # What is held is worth a try, also where the disk is full.
            with contextlib.suppress(FrostlineError, OSError):
                journal.flush()
            if not journal.done:
                shutil.rmtree(folder, ignore_errors=True)
            elif isinstance(error, FrostlineError):
                raise type(error)(f"{error}; {_rows_kept(journal)}") from error
            raise


def _rows_kept(journal: Journal) -> str:
    return f"{journal.done} finished rows are kept, go on with --resume"


def discard(journal: Journal, out: Path) -> None:
    """Remove the shards of a job whose output stands: moved aside in one step, then deleted."""
    aside = out.with_name(f".{secrets.token_hex(4)}.{out.name}.done")
    journal.folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def sweep_finished(out: Path) -> None:
    """Remove shards of finished jobs, which a kill left moved aside: nobody needs them, so no lock is held."""
    for left in out.parent.glob(f".????????.{glob.escape(out.name)}.done"):
        shutil.rmtree(left, ignore_errors=True)


def _remove_leftovers(out: Path, folder: Path) -> None:
    """What kills left of this output: files half written, folders of finished jobs, shards after a gap."""
    sweep_finished(out)
    for ending in output_paths.ENDINGS:
        files.sweep(out.parent, out.name + ending)
    files.sweep(folder)
    whole = dict(row_shards.whole(folder))
    if damaged := sorted(set(folder.glob(row_shards.NAMES)) - whole.keys()):
        note(f"damaged: {printable(damaged[0])}; rows from {sum(whole.values())} on are scored anew")
    for left in set(folder.glob("*.arrow")) - whole.keys():
        left.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; it is free again when this process ends, however it ends."""
    file = _take(folder)
    try:
        yield
    finally:
        file.close()


def _take(folder: Path) -> IO[str]:
    """The open lock file. A folder that a job removed meanwhile is made again."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            file = (folder / _LOCK).open("a+")
        except FileNotFoundError:
            continue
        if not system.lock(file):
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise FrostlineError(
                f"another job (process {holder}) is writing into {printable(folder)}; wait for it, or name "
                "another --out"
            )
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat((folder / _LOCK).stat(), os.fstat(file.fileno())):
                file.truncate(0)
                file.write(str(os.getpid()))
                file.flush()
                return file
        file.close()


def _require_same(folder: Path, identity: dict[str, Any], *, done: int, resume: bool) -> None:
    if not done:
        return
    where = printable(folder)
    if not resume:
        raise InputError(
            f"{where} holds {done} finished rows of a job that was interrupted; go on with --resume, or remove "
            "the folder to score everything anew"
        )
    before = _identity(folder)
    changed = sorted(key for key in before.keys() | identity.keys() if before.get(key) != identity.get(key))
    if changed:
        raise InputError(
            f"{where} holds {done} rows of a job with another {', '.join(changed)}; run it as it was begun, or "
            "remove the folder to score everything anew"
        )


def _identity(folder: Path) -> dict[str, Any]:
    try:
        values = json.loads((folder / _IDENTITY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
