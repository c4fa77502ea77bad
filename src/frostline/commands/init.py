"""`frostline init`: a folder of photos becomes a project under git and DVC, with a recipe that fits them."""

import contextlib
import re
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from frostline import config, files, paths
from frostline.commands import data_pack, init_plan, lock, sample
from frostline.commands import search as search_command
from frostline.commands.init_plan import InitPlan
from frostline.errors import FrostlineError, InputError, shell_command
from frostline.files import printable
from frostline.pipeline import commits, processes
from frostline.progress import note, say
from frostline.template import photos, project

DIGITS = Path("data/digits.zip")
# Else each command of DVC starts another one, which sends what was run to its makers and looks for a later version.
DVC_CONFIG = "[core]\n    analytics = false\n    check_update = false\n"


def run(  # noqa: PLR0913  # what a person may choose
    folder: Path,
    *,
    data: Path | None = None,
    from_sample: bool = False,
    pretrained: str | None = None,
    template: str | None = None,
    compare_cnn: bool = False,
    search: float | None = None,
    shards: bool = False,
    agree: Callable[[str], bool] | None = None,
) -> list[str]:
    """Make the project `folder` from the photos at `data`, or from the sample; what was done, and what is next.

    With `shards` the photos are packed into archives, to which `frostline data add --shards` adds.

    `agree` shows a person what will be made, who may say no: then nothing is.

    `pretrained`: imagenet, none or a weights file. `template`: the name of a recipe that comes with frostline, or a
    params.yaml. `search`: minutes in which to find the best classifier of the new project. Nothing stands under the
    project's name until all of it does. InputError for photos that are no labelled dataset, weights that are none, a
    folder that is taken.
    """
    _require_free(folder)
    if (data is None) != from_sample:
        raise InputError("name your photos: --data FOLDER, or --sample to try it with handwritten digits")
    if from_sample and shards:
        raise InputError("the sample is one archive already: leave out --shards")
    if (template or from_sample) and (pretrained or compare_cnn):
        raise InputError(
            "a recipe names its weights and networks itself: leave out --weights and --compare-cnn"
        )
    plan = init_plan.make(folder, data, template, pretrained, cnn=compare_cnn, shards=shards)
    if search:
        _require_searchable(plan)
    findings = init_plan.findings(plan, asked=pretrained)
    if agree and not agree("\n".join(findings)):
        return ["nothing was made"]
    with _building(folder.absolute()) as root:
        _bring(plan, root, shards=shards)
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


def _bring(plan: InitPlan, root: Path, *, shards: bool) -> None:
    """Photos and weights to their places in the project."""
    for place, source in plan.links.items():
        if shards and plan.photos and place.parts[0] == "data":
            data_pack.first(source.absolute(), root / place, plan.photos)
        else:
            photos.link(source.absolute(), root / place)


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
