"""`frostline data add`: another dataset in this project, with a classifier on it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from frostline import config, files, paths
from frostline.commands import data_pack
from frostline.config import Params, entries
from frostline.errors import FrostlineError, InputError, shell_command
from frostline.files import printable
from frostline.pipeline import processes, workspace
from frostline.progress import note
from frostline.template import names, photos, recipe, weights
from frostline.template.photos import Extent, Photos
from frostline.template.weights import PretrainedFile

IGNORED = paths.PRETRAINED / ".gitignore"  # DVC writes it


@dataclass(frozen=True)
class Addition:
    """What is added: the whole text of params.yaml, where the photos and the weights lie then, and what is linked:
    place in the project → file or folder."""

    params: str
    dataset: str
    classifier: str
    facts: Photos
    place: Path
    weights: Path | None  # None: no file, or one that is tracked already
    links: dict[Path, Path]


def run(
    data: Path, *, name: str | None = None, pretrained: str | None = None, shards: bool = False
) -> list[str]:
    """Link the photos under data/, add their dataset and a classifier to params.yaml, version them with DVC.

    With `shards` they are packed into archives; a dataset of that name that was packed before gets further ones.

    The weights are those that params.yaml names first for a backbone, unless `pretrained` names others. Comments
    and all other entries stay as they are. InputError for a name that is taken and for photos that are no dataset;
    where it fails nothing has changed. One that was killed is gone on with; photos that lie there by hand are taken.
    """
    if shards and (held := config.load().datasets.get(_slug(data, name))):
        return data_pack.run(data, _slug(data, name), Path(held.path))
    new = _addition(data, name, pretrained, shards=shards)
    undo = _undo(new)
    with _restoring(new):
        for place, source in new.links.items():
            if shards and place == new.place:
                data_pack.first(source, place, new.facts)
            else:
                photos.link(source, place)
        workspace.forget_sample_remote()
        note("copying the photos into DVC's cache …")
        processes.run("dvc", "add", *map(str, filter(None, (Path("data"), new.weights))))
        photos.require_held(new.place)
        files.write_text(
            paths.PARAMS, new.params
        )  # the last: a kill before it leaves photos that nothing uses
    return [
        f"{new.facts.total} photos in {len(new.facts.classes)} classes: {printable(new.place)}",
        *new.facts.remarks,
        f"params.yaml: dataset {new.dataset} and classifier {new.classifier} added",
        "next: dvc repro",
        *undo,
    ]


def _slug(data: Path, name: str | None) -> str:
    return names.slug(name or data.name.partition(".")[0])


def _addition(data: Path, name: str | None, pretrained: str | None, *, shards: bool) -> Addition:
    text = config.text(paths.PARAMS)
    settings = config.parse(config.plain(text))
    slug = _slug(data, name)
    if slug in settings.datasets:
        raise InputError(f"params.yaml has a dataset {slug} already; choose another name: --name NAME")
    data_pack.require_data()
    facts = photos.look(data)
    place = Path(f"data/{slug}{'' if shards else photos.ending(data)}")
    used, file = _weights(settings, pretrained)
    if file:
        facts = replace(facts, remarks=(*facts.remarks, *weights.remarks(used)))
    new = {
        "weights": recipe.weights_entries(used, cnn=False),
        "datasets": recipe.dataset_entry(slug, facts, path=place.as_posix()),
        "classifiers": recipe.classifier_entries(slug, facts, weights=used, cnn=False),
    }
    for section, entry in new.items():
        text = entries.added(text, section, entry)
    added = config.parse(config.plain(text)).classifiers.keys() - settings.classifiers.keys()
    if not added:
        raise InputError(f"params.yaml has a classifier on {slug} already; choose another name: --name NAME")
    links = {place: data.absolute()} if _is_free(place, data, settings, shards=shards) else {}
    if file and not file.exists() and used and used.file:
        links[file] = used.file
    return Addition(text, slug, added.pop(), facts, place, file, links)


def _is_free(place: Path, data: Path, settings: Params, *, shards: bool) -> bool:
    """Whether the photos are still to be linked to a place; InputError where something else lies there."""
    if not (place.exists() or place.is_symlink()):
        return True
    used = any(Path(dataset.path) == place for dataset in settings.datasets.values())
    found = (photos.packed if shards else photos.linked)(data, place)
    if used or found == Extent.OTHER:
        raise InputError(
            f"{printable(place)} exists and holds something else; choose another name: --name NAME, or move it away"
        )
    return found == Extent.SOME  # as a DVC leaves it that was killed: the others are to join it


def _weights(settings: Params, pretrained: str | None) -> tuple[PretrainedFile | None, Path | None]:
    """The weights to use, None for a network from scratch, and the place of their file where DVC is to track it."""
    if pretrained is None:
        return weights.named(settings.weights), None
    if (found := weights.find(pretrained)) is None:
        return None, None
    used = weights.among(settings.weights, found)
    if found.file is None:
        return used, None
    place = paths.PRETRAINED / found.source
    if place.exists() and files.sha256_file(place) != files.sha256_file(found.file):
        raise InputError(f"{printable(place)} holds other weights; give your file another name")
    return used, None if place.exists() and workspace.is_tracked(place) else place


def _undo(new: Addition) -> list[str]:
    """The line with the command that takes everything back; none where that would lose other changes, too."""
    mine = list(map(str, _fresh(new)))
    changed = [str(paths.PARAMS), str(workspace.DATA)]
    if new.weights:
        mine.append(f"{new.weights}.dvc")
        (changed if IGNORED.is_file() else mine).append(str(IGNORED))
    with contextlib.suppress(FrostlineError):  # no git here
        if workspace.committed(changed):
            remove = [shell_command("rm", "-rf", *mine)] if mine else []
            steps = [shell_command("cd", Path.cwd()), *remove, shell_command("git", "checkout", *changed)]
            return [f"undo: {' && '.join(steps)}"]
    return []


def _fresh(new: Addition) -> list[Path]:
    """Places where nothing stands yet: what stood there before is nobody's to remove."""
    return [place for place in new.links if not place.exists()]


@contextlib.contextmanager
def _restoring(new: Addition) -> Iterator[None]:
    """Where the block fails, nothing that is linked stays, and the files that are written beside are as they were."""
    tracks = [Path(f"{new.weights}.dvc")] if new.weights else []
    written = [paths.PARAMS, workspace.DATA, IGNORED, *tracks]
    before = {path: path.read_bytes() if path.is_file() else None for path in written}
    fresh = _fresh(new)
    try:
        yield
    except BaseException:
        for place in fresh:
            photos.remove(place)
        for path, content in before.items():
            photos.remove(path) if content is None else path.write_bytes(content)
        raise
