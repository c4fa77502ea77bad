"""`frostline doctor`: what frostline needs here, a line each: ok, or what to do."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from frostline import automation, config, paths, tracking
from frostline.errors import FrostlineError
from frostline.pipeline import code_file, commits, worktree
from frostline.runtime import providers

LOW_DISK = 10 * 2**30  # bytes; an environment and one VGG19 run take about 5 GB


@dataclass(frozen=True)
class Diagnosis:
    """One line. `needed` marks what the pipeline cannot run without."""

    what: str
    problem: str
    detail: str = ""
    needed: bool = True


def run() -> None:
    """Print every finding; FrostlineError where something that is needed is not there."""
    findings = list(_findings())
    for finding in findings:
        mark = "ok  " if not finding.problem else "FIX " if finding.needed else "note"
        print(f"{mark} {finding.what}: {finding.problem or finding.detail}")
    if broken := [each.what for each in findings if each.problem and each.needed]:
        raise FrostlineError(f"to be mended: {', '.join(broken)}")


def _findings() -> Iterator[Diagnosis]:
    yield _code()
    yield _checked("params.yaml", config.load, "complete and valid")
    yield _data()
    yield from _devices()
    yield _remote()
    uri = tracking.store()
    yield Diagnosis("MLflow", tracking.reachable(uri), tracking.where_to_look(uri))
    yield _prefect()
    yield _changes()
    yield _committer()
    yield _disk()
    yield Diagnosis("cache", "", f"{paths.cache()}, {_size(paths.cache()) / 2**20:.0f} MiB; safe to delete")


def _checked(what: str, check: Callable[[], object], detail: str) -> Diagnosis:
    try:
        check()
    except FrostlineError as error:
        return Diagnosis(what, " / ".join(str(error).splitlines()))
    return Diagnosis(what, "", detail)


def _code() -> Diagnosis:
    """A stage refuses where other code or packages are installed than code.yaml names."""
    locked = code_file.read()
    changes = {
        stage: code_file.differences(locked.get(stage), section)
        for stage, section in code_file.installed().items()
    }
    changed = ", ".join(f"{stage} ({', '.join(each)})" for stage, each in changes.items() if each)
    advice = f"differs from what is installed: {changed}; frostline lock" if changed else ""
    return Diagnosis("code.yaml", advice, "names the code and packages that are installed")


def _data() -> Diagnosis:
    if Path("data").is_dir() and any(Path("data").iterdir()):
        return Diagnosis("data", "", f"{len(list(Path('data').iterdir()))} entries under data/")
    return Diagnosis(
        "data", "data/ is empty; `dvc pull data.dvc` brings the sample, `frostline use` your photos"
    )


def _devices() -> Iterator[Diagnosis]:
    for device in ("cuda", "tensorrt"):
        problem = providers.missing(device)
        advice = f"{problem}; scoring runs on the CPU" if problem else ""
        yield Diagnosis(
            device, advice, "its libraries load; `frostline score --device` proves it", needed=False
        )


def _remote() -> Diagnosis:
    remote = worktree.remote()
    advice = "" if remote else "no default remote; to share data and models: dvc remote add -d NAME URL"
    return Diagnosis("DVC remote", advice, remote, needed=False)


def _prefect() -> Diagnosis:
    """Only schedules need it: `dvc repro` and a flow by hand go without."""
    if not (address := automation.address()):
        return Diagnosis("Prefect", "no API is named; for schedules: make serve", needed=False)
    return Diagnosis("Prefect", automation.reachable(), address)


def _changes() -> Diagnosis:
    """A retraining refuses somebody's uncommitted changes."""
    try:
        mine = commits.own_changes()
    except FrostlineError as error:
        return Diagnosis("git", str(error))
    advice = f"uncommitted changes ({', '.join(mine[:3])}); the retraining flow refuses them" if mine else ""
    return Diagnosis("git", advice, "nothing uncommitted but what DVC writes", needed=False)


def _committer() -> Diagnosis:
    """Your own commits need it; a retraining signs with the `author` of its deployment."""
    who = commits.committer()
    advice = '`git commit` would refuse: git config --global user.name "YOU"; git config --global user.email "YOU@HOST"'
    return Diagnosis("git identity", "" if who else advice, who, needed=False)


def _disk() -> Diagnosis:
    free = shutil.disk_usage(Path.cwd()).free
    low = (
        f"{free / 2**30:.1f} GiB free, few for a training; free some, or set FROSTLINE_CACHE to another disk"
    )
    return Diagnosis("disk", low if free < LOW_DISK else "", f"{free / 2**30:.0f} GiB free", needed=False)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
