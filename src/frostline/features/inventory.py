"""What the cache holds, what may go, and whether it is whole; files are the units, oldest use first."""

import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from frostline import arrow, checksums, files
from frostline.errors import InputError

NOTES = {"key.json", checksums.SEAL}  # what describes the other files of a folder
LIMIT = "FROSTLINE_CACHE_LIMIT"
UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


@dataclass(frozen=True)
class CachedFile:
    """One file: its kind (`features`, `pixels`, ...), its key's folder, bytes, last use (epoch seconds)."""

    path: Path
    kind: str
    key: str
    bytes: int
    used: float


@dataclass(frozen=True)
class Entry:
    """All files under one key. `made_of` is what the key was made of; `rows` None where it has none."""

    kind: str
    key: str
    made_of: dict[str, Any]
    files: int
    rows: int | None
    bytes: int
    used: float


def cached_files(cache: Path) -> list[CachedFile]:
    """Every file that counts, least recently used first; notes of keys and half-written files do not."""
    candidates = [_cached_file(cache, path) for path in cache.rglob("*") if _counts(path)]
    return sorted((file for file in candidates if file), key=lambda file: (file.used, str(file.path)))


def entries(cache: Path) -> list[Entry]:
    """What lies in the cache by key, the largest first."""
    by_key: dict[tuple[str, str], list[CachedFile]] = {}
    for file in cached_files(cache):
        by_key.setdefault((file.kind, file.key), []).append(file)
    listed = [_entry(cache, kind, key, members) for (kind, key), members in by_key.items()]
    return sorted(listed, key=lambda entry: (-entry.bytes, entry.kind, entry.key))


def prune(cache: Path, *, limit: int | None = None, unused_since: float | None = None) -> list[CachedFile]:
    """Delete files until at most `limit` bytes are left, and those last used before a time; what went.

    The least recently used go first. Rows that a running process has mapped stay readable to it.
    """
    for folder in (cache, *(path for path in cache.rglob("*") if path.is_dir())):
        files.sweep(folder)
    everything = cached_files(cache)
    left = sum(file.bytes for file in everything)
    gone = []
    for file in everything:
        over = limit is not None and left > limit
        old = unused_since is not None and file.used < unused_since
        if over or old:
            file.path.unlink(missing_ok=True)
            left -= file.bytes
            gone.append(file)
    for file in gone:
        _close(file.path.parent, cache)
    return gone


def verified(cache: Path) -> Iterator[tuple[CachedFile, bool | None]]:
    """Every file, and whether its bytes are those that were written, for which it is read; None: nothing tells."""
    for file in cached_files(cache):
        with contextlib.suppress(FileNotFoundError):  # pruned meanwhile
            yield file, _is_whole(file)


def damaged(cache: Path) -> Iterator[CachedFile]:
    """Files whose bytes are not those that were written; the whole cache is read."""
    return (file for file, whole in verified(cache) if whole is False)


def keep_limit(cache: Path, *, since: float) -> str:
    """Prune to $FROSTLINE_CACHE_LIMIT, sparing what was used after `since` (epoch seconds): the job's own.

    "" where that is enough or no limit is set; else what to tell the user. InputError for a limit
    that is no size.
    """
    limit = size_limit()
    if limit is None:
        return ""
    spared = sum(file.bytes for file in cached_files(cache) if file.used >= since)
    prune(cache, limit=max(limit, spared))
    if spared <= limit:
        return ""
    return f"the cache holds {spared / 1e9:.2f} GB that this job needs, more than {LIMIT} allows ({limit / 1e9:.2f} GB)"


def size_limit() -> int | None:
    """The limit that the environment sets, in bytes; None without one."""
    text = os.environ.get(LIMIT)
    return parse_size(text, what=LIMIT) if text else None


def parse_size(text: str, *, what: str) -> int:
    """`20GB`, `512 MiB` or a number of bytes → bytes; InputError for anything else."""
    matched = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    unit = UNITS.get((matched[2] or "B").upper()) if matched else None
    if matched is None or unit is None:
        raise InputError(f"{what}: {text!r} is no size; write it like 20GB or 512MiB")
    return int(float(matched[1]) * unit)


def _counts(path: Path) -> bool:
    return not path.name.startswith(".") and path.name not in NOTES and path.is_file()


def _is_whole(file: CachedFile) -> bool | None:
    """By the checksum in its name, in itself, in its folder's name, or beside it."""
    path = file.path
    if path.suffix == ".arrow":
        return arrow.is_whole(path)
    if file.kind == "checkpoints":
        return checksums.unsealed(path.read_bytes()) is not None
    if path.suffix == ".onnx" and re.fullmatch("[0-9a-f]{32}", path.stem):
        return files.sha256_file(path).startswith(path.stem)
    if path.suffix == ".onnx" and re.fullmatch("[0-9a-f]{64}", file.key) and path.stem == "model":
        return files.sha256_file(path) == file.key
    return checksums.is_whole(path)


def _cached_file(cache: Path, path: Path) -> CachedFile | None:
    inside = path.relative_to(cache).parts
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    key = inside[1] if len(inside) > 1 else ""
    return CachedFile(path, kind=inside[0], key=key, bytes=status.st_size, used=status.st_mtime)


def _entry(cache: Path, kind: str, key: str, some: list[CachedFile]) -> Entry:
    counts = [_rows(file.path) for file in some if file.path.suffix == ".arrow"]
    return Entry(
        kind=kind,
        key=key,
        made_of=_made_of(cache / kind / key / "key.json"),
        files=len(some),
        rows=sum(counts) if counts else None,
        bytes=sum(file.bytes for file in some),
        used=max(file.used for file in some),
    )


def _rows(path: Path) -> int:
    """How many rows a file says it has; none where it is no complete file of rows."""
    try:
        with pa.memory_map(str(path)) as source:
            reader = pa.ipc.open_file(source)
            return sum(reader.get_batch(number).num_rows for number in range(reader.num_record_batches))
    except (pa.ArrowException, OSError):
        return 0


def _made_of(path: Path) -> dict[str, Any]:
    try:
        key = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return key if isinstance(key, dict) and arrow.key_name(key) == path.parent.name else {}


def _close(folder: Path, cache: Path) -> None:
    """Remove a key's folder that holds nothing but its note; a writer makes both again."""
    while folder not in {cache, cache.parent} and {path.name for path in folder.glob("*")} <= NOTES:
        for name in NOTES:
            (folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # somebody has just put a file there
            folder.rmdir()
        folder = folder.parent
