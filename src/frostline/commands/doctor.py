"""`frostline doctor`: what frostline needs here, one line each: ok, or what to do."""

import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from frostline import paths
from frostline.errors import FrostlineError, InputError, shell_command
from frostline.progress import say
from frostline.runtime import openvino, precision_gains, providers

PIPELINE = ("tensorflow", "dvc", "mlflow")  # the base install has none of them
LOW_DISK = 10 * 2**30  # bytes; an environment and one VGG19 run take about 5 GB


@dataclass(frozen=True)
class Diagnosis:
    """One line. `needed` marks what the pipeline cannot run without."""

    what: str
    problem: str
    detail: str = ""
    needed: bool = True


def run() -> None:
    """Say every finding; FrostlineError where something that the project needs is not there.

    Outside a project, and with the base install, it says what works there and what more would take.
    """
    diagnoses = list(_everywhere()) + list(_project())
    for diagnosis in diagnoses:
        state = "ok  " if not diagnosis.problem else "FIX " if diagnosis.needed else "note"
        say(f"{state} {diagnosis.what}: {diagnosis.problem or diagnosis.detail}")
    if broken := [diagnosis.what for diagnosis in diagnoses if diagnosis.problem and diagnosis.needed]:
        raise FrostlineError(f"to be fixed: {', '.join(broken)}")


def _everywhere() -> Iterator[Diagnosis]:
    """What scoring needs, and whether the pipeline is installed."""
    detail = f"frostline {metadata.version('frostline')}, Python {platform.python_version()}"
    missing = [name for name in PIPELINE if find_spec(name) is None]
    advice = f"{detail}, for scoring alone: {', '.join(missing)} missing; for training: pip install 'frostline[train]'"
    yield Diagnosis("install", advice if missing else "", detail, needed=False)
    yield from _devices()
    yield _disk()
    cache = paths.scoring_cache()
    yield Diagnosis("cache", "", f"{cache}, {_size(cache) / 2**20:.0f} MiB; safe to delete")


def _project() -> Iterator[Diagnosis]:
    """What the pipeline of the project around the current folder needs."""
    try:
        root = paths.find_root(Path.cwd())
    except InputError:
        advice = f"none in {Path.cwd()}; a model file scores here, and a project begins with: frostline init"
        yield Diagnosis("project", advice, needed=False)
        return
    yield Diagnosis("project", "", str(root))
    yield (params := _checked("params.yaml", _params))
    for what, check in ({} if params.problem else NAMED).items():  # by params.yaml
        yield _checked(what, check)
    for what, check in CHECKS.items():
        yield _checked(what, check)


def _checked(what: str, check: Callable[[], Diagnosis]) -> Diagnosis:
    """A check that fails is a diagnosis too; what it needs may be missing in a base install."""
    try:
        return check()
    except FrostlineError as error:
        return Diagnosis(what, " / ".join(str(error).splitlines()))
    except ModuleNotFoundError as error:
        advice = f"not looked at, {error.name} is not installed: pip install 'frostline[train]'"
        return Diagnosis(what, advice, needed=False)


def _code() -> Diagnosis:
    """A stage refuses where other code or packages are installed than code.yaml names."""
    from frostline.pipeline import code_file

    locked = code_file.read()
    changes = {
        stage: code_file.differences(locked.get(stage), section)
        for stage, section in code_file.installed().items()
    }
    changed = ", ".join(
        f"{stage} ({', '.join(differences)})" for stage, differences in changes.items() if differences
    )
    advice = f"differs from what is installed: {changed}; frostline lock" if changed else ""
    return Diagnosis("code.yaml", advice, "names the code and packages that are installed")


def _params() -> Diagnosis:
    from frostline import config

    config.load()
    return Diagnosis("params.yaml", "", "complete and valid")


def _weights() -> Diagnosis:
    """Weights from a file need the file."""
    from frostline import config

    sources = {name: entry.source for name, entry in config.load().weights.items()}
    own = {
        name: source for name, source in sources.items() if source not in ("imagenet", "random", "scratch")
    }
    missing = [f"{paths.PRETRAINED / own[name]} (weights {name})" for name in own if not _is_there(own[name])]
    advice = (
        f"{', '.join(missing)} missing; put or link the file there, or name another source in params.yaml"
    )
    return Diagnosis("weights", advice if missing else "", ", ".join(sources))


def _is_there(source: str) -> bool:
    return (paths.PRETRAINED / source).is_file()


def _data() -> Diagnosis:
    """Each dataset's photos, all of which DVC must see."""
    from frostline import config
    from frostline.pipeline import holdings

    wanted = {name: Path(entry.path) for name, entry in config.load().datasets.items()}
    missing = [f"{path} (dataset {name})" for name, path in wanted.items() if not path.exists()]
    advice = f"{', '.join(missing)} missing; {_fetch(list(wanted.values()))}"
    problem = advice if missing else holdings.unseen(wanted.values())
    return Diagnosis("data", problem, ", ".join(map(str, wanted.values())))


def _fetch(places: list[Path]) -> str:
    """How photos that DVC knows come back, else how they are added."""
    known = [
        file for file in (Path("data.dvc"), *(Path(f"{place}.dvc") for place in places)) if file.is_file()
    ]
    pull = shell_command("dvc", "pull", *known)
    return f"`{pull}` brings what DVC knows" if known else "put or link them there, one folder per class"


def _devices() -> Iterator[Diagnosis]:
    for device in ("cuda", "tensorrt"):
        problem = providers.missing(device)
        advice = f"{problem}; scoring runs on the CPU" if problem else ""
        yield Diagnosis(
            device, advice, "its libraries load; `frostline score --device` proves it", needed=False
        )
    yield _openvino()


def _openvino() -> Diagnosis:
    """What less precision brings on this processor, for nobody takes it unasked."""
    if problem := providers.missing("openvino"):
        advice = f"{problem}; scoring on processors is slower without it: {providers.INSTALL['openvino']}"
        return Diagnosis("openvino", advice, needed=False)
    gains = [f"{name} {times:.1f}" for name, times in precision_gains.gains().items()]
    brought = f"{' and '.join(gains)} times as fast as float32 in convolutions, measured now" if gains else ""
    here = f"{openvino.runtime()} on {openvino.processor()}"
    return Diagnosis("openvino", "", f"{here}; {brought or 'only float32 here'}", needed=False)


def _remote() -> Diagnosis:
    from frostline.pipeline import workspace

    remote = workspace.remote()
    advice = "" if remote else "no default remote; to share data and models: dvc remote add -d NAME URL"
    return Diagnosis("DVC remote", advice, remote, needed=False)


def _mlflow() -> Diagnosis:
    from frostline import tracking

    uri = tracking.store()
    return Diagnosis("MLflow", tracking.reachable(uri), tracking.where_to_look(uri))


def _prefect() -> Diagnosis:
    """Only schedules need it: `dvc repro` and a flow by hand go without."""
    from frostline import automation

    if not (address := automation.address()):
        return Diagnosis("Prefect", "no API is named; for schedules: frostline serve", needed=False)
    return Diagnosis("Prefect", automation.reachable(), address)


def _changes() -> Diagnosis:
    """A retraining refuses somebody's uncommitted changes."""
    from frostline.pipeline import commits

    mine = commits.own_changes()
    advice = f"uncommitted changes ({', '.join(mine[:3])}); the retraining flow refuses them" if mine else ""
    return Diagnosis("git", advice, "nothing uncommitted but what DVC writes", needed=False)


def _committer() -> Diagnosis:
    """Your own commits need it; a retraining signs with the `author` of its deployment."""
    from frostline.pipeline import commits

    who = commits.committer()
    advice = f"`git commit` would refuse: {commits.INTRODUCE}"
    return Diagnosis("git identity", "" if who else advice, who, needed=False)


def _disk() -> Diagnosis:
    free = shutil.disk_usage(Path.cwd()).free
    low = f"{free / 2**30:.1f} GiB free, little for a training; free some, or set FROSTLINE_CACHE to another disk"
    return Diagnosis("disk", low if free < LOW_DISK else "", f"{free / 2**30:.0f} GiB free", needed=False)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


NAMED = {"weights": _weights, "data": _data}
CHECKS = {
    "code.yaml": _code,
    "DVC remote": _remote,
    "MLflow": _mlflow,
    "Prefect": _prefect,
    "git": _changes,
    "git identity": _committer,
}
