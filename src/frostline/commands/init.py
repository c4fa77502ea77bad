"""`frostline init`: a folder of photos becomes a project under git and DVC, with a recipe that fits them."""

import contextlib
import secrets
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from frostline import config, files
from frostline.commands import lock, sample
from frostline.errors import FrostlineError, InputError
from frostline.files import printable
from frostline.pipeline import processes
from frostline.progress import note
from frostline.template import photos, project, recipe, weights
from frostline.template.photos import Photos
from frostline.template.weights import PretrainedFile

DIGITS = Path("data/digits.zip")


@dataclass(frozen=True)
class InitPlan:
    """What a project is made of: the text of its params.yaml, photos and weights to link by place, and the facts."""

    params: str
    links: dict[Path, Path]  # place in the project → file or folder
    photos: Photos | None = None
    pretrained: PretrainedFile | None = None


def run(  # noqa: PLR0913  # what a person may choose
    folder: Path,
    *,
    data: Path | None = None,
    from_sample: bool = False,
    pretrained: str | None = None,
    template: str | None = None,
    compare_cnn: bool = False,
) -> list[str]:
    """Make the project `folder` from the photos at `data`, or from the sample; what was done, and what is next.

    `pretrained`: imagenet, none or a weights file. `template`: the name of a recipe that comes with frostline, or a
    params.yaml. Nothing stands under the project's name until all of it does. InputError for photos that are no
    labelled dataset, weights that are none, a folder that is taken.
    """
    _require_free(folder)
    if (data is None) != from_sample:
        raise InputError("name your photos: --data FOLDER, or --sample to try it with handwritten digits")
    if data is None:
        plan = InitPlan(project.recipe("sample"), {})
    elif template is not None:
        plan = _by_template(template, data)
    else:
        plan = _by_facts(folder.absolute().name, data, weights.find(pretrained), cnn=compare_cnn)
    with _building(folder) as root:
        for place, source in plan.links.items():
            photos.link(source.absolute(), root / place)
        if from_sample:
            sample.run(root / DIGITS)
        commit = _write(root, folder.absolute().name, plan)
    return [*_said(folder, plan), *commit, *_next(folder, plan)]


def _require_free(folder: Path) -> None:
    if (folder / "dvc.yaml").is_file():
        raise InputError(
            f"{printable(folder)} is a project already; to add photos to it: "
            f"cd {shlex.quote(str(folder))} && frostline data add PHOTOS"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{printable(folder)} exists and is not empty; choose another name")
    if not folder.absolute().parent.is_dir():
        raise InputError(f"{printable(folder.absolute().parent)} is no folder; make it first")


def _by_facts(name: str, data: Path, pretrained: PretrainedFile | None, *, cnn: bool) -> InitPlan:
    """A recipe that fits the photos and the weights."""
    facts, slug = photos.look(data), recipe.slug(name)
    path = f"data/{slug}{photos.ending(data)}"
    text = recipe.recipe(slug, facts, path=path, weights=pretrained, cnn=cnn)
    links = {Path(path): data}
    if pretrained and pretrained.file:
        links[Path("pretrained", pretrained.source)] = pretrained.file
    return InitPlan(text, links, facts, pretrained)


def _by_template(template: str, data: Path) -> InitPlan:
    """A recipe that somebody wrote, for one dataset: its path is that of the photos."""
    text = project.recipe(template) if template in project.recipes() else config.text(Path(template))
    settings = config.parse(config.plain(text, source=template), source=template)
    if len(settings.datasets) != 1:
        raise InputError(f"{template} holds {len(settings.datasets)} datasets; a project starts with one")
    ((name, dataset),) = settings.datasets.items()
    facts = photos.look(data)
    if dataset.classes and sorted(dataset.classes) != sorted(facts.classes):
        raise InputError(
            f"{template} is for the classes {', '.join(dataset.classes)}; these photos have "
            f"{', '.join(facts.classes)}; leave the recipe out, or set datasets.{name}.classes to null"
        )
    path = str(Path(dataset.path).with_suffix(photos.ending(data)) if photos.ending(data) else dataset.path)
    text = text.replace(f"path: {dataset.path}", f"path: {path}", 1)
    if config.parse(config.plain(text)).datasets[name].path != path:
        raise FrostlineError(f"{template}: write the path of the photos as `path: {dataset.path}`")
    return InitPlan(text, {Path(path): data}, facts)


@contextlib.contextmanager
def _building(folder: Path) -> Iterator[Path]:
    """A folder beside, which becomes `folder` in one step at the end, or is gone."""
    folder = folder.absolute()
    root = folder.with_name(f".{secrets.token_hex(4)}.{folder.name}")
    try:
        root.mkdir()
        yield root
        root.replace(folder)
    except OSError as error:
        raise FrostlineError(f"cannot make {printable(folder)}: {error.strerror or error}") from None
    finally:
        photos.remove(root)


def _write(root: Path, name: str, plan: InitPlan) -> list[str]:
    """All files of the project, under DVC and git; a line about the commit."""
    files.write_text(root / "params.yaml", plan.params)
    for path, text in project.contents(name, lock.scored(plan.params)).items():
        files.write_text(root / path, text)
    inside = _enclosing(root.with_name(name))
    with contextlib.chdir(root):
        lock.run()
        if not inside:
            processes.run("git", "init", "--quiet")
        processes.run("dvc", "init", "--quiet", *(["--subdir"] if inside else []))
        note("copying the photos into DVC's cache …")
        processes.run("dvc", "add", "--quiet", "data")
        for place in plan.links:
            if place.parts[0] == "pretrained":
                processes.run("dvc", "add", "--quiet", str(place))
        if not inside:
            return _commit(name)
        processes.run("git", "reset", "--quiet", "--", ".")  # what DVC staged, by the folder's name until now
        return [f"git: the files are for you to add to the repository in {inside}"]


def _enclosing(folder: Path) -> str:
    """The git repository that a new folder would be a part of, "" outside any and where it would be ignored."""
    above = processes.run("git", "rev-parse", "--show-toplevel", check=False, folder=folder.parent).strip()
    ignored = processes.run("git", "check-ignore", f"{folder}/", check=False, folder=folder.parent)
    return "" if ignored else above


def _commit(name: str) -> list[str]:
    processes.run("git", "add", "--all")
    if not processes.run("git", "var", "GIT_COMMITTER_IDENT", check=False).strip():
        return [
            "git: nothing is committed, for git does not know who you are: git config --global user.name NAME"
        ]
    processes.run("git", "commit", "--quiet", "--message", f"{name}: made by frostline init")
    return []


def _said(folder: Path, plan: InitPlan) -> list[str]:
    lines = []
    if plan.photos:
        lines.append(_photos(plan.photos))
        if plan.photos.other:
            lines.append(f"left out: {plan.photos.other} files that are no images")
    settings = config.parse(config.plain(plan.params))
    for name, entry in settings.classifiers.items():
        source = settings.weights[entry.weights]
        kind = (
            "a plain CNN from scratch"
            if source.backbone is None
            else f"{source.backbone}, {source.source} weights"
        )
        lines.append(f"classifier {name}: {kind}")
    if plan.photos and not any(entry.backbone for entry in settings.weights.values()):
        lines.append(
            "no pretrained weights are at hand and there is no internet: a network from scratch needs more photos and "
            "time; with a weights file: --weights FILE"
        )
    return [*lines, f"Wrote {printable(folder)}: every choice is in params.yaml, with its reason"]


def _photos(facts: Photos) -> str:
    shown = ", ".join(f"{printable(name)} {count}" for name, count in list(facts.classes.items())[:8])
    more = f" and {len(facts.classes) - 8} more" if len(facts.classes) > 8 else ""
    given = ", ".join(f"{name} {count}" for name, count in facts.splits.items() if name)
    return (
        f"{facts.total} photos in {len(facts.classes)} classes ({shown}{more}); "
        f"{f'splits as given: {given}' if given else 'no splits given: they are drawn'}"
    )


def _next(folder: Path, plan: InitPlan) -> list[str]:
    name = lock.scored(plan.params)
    return [
        "next:",
        f"  cd {shlex.quote(str(folder))}",
        "  dvc repro",
        f"  frostline score PHOTOS --model {name} --out scores.csv",
    ]
