"""What DVC holds of the data: the names in the listing that a .dvc file leads to, in DVC's cache.

`dvc add` passes over what lies behind a symbolic link to a folder and what a .dvcignore names, and says nothing.
"""

import configparser
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from ruamel.yaml import YAML

from frostline.errors import FrostlineError, shell_command
from frostline.files import printable

# A file of a listing, read one by one, for it may have a million: its digest, if that comes first, and its name.
_ENTRY = re.compile(rb'(?:"md5": "([0-9a-f]{32})", )?"relpath": ("(?:[^"\\]|\\.)*")')


def require_held(path: Path, names: Sequence[str]) -> None:
    """FrostlineError where DVC does not hold all of these files below `path` ("." is `path` itself).

    Says nothing where no .dvc file tracks the path, or where the listing is not in this machine's cache.
    """
    if (track := _track(path)) is None or (content := _listing(track)) is None:
        return
    prefix = path.relative_to(track.with_suffix("")).as_posix().removeprefix(".")
    held = np.fromiter((hash(name) for name, _ in _below(prefix, content)), np.int64)
    lost = np.flatnonzero(~np.isin(np.fromiter(map(hash, names), np.int64, len(names)), held))
    if len(lost):
        raise FrostlineError(
            f"DVC does not hold {len(lost)} of the {len(names)} files of {printable(path)}, the first "
            f"{names[lost[0]]!r}: it passes over what lies behind a symbolic link to a folder or is named in a "
            f".dvcignore; put the files themselves there, then `{shell_command('dvc', 'add', track.with_suffix(''))}`"
        )


def gone(path: Path) -> list[str]:
    """Files below `path` that DVC holds and that are not there; none where it says nothing of them, as above."""
    if (track := _track(path)) is None or (content := _listing(track)) is None:
        return []
    prefix = path.relative_to(track.with_suffix("")).as_posix().removeprefix(".")
    return [name for name, _ in _below(prefix, content) if not (path / name).exists()]


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


def digests(path: Path, names: Iterable[str], count: int) -> npt.NDArray[np.bytes_]:
    """(count,) S16: the MD5 that DVC holds of each of these files below `path` ("." is `path` itself).

    b"" where it says nothing: no .dvc file tracks the path, its listing is not in this machine's cache, or lacks it.
    """
    said = np.zeros(count, "S16")
    if (track := _track(path)) is None:
        return said
    if (content := _listing(track)) is None:
        whole = str(_out(track).get("md5", ""))
        said[:] = bytes.fromhex(whole) if re.fullmatch("[0-9a-f]{32}", whole) else b""
        return said
    prefix = path.relative_to(track.with_suffix("")).as_posix().removeprefix(".")
    pairs = np.fromiter(
        ((hash(name), bytes.fromhex(md5.decode())) for name, md5 in _below(prefix, content)),
        np.dtype([("name", np.int64), ("md5", "S16")]),
    )
    if not len(pairs):
        return said
    pairs.sort(order="name")
    asked = np.fromiter(map(hash, names), np.int64, count)
    places = np.searchsorted(pairs["name"], asked).clip(max=len(pairs) - 1)
    there = pairs["name"][places] == asked
    said[there] = pairs["md5"][places[there]]
    return said


def _track(path: Path) -> Path | None:
    """The .dvc file of a path or of a folder above it."""
    tracks = (place.with_name(f"{place.name}.dvc") for place in (path, *path.parents) if place.name)
    return next((track for track in tracks if track.is_file()), None)


def _listing(track: Path) -> bytes | None:
    """The listing of the folder that a .dvc file tracks, JSON; None where it tracks a file, or DVC's cache lacks it."""
    digest = str(_out(track).get("md5", ""))
    listing = _cache() / "files" / "md5" / digest[:2] / digest[2:]
    return listing.read_bytes() if digest.endswith(".dir") and listing.is_file() else None


def _out(track: Path) -> Mapping[str, object]:
    """What a .dvc file says of what it tracks."""
    out: Mapping[str, object] = YAML(typ="safe", pure=True).load(track.read_text(encoding="utf-8"))["outs"][0]
    return out


def _below(prefix: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """Names in a listing that lie below a folder of it, from there on ("." for the prefix itself), with their MD5 in
    hex; b"" where none is said."""
    for found in _ENTRY.finditer(content):
        name, md5 = str(json.loads(found[2])), found[1] or b""
        if name == prefix:
            yield ".", md5
        elif not prefix or name.startswith(f"{prefix}/"):
            yield name[len(prefix) + 1 if prefix else 0 :], md5


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
