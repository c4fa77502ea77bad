"""`frostline cache`: what lies in the cache, less of it, or a check that it is intact."""

import time
from typing import Any

from frostline import paths
from frostline.errors import FrostlineError, InputError
from frostline.evaluation.comparison_report import aligned
from frostline.features import inventory
from frostline.features.inventory import Entry

DAY = 86_400


def show() -> list[str]:
    """A table of the cache, a line for each key, and the sum."""
    entries = inventory.entries(paths.cache())
    total = sum(entry.bytes for entry in entries)
    limit = inventory.size_limit()
    allowed = f", at most {_size(limit)}" if limit is not None else f"; no {inventory.LIMIT} is set"
    table = aligned([_row(entry) for entry in entries], right=frozenset({"size", "rows"})) if entries else ()
    return [*table, f"{paths.cache()}: {_size(total)} under {len(entries)} keys{allowed}"]


def _row(entry: Entry) -> dict[str, str]:
    days = (time.time() - entry.used) / DAY
    return {
        "size": _size(entry.bytes),
        "rows": "" if entry.rows is None else f"{entry.rows:,}",
        "last use": "today" if days < 1 else f"{days:.0f} days ago",
        "kind": entry.kind,
        "key": entry.key[:8],
        "made of": _what(entry.made_of),
    }


def _what(made_of: dict[str, Any]) -> str:
    """A key in words: backbone and cut, precision, size of the images."""
    shape = made_of.get("shape")
    parts = [
        _trunk(made_of),
        made_of.get("precision", ""),
        f"{shape[0]}x{shape[1]} {made_of.get('resize', '')}" if shape else "",
    ]
    return ", ".join(str(part) for part in parts if part)


def _trunk(made_of: dict[str, Any]) -> str:
    """Whose features they are: training names the cut, scoring the trunk of an exported model."""
    backbone = made_of.get("backbone") or "a network from scratch"
    if "cut" in made_of:
        return f"{backbone} up to {made_of['cut']}"
    return f"{backbone}, trunk {made_of['trunk'][:8]} of scored images" if "trunk" in made_of else ""


def prune(*, limit: str | None = None, unused_days: float | None = None) -> str:
    """Delete what was used least recently until `limit` ("20GB") holds, and all not used for so many days.

    InputError where neither is given, nor $FROSTLINE_CACHE_LIMIT.
    """
    size = inventory.parse_size(limit, what="--limit") if limit else inventory.size_limit()
    if size is None and unused_days is None:
        raise InputError(f"say what may stay: --limit 20GB, --unused-days 30, or set {inventory.LIMIT}")
    since = None if unused_days is None else time.time() - unused_days * DAY
    gone = inventory.prune(paths.cache(), limit=size, unused_since=since)
    left = sum(file.bytes for file in inventory.cached_files(paths.cache()))
    return f"deleted {len(gone)} files, {_size(sum(file.bytes for file in gone))}; {_size(left)} are left"


def verify() -> list[str]:
    """Read every file and compare it with its checksum; FrostlineError names the damaged ones, which are deleted."""
    verdicts = list(inventory.verified(paths.cache()))
    damaged = [file for file, whole in verdicts if whole is False]
    for file in damaged:
        file.path.unlink(missing_ok=True)
    if damaged:
        lines = [
            f"damaged, deleted: {file.kind} {file.key[:8]} {file.path.name}, {_size(file.bytes)}"
            for file in damaged
        ]
        raise FrostlineError(
            "\n".join(
                [*lines, f"{len(damaged)} files were damaged; what they held is computed again when needed"]
            )
        )
    intact = [file for file, whole in verdicts if whole]
    unknown = [file for file, whole in verdicts if whole is None]
    return [
        f"{len(intact)} files, {_size(sum(file.bytes for file in intact))}: every one matches its checksum",
        *(
            f"not checked, it has no checksum: {file.kind} {file.key[:8]} {file.path.name}"
            for file in unknown
        ),
    ]


def _size(count: int) -> str:
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"
