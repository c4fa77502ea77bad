"""What DVC holds of the data: the names in the listing that a .dvc file leads to, in DVC's cache.

`dvc add` passes over what lies behind a symbolic link to a folder and what a .dvcignore names, and says nothing.
"""

import configparser
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML

from frostline.errors import FrostlineError, shell_command
from frostline.files import printable

_RELPATH = re.compile(rb'"relpath": ("(?:[^"\\]|\\.)*")')  # read one by one: a listing may have a million


def require_held(path: Path, names: Sequence[str]) -> None:
    """FrostlineError where DVC does not hold all of these files below `path` ("." is `path` itself).

    Says nothing where no .dvc file tracks the path, or where the listing is not in this machine's cache.
    """
    if (track := _track(path)) is None or (content := _listing(track)) is None:
        return
    prefix = path.relative_to(track.with_suffix("")).as_posix().removeprefix(".")
    held = np.fromiter(map(hash, _below(prefix, content)), np.int64)
    lost = np.flatnonzero(~np.isin(np.fromiter(map(hash, names), np.int64, len(names)), held))
    if len(lost):
        raise FrostlineError(
            f"DVC does not hold {len(lost)} of the {len(names)} files of {printable(path)}, the first "
            f"{names[lost[0]]!r}: it passes over what lies behind a symbolic link to a folder or is named in a "
            f".dvcignore; put the files themselves there, then `{shell_command('dvc', 'add', track.with_suffix(''))}`"
        )


def unseen(places: Iterable[Path]) -> str:
    """A line on symbolic links to folders among photos that DVC tracks, the first by name; "" where there are none.

    What lies behind one changes no hash, so that no stage runs that could say it.
    """
    links = [link for place in places if place.is_dir() and _track(place) for link in _links(place)]
    if not links:
        return ""
    more = f" and {len(links) - 1} more" if len(links) > 1 else ""
    return (
        f"{printable(min(links))}{more} is a symbolic link to a folder: DVC does not look behind it, so its photos are "
        "in no version and no result; put the folder itself there"
    )


def _links(place: Path) -> Iterator[Path]:
    """Symbolic links to folders at or below a folder; not hidden ones."""
    if place.is_symlink():
        yield place
        return
    for above, folders, _ in os.walk(place):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from filter(Path.is_symlink, (Path(above, name) for name in folders))


def _track(path: Path) -> Path | None:
    """The .dvc file of a path or of a folder above it."""
    tracks = (place.with_name(f"{place.name}.dvc") for place in (path, *path.parents) if place.name)
    return next((track for track in tracks if track.is_file()), None)


def _listing(track: Path) -> bytes | None:
    """The listing of the folder that a .dvc file tracks, JSON; None where it tracks a file, or DVC's cache lacks it."""
    out = YAML(typ="safe", pure=True).load(track.read_text(encoding="utf-8"))["outs"][0]
    digest = str(out.get("md5", ""))
    listing = _cache() / "files" / "md5" / digest[:2] / digest[2:]
    return listing.read_bytes() if digest.endswith(".dir") and listing.is_file() else None


def _below(prefix: str, content: bytes) -> Iterator[str]:
    """Names in a listing that lie below a folder of it, from there on; "." for the prefix itself."""
    for found in _RELPATH.finditer(content):
        name = str(json.loads(found[1]))
        if name == prefix:
            yield "."
        elif not prefix or name.startswith(f"{prefix}/"):
            yield name[len(prefix) + 1 if prefix else 0 :]


def _cache() -> Path:
    """DVC's cache, as its settings name it: this machine's, this user's, the project's."""
    root = next((place for place in (Path.cwd(), *Path.cwd().parents) if (place / ".dvc").is_dir()), Path())
    cache = root / ".dvc/cache"
    for file in (Path("/etc/xdg/dvc/config"), Path.home() / ".config/dvc/config", root / ".dvc/config"):
        for path in (file, file.with_name("config.local")):
            settings = configparser.ConfigParser(interpolation=None, strict=False)
            settings.read(path)
            if named := settings.get("cache", "dir", fallback=""):
                cache = path.parent / named
    return cache
