"""`frostline use`: put a recipe in place as params.yaml and your photos under data/, without copying them."""

import os
import shutil
from collections import Counter
from pathlib import Path

from frostline import config, files, paths
from frostline.datasets import labels
from frostline.datasets.source import open_source
from frostline.errors import FrostlineError, InputError
from frostline.pipeline import worktree


def run(recipe: Path, *, data: Path) -> str:
    """Replace params.yaml by a recipe for one dataset and link that dataset's folder or archive in.

    Refuses a tree with uncommitted changes, photos that are no labelled dataset, and a place under
    data/ that is taken. Nothing is changed unless everything can be.
    """
    if not worktree.DATA.is_file():
        raise InputError(f"{worktree.DATA} is missing; run this in the project's root")
    settings = config.load(recipe)
    if len(settings.datasets) != 1:
        raise InputError(f"{recipe} holds {len(settings.datasets)} datasets; `use` takes a recipe for one")
    ((name, dataset),) = settings.datasets.items()
    target = _target(dataset.path, data)
    _require_clean()
    classes = _classes(data)
    before = paths.PARAMS.read_bytes()
    _link(data, target)
    try:
        _write_params(recipe, name=name, path=target)
        worktree.forget_sample_remote()
    except BaseException:
        _remove(target)
        with files.writing(paths.PARAMS) as temporary:
            temporary.write_bytes(before)
        raise
    return _report(recipe, target, classes)


def _require_clean() -> None:
    if changed := worktree.changes():
        raise InputError(
            f"uncommitted changes ({', '.join(line[3:] for line in changed[:3])}); commit or undo them first, "
            "so that `git checkout` can undo this"
        )


def _target(path: str, data: Path) -> Path:
    """Where under data/ the photos go: the recipe's path, with the ending of an archive."""
    if not data.exists():
        raise InputError(f"{data} does not exist; name the folder or archive that holds one folder a class")
    place = Path(path)
    if data.is_file():
        name = data.name.lower()
        place = place.with_suffix(".tar.gz" if name.endswith(".tar.gz") else data.suffix.lower())
    if place.exists() or place.is_symlink():
        raise InputError(f"{place} exists; remove it, or keep it and edit params.yaml instead")
    if place.resolve().is_relative_to(data.resolve()):
        raise InputError(f"{place} would lie inside {data}; name the folder that holds one folder a class")
    return place


def _classes(data: Path) -> Counter[str]:
    """Images per class; InputError where this is no labelled dataset."""
    with open_source(data) as source:
        counts = Counter(image.label for image in labels.read(source, data))
    if len(counts) < 2:
        raise InputError(f"{data}: one class only ('{next(iter(counts))}'); a classifier needs two or more")
    return counts


def _link(source: Path, target: Path) -> None:
    """Hard links, file by file; copies where the photos lie on another disk.

    Not symbolic links: DVC does not look behind them, so the photos would never be versioned.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_file():
            _link_file(str(source), str(target))
        else:
            shutil.copytree(source, target, copy_function=_link_file, ignore=_endless)
    except (OSError, shutil.Error) as error:
        _remove(target)
        reason = getattr(error, "strerror", None) or str(error)[:200]
        raise FrostlineError(f"cannot link {source} to {target}: {reason}; nothing was changed") from None


def _endless(folder: str, names: list[str]) -> list[str]:
    """What must stay behind: links to a folder above, links to nothing, pipes and devices."""
    here = Path(folder).resolve()
    entries = [(name, Path(folder, name)) for name in names]
    return [
        name
        for name, path in entries
        if (here.is_relative_to(path.resolve()) if path.is_dir() else not path.is_file())
    ]


def _link_file(source: str, target: str) -> None:
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copyfile(source, target)


def _remove(target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target, ignore_errors=True)
    else:
        target.unlink(missing_ok=True)


def _write_params(recipe: Path, *, name: str, path: Path) -> None:
    """The recipe's text, comments and all; only the path changes, where an archive has an ending."""
    before = config.load(recipe).datasets[name].path
    text = recipe.read_text(encoding="utf-8").replace(f"path: {before}", f"path: {path.as_posix()}", 1)
    files.write_text(paths.PARAMS, text)
    if config.load().datasets[name].path != path.as_posix():
        raise FrostlineError(
            f"{recipe}: could not set datasets.{name}.path to {path}; write it as `path: {before}`"
        )


def _report(recipe: Path, target: Path, classes: Counter[str]) -> str:
    shown = ", ".join(f"{name} {count}" for name, count in sorted(classes.items())[:10])
    more = f" and {len(classes) - 10} more" if len(classes) > 10 else ""
    return (
        f"{target}: {sum(classes.values())} images in {len(classes)} classes ({shown}{more})\n"
        f"params.yaml is now {recipe}\n"
        "next: dvc repro && frostline registry sync\n"
        f"undo: rm -r {target} && git checkout params.yaml data.dvc && dvc pull data.dvc"
    )
