"""`frostline data add --shards`: photos packed into archives, and what arrives later into further ones."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from frostline.datasets import labels, shards
from frostline.datasets.source import open_source
from frostline.errors import FrostlineError, InputError, shell_command
from frostline.files import printable
from frostline.pipeline import holdings, processes, workspace
from frostline.progress import note
from frostline.template import photos
from frostline.template.photos import Photos


def run(data: Path, dataset: str, folder: Path) -> list[str]:
    """Append photos to a dataset of archives, and version these with DVC; the lines that say what came.

    InputError where the dataset is not packed, and where its photos lie in split folders and the new ones do not, or
    the other way round; where it fails nothing has changed. One that was killed is gone on with.
    """
    require_data()
    if not shards.is_packed(folder):
        raise InputError(
            f"{printable(folder)} was not packed by `frostline data add --shards`: copy the photos into it, or make "
            "a dataset of their own with another --name"
        )
    if lost := holdings.gone(folder):
        raise InputError(
            f"{printable(folder / lost[0])} is not here: bring it back, as nothing is taken out of such a dataset: "
            "dvc checkout data.dvc"
        )
    undo, held = _can_undo(), _held()
    packed, before, after = _append(data, folder)
    with _removed_on_error(packed):
        note("copying the archives into DVC's cache …")
        processes.run("dvc", "add", "data")  # where nothing is new, what a run packed that was killed
        holdings.require_held(folder, sorted(path.name for path in folder.glob("*.zip")))
    return [*_told(packed, dataset, before, after), *_next(packed, undo=undo, changed=_held() != held)]


def _append(data: Path, folder: Path) -> tuple[shards.Packed, Photos, Photos]:
    """Pack what is new; what that did, and the photos before and after it."""
    with open_source(folder) as source:
        before = photos.seen(source, folder, draw=False)
        given = any(before.splits.keys() - {""})
        _require_alike(data, folder, given=given)
        note("packing the photos …")
        packed = photos.append(data, folder, more=given)
        with _removed_on_error(packed), source.grown() as grown:
            return packed, before, photos.seen(grown, folder, draw=False)


@contextlib.contextmanager
def _removed_on_error(packed: shards.Packed) -> Iterator[None]:
    """Where the block fails, the archives that were made go."""
    try:
        yield
    except BaseException:
        for path in packed.paths:
            photos.remove(path)
        raise


def _held() -> bytes:
    """What DVC has of the photos, by its file."""
    return workspace.DATA.read_bytes() if workspace.DATA.is_file() else b""


def first(data: Path, place: Path, before: Photos) -> None:
    """Pack the photos of a new dataset. FrostlineError where they would not be read as `before`."""
    note("packing the photos …")
    photos.pack(data, place)
    with open_source(place) as source:
        after = photos.seen(source, place, draw=False)
    if before.classes.keys() != after.classes.keys() or before.splits.keys() != after.splits.keys():
        raise FrostlineError(
            f"{printable(data)}: packed into archives, its folders would be read otherwise than now; add it without "
            "--shards"
        )


def require_data() -> None:
    """InputError where DVC's photos are not here."""
    if workspace.DATA.is_file() and not Path("data").is_dir():
        raise InputError("the photos of this project are not here; bring them first: dvc pull data.dvc")


def _require_alike(data: Path, folder: Path, *, given: bool) -> None:
    """InputError for photos in split folders where those of the dataset are in none, and the other way round."""
    with open_source(data) as source:
        new = any(labels.read(source, data, more=given).column("split"))
    if new != given:
        raise InputError(
            f"{printable(folder)} has {'' if given else 'no '}split folders, and {printable(data)} has "
            f"{'none' if given else 'some'}; give both the same"
        )


def _told(packed: shards.Packed, dataset: str, before: Photos, after: Photos) -> list[str]:
    lines = [f"{dataset}: {packed.new:,} new photos, {after.total:,} in all"]
    lines += [f"{printable(path)}: {path.stat().st_size / 1e6:.1f} MB" for path in packed.paths]
    if packed.known:
        lines.append(f"{packed.known:,} lay there already, or came twice: left out")
    if fresh := sorted(after.classes.keys() - before.classes.keys()):
        lines.append(f"a class that is new: {', '.join(map(repr, fresh))}")
    if packed.elsewhere:
        lines.append(
            f"{len(packed.elsewhere):,} lie there in another class or split, too, the first {packed.elsewhere[0]!r}: "
            f"decide after dvc repro, by {shell_command('frostline', 'data', 'review', dataset)}"
        )
    return lines


def _can_undo() -> bool:
    with contextlib.suppress(FrostlineError):  # no git here
        return workspace.committed([str(workspace.DATA)])
    return False


def _next(packed: shards.Packed, *, undo: bool, changed: bool) -> list[str]:
    if not (packed.paths or changed):
        return ["nothing to add; dvc repro runs what is still due"]
    back = (
        shell_command("cd", Path.cwd()),
        shell_command("rm", *packed.paths),
        shell_command("git", "checkout", workspace.DATA),
    )
    return ["next: dvc repro", *([f"undo: {' && '.join(back)}"] if undo and packed.paths else [])]
