"""What was found out about the code of this package, kept until one of its files changes.

Files are taken for unchanged by size, times and inode, as Python takes them when it uses its own compiled ones.
"""

import contextlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa

from frostline import files, paths
from frostline.errors import FrostlineError
from frostline.snapshot import Snapshot

SETTLED = 2_000_000_000  # ns that files must have been left alone: clocks of file systems are coarse

_SCHEMA = pa.schema([("stamp", pa.string()), ("code", pa.string()), ("imported", pa.string())])

Reached = tuple[str, frozenset[str]]  # a digest, and names of packages


def remembered(module: str, sources: Iterable[Path], compute: Callable[[], Reached]) -> Reached:
    """What `compute` says of a module of a package whose files are `sources`, or said when they were the same."""
    statuses = {str(path): path.stat() for path in sources}
    changed = max((max(one.st_mtime_ns, one.st_ctime_ns) for one in statuses.values()), default=0)
    stamp = files.digest(
        {path: [one.st_size, one.st_mtime_ns, one.st_ctime_ns, one.st_ino] for path, one in statuses.items()}
    )
    place = files.printable(next(iter(statuses), ""))
    kept = Snapshot("code", {"module": module, "place": place}, cache=paths.scoring_cache(), schema=_SCHEMA)
    with contextlib.suppress(FrostlineError, OSError):
        if (table := kept.read()) is not None and table["stamp"][0].as_py() == stamp:
            return table["code"][0].as_py(), frozenset(table["imported"][0].as_py().split())
    code, imported = compute()
    if changed < time.time_ns() - SETTLED:
        row = {"stamp": [stamp], "code": [code], "imported": [" ".join(sorted(imported))]}
        with contextlib.suppress(
            FrostlineError, OSError
        ):  # a cache that cannot be written to costs only time
            kept.write(pa.table(row, schema=_SCHEMA))
    return code, imported
