"""`frostline init`: a folder of photos becomes a project under git and DVC, with a recipe that fits them."""

import contextlib
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from frostline import config, files, paths
from frostline.commands import lock, sample
from frostline.commands import search as search_command
from frostline.config.backbones import NAMED_SOURCES
from frostline.errors import FrostlineError, InputError, shell_command
from frostline.files import printable
from frostline.pipeline import commits, processes
from frostline.progress import note, say
from frostline.template import names, photos, project, recipe, weights
from frostline.template.photos import Photos
from frostline.template.weights import PretrainedFile

DIGITS = Path("data/digits.zip")
# Else each command of DVC starts another one, which sends what was run to its makers and looks for a later version.
DVC_CONFIG = "[core]\n    analytics = false\n    check_update = false\n"


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
    search: float | None = None,
    agree: Callable[[str], bool] | None = None,
) -> list[str]:
    """Make the project `folder` from the photos at `data`, or from the sample; what was done, and what is next.

    `agree` shows a person what will be made, who may say no: then nothing is.

    `pretrained`: imagenet, none or a weights file. `template`: the name of a recipe that comes with frostline, or a
    params.yaml. `search`: minutes in which to find the best classifier of the new project. Nothing stands under the
    project's name until all of it does. InputError for photos that are no labelled dataset, weights that are none, a
    folder that is taken.
    """
    _require_free(folder)
    if (data is None) != from_sample:
        raise InputError("name your photos: --data FOLDER, or --sample to try it with handwritten digits")
    if (template or from_sample) and (pretrained or compare_cnn):
        raise InputError(
            "a recipe names its weights and networks itself: leave out --weights and --compare-cnn"
        )
    plan = _plan(folder, data, template, pretrained, cnn=compare_cnn)
    if search:
        _require_searchable(plan)
    findings = _findings(plan, asked=pretrained)
    if agree and not agree("\n".join(findings)):
        return ["nothing was made"]
    with _building(folder.absolute()) as root:
        for place, source in plan.links.items():
            photos.link(source.absolute(), root / place)
        if from_sample:
            sample.run(root / DIGITS)
        commit = _write(root, folder.absolute(), plan)
    wrote = f"Wrote {printable(folder)}: every choice is in params.yaml, with its reason"
    lines = [*([] if agree else findings), wrote, *commit, *_leftovers(folder)]
    if not search:
        return [*lines, *_next(folder, lock.scored(plan.params))]
    for line in lines:
        say(line)
    return [*_searched(folder, plan, search), *_next(folder, _found(folder, plan))]


def _plan(
    folder: Path, data: Path | None, template: str | None, pretrained: str | None, *, cnn: bool
) -> InitPlan:
    """What to make: the sample where there are no photos, else by a recipe, else by what the photos are like."""
    if data is None:
        return InitPlan(project.recipe("sample"), {})
    if template is not None:
        return _by_template(template, data)
    return _by_facts(folder.absolute().name, data, weights.find(pretrained), cnn=cnn)


def _require_searchable(plan: InitPlan) -> None:
    """A search chooses among pretrained networks; InputError before anything is made where there are none."""
    entries = config.parse(config.plain(plan.params)).weights.values()
    if not any(entry.backbone and entry.source != "random" for entry in entries):
        raise InputError(
            "--search: there are no pretrained weights to choose from; name some: --weights imagenet or --weights FILE"
        )


def _searched(folder: Path, plan: InitPlan, minutes: float) -> list[str]:
    """Preprocess the photos and search among the weights of the new project; what was found."""
    (name,) = config.parse(config.plain(plan.params)).datasets
    with contextlib.chdir(folder):
        note(f"looking at the photos: dvc repro preprocess@{name} …")
        processes.run("dvc", "repro", "--quiet", f"preprocess@{name}")
        used = plan.pretrained
        guessed = used.name if used and used.onnx and not used.onnx.known else ""
        found = search_command.run(name, minutes=minutes, since=time.monotonic(), guessed=guessed)
    return [*found, f"more networks: put files into {printable(folder / 'pretrained')} and search again"]


def _require_free(folder: Path) -> None:
    if (folder / "dvc.yaml").is_file():
        raise InputError(
            f"{printable(folder)} is a project already; more photos of its classes go into their folders in "
            f"{printable(folder / 'data')}, then dvc repro; another dataset: "
            f"{shell_command('cd', folder)} && frostline data add PHOTOS"
        )
    if folder.exists() and not (folder.is_dir() and set(folder.iterdir()) <= set(_left(folder))):
        raise InputError(f"{printable(folder)} exists and is not empty; choose another name")
    if not folder.absolute().parent.is_dir():
        raise InputError(f"{printable(folder.absolute().parent)} is no folder; make it first")


def _by_facts(name: str, data: Path, pretrained: PretrainedFile | None, *, cnn: bool) -> InitPlan:
    """A recipe that fits the photos and the weights."""
    facts, slug = photos.look(data), names.slug(name)
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
    """A folder beside, which becomes `folder` at the end, or is gone; inside an empty one that is there already.

    That one stays the same folder: somebody may stand in it, or another disk be mounted there.
    """
    there = folder.is_dir()
    root = (folder if there else folder.parent) / f".{secrets.token_hex(4)}.{folder.name}"
    try:
        root.mkdir()
        yield root
        if not there:
            root.replace(folder)
        else:
            for path in sorted(
                root.iterdir(), key=lambda path: path.name == "dvc.yaml"
            ):  # which makes it a project
                path.replace(folder / path.name)
    except OSError as error:
        raise FrostlineError(f"cannot make {printable(folder)}: {error.strerror or error}") from None
    finally:
        photos.remove(root)


def _write(root: Path, folder: Path, plan: InitPlan) -> list[str]:
    """All files of the project that will be `folder`, under DVC and git; a line about the commit."""
    name = folder.name
    files.write_text(root / "params.yaml", plan.params)
    for path, text in project.contents(name, lock.scored(plan.params)).items():
        files.write_text(root / path, text)
    inside = _enclosing(folder)
    with contextlib.chdir(root):
        lock.run()
        if not inside:
            processes.run("git", "init", "--quiet")
        processes.run("dvc", "init", *(["--subdir"] if inside else []))
        files.write_text(Path(".dvc/config"), DVC_CONFIG)
        note("copying the photos into DVC's cache …")
        processes.run(
            "dvc", "add", "data", *(str(place) for place in plan.links if place.parts[0] == "pretrained")
        )
        for place in plan.links:
            if place.parts[0] == "data":
                photos.require_held(place)
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
    """What is to do where git does not commit: without a name and an address, or a key, or for its hooks."""
    processes.run("git", "add", "--all")
    if not commits.committer():
        return [f"git: nothing is committed, as git does not know who you are; say it: {commits.INTRODUCE}"]
    try:
        processes.run("git", "commit", "--quiet", "--message", f"{name}: made by frostline init")
    except FrostlineError as error:
        return [f"git: nothing is committed: {error}"]
    return []


def _leftovers(folder: Path) -> list[str]:
    """How to remove what an `init` that was killed left."""
    left = _left(folder)
    return [f"left by an init that was killed: {shell_command('rm', '-r', *left)}"] if left else []


def _left(folder: Path) -> list[Path]:
    """What an earlier `init` of this name left when it was killed, beside the project or in it."""
    mine = re.compile(rf"\.[0-9a-f]{{8}}\.{re.escape(folder.absolute().name)}")
    places = [place for place in (folder.absolute().parent, folder) if place.is_dir()]
    return [path for place in places for path in place.iterdir() if mine.fullmatch(path.name)]


def _findings(plan: InitPlan, *, asked: str | None) -> list[str]:
    """What was seen and chosen, a line each."""
    lines = []
    if plan.photos:
        lines.append(_photos(plan.photos))
        lines += plan.photos.remarks
    settings = config.parse(config.plain(plan.params))
    for name, entry in settings.classifiers.items():
        source = settings.weights[entry.weights]
        kind = (
            "a plain CNN from scratch"
            if source.backbone is None
            else f"the frozen network of {source.source}"
            if source.backbone == config.ONNX
            else f"{source.backbone}, {source.source} weights"
            if source.source in NAMED_SOURCES
            else f"{source.backbone}, weights from {source.source}"
        )
        lines.append(f"classifier {name}: {kind}")
    lines += weights.remarks(plan.pretrained)
    if plan.photos and not any(entry.backbone for entry in settings.weights.values()):
        why = "as asked" if asked else "none are at hand and there is no internet"
        lines.append(
            f"no pretrained weights ({why}): a network from scratch needs more photos and time; "
            "with a weights file: --weights FILE"
        )
    return lines


def _photos(facts: Photos) -> str:
    shown = ", ".join(f"{printable(name)} {count}" for name, count in list(facts.classes.items())[:8])
    more = f" and {len(facts.classes) - 8} more" if len(facts.classes) > 8 else ""
    given = ", ".join(f"{name} {count}" for name, count in facts.splits.items() if name)
    return (
        f"{facts.total} photos in {len(facts.classes)} classes ({shown}{more}); "
        f"{f'splits as given: {given}' if given else 'no splits given: they are drawn'}"
    )


def _found(folder: Path, plan: InitPlan) -> str:
    """The classifier that the search wrote into params.yaml, else the one of the plan."""
    settings = config.parse(config.plain(config.text(folder / paths.PARAMS)))
    (dataset,) = settings.datasets
    name = f"{dataset}-search"
    return name if name in settings.classifiers else lock.scored(plan.params)


def _next(folder: Path, name: str) -> list[str]:
    return [
        "next:",
        f"  {shell_command('cd', folder)}",
        "  dvc repro",
        f"  frostline score PHOTOS --model {name} --out scores.csv",
    ]
