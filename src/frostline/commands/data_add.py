"""`frostline data add`: another dataset in this project, with a classifier on it."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from frostline import config, files, paths
from frostline.config import Params, entries
from frostline.errors import FrostlineError, InputError, shell_command
from frostline.files import printable
from frostline.pipeline import processes, workspace
from frostline.progress import note
from frostline.template import names, photos, recipe, weights
from frostline.template.photos import Photos
from frostline.template.weights import PretrainedFile

IGNORED = paths.PRETRAINED / ".gitignore"  # DVC writes it


@dataclass(frozen=True)
class Addition:
    """What is added: the whole text of params.yaml, and what is linked: place in the project → file or folder."""

    params: str
    dataset: str
    classifier: str
    facts: Photos
    links: dict[Path, Path]

    @property
    def place(self) -> Path:
        """Where the photos are linked to."""
        return next(iter(self.links))


def run(data: Path, *, name: str | None = None, pretrained: str | None = None) -> list[str]:
    """Link the photos under data/, add their dataset and a classifier to params.yaml, version them with DVC.

    The weights are those that params.yaml names first for a backbone, unless `pretrained` names others. Comments
    and all other entries stay as they are. InputError for a name that is taken and for photos that are no dataset;
    where it fails nothing has changed.
    """
    new = _addition(data, name, pretrained)
    undo = _undo(new)
    with _restoring(new.links):
        for place, source in new.links.items():
            photos.link(source, place)
        workspace.forget_sample_remote()
        note("copying the photos into DVC's cache …")
        tracked = [Path("data"), *(place for place in new.links if place != new.place)]
        processes.run("dvc", "add", *map(str, tracked))
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


def _addition(data: Path, name: str | None, pretrained: str | None) -> Addition:
    text = config.text(paths.PARAMS)
    settings = config.parse(config.plain(text))
    slug = names.slug(name or data.name.partition(".")[0])
    if slug in settings.datasets:
        raise InputError(f"params.yaml has a dataset {slug} already; choose another name: --name NAME")
    if workspace.DATA.is_file() and not Path("data").is_dir():
        raise InputError("the photos of this project are not here; bring them first: dvc pull data.dvc")
    facts = photos.look(data)
    place = Path(f"data/{slug}{photos.ending(data)}")
    if place.exists() or place.is_symlink():
        raise InputError(f"{place} exists; remove it, or choose another name: --name NAME")
    used, linked = _weights(settings, pretrained)
    if linked:
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
    return Addition(text, slug, added.pop(), facts, {place: data.absolute(), **linked})


def _weights(settings: Params, pretrained: str | None) -> tuple[PretrainedFile | None, dict[Path, Path]]:
    """The weights to use, None for a network from scratch, and the file to link: place in the project → file."""
    if pretrained is None:
        return weights.named(settings.weights), {}
    if (found := weights.find(pretrained)) is None:
        return None, {}
    used = weights.among(settings.weights, found)
    if found.file is None:
        return used, {}
    place = paths.PRETRAINED / found.source
    if not place.exists():
        return used, {place: found.file}
    if files.sha256_file(place) != files.sha256_file(found.file):
        raise InputError(f"{printable(place)} holds other weights; give your file another name")
    return used, {}


def _undo(new: Addition) -> list[str]:
    """The line with the command that takes everything back; none where that would lose other changes, too."""
    mine = list(map(str, new.links))
    changed = [str(paths.PARAMS), str(workspace.DATA)]
    if len(new.links) > 1:
        mine += [f"{place}.dvc" for place in mine[1:]]
        (changed if IGNORED.is_file() else mine).append(str(IGNORED))
    with contextlib.suppress(FrostlineError):  # no git here
        if workspace.committed(changed):
            remove, restore = shell_command("rm", "-rf", *mine), shell_command("git", "checkout", *changed)
            return [f"undo: {shell_command('cd', Path.cwd())} && {remove} && {restore}"]
    return []


@contextlib.contextmanager
def _restoring(places: Iterable[Path]) -> Iterator[None]:
    """Where the block fails, nothing lies at these places, and the files that are written beside are as they were."""
    tracks = [place.with_name(f"{place.name}.dvc") for place in places]
    written = [paths.PARAMS, workspace.DATA, IGNORED, *tracks]
    before = {path: path.read_bytes() if path.is_file() else None for path in written}
    try:
        yield
    except BaseException:
        for place in places:
            photos.remove(place)
        for path, content in before.items():
            photos.remove(path) if content is None else path.write_bytes(content)
        raise
