"""Observations of a training while it runs, which are no stage's output: commit, environment, load.

It lies in `.frostline/trainings/KEY.json`, outside DVC: a restored stage did not run, and has none.
"""

import contextlib
import itertools
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frostline import files
from frostline.errors import FrostlineError, InputError
from frostline.progress import note
from frostline.tracking import machine, store_uri
from frostline.tracking.machine import SYSTEM, Sampler

LONGEST_GAP = 60_000  # milliseconds; a busy machine may sample late
Timed = tuple[str, int, float, int]  # name, step, value, milliseconds since 1970


@dataclass(frozen=True)
class Commit:
    """A commit (40 or 64 hex digits) and whether the tree differs from it."""

    sha: str
    dirty: bool


@dataclass(frozen=True)
class Observed:
    """One training: what it ran on, its packages as pins, the commit then checked out, its load in time."""

    machine: Mapping[str, str]
    requirements: Sequence[str]
    commit: Commit | None
    samples: Sequence[tuple[int, Mapping[str, float]]]

    @property
    def span(self) -> tuple[int, int] | None:
        """Start and end in milliseconds since 1970; time between two trainings of one key is left out."""
        times = [when for when, _ in self.samples]
        if not times:
            return None
        gaps = (later - earlier for earlier, later in itertools.pairwise(times))
        return times[0], times[0] + sum(gap for gap in gaps if gap < LONGEST_GAP)

    def points(self, *, since: int = 0) -> list[Timed]:
        """The load as metrics, from sample `since` on; step is the sample's number."""
        return [
            (f"{SYSTEM}{name}", step, value, when)
            for step, (when, figures) in enumerate(self.samples)
            if step >= since
            for name, value in figures.items()
        ]


@contextlib.contextmanager
def observing(key: str) -> Iterator[Observed]:
    """Observe what the block does, and keep it under its key, after what is kept there already.

    Nothing that goes wrong with it stops the block.
    """
    before = read(key)
    sampler = Sampler(list(before.samples) if before else [])
    observed = Observed(machine.described(), machine.requirements(), commit(Path.cwd()), sampler.samples)
    try:
        with sampler:
            yield observed
    finally:
        _keep(key, observed)


def read(key: str) -> Observed | None:
    """The observations of a training on this machine; None where there are none, or none that can be read."""
    try:
        values = json.loads(_path(key).read_text(encoding="utf-8"))
        then = Commit(**values["commit"]) if values["commit"] else None
        samples: list[tuple[int, Mapping[str, float]]] = [
            (int(when), dict(figures)) for when, figures in values["samples"]
        ]
        return Observed(dict(values["machine"]), list(values["requirements"]), then, samples)
    except (InputError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _path(key: str) -> Path:
    return store_uri.folder().parent / "trainings" / f"{key}.json"


def _keep(key: str, observed: Observed) -> None:
    values: dict[str, Any] = {
        "machine": dict(observed.machine),
        "requirements": list(observed.requirements),
        "commit": {"sha": observed.commit.sha, "dirty": observed.commit.dirty} if observed.commit else None,
        "samples": [[when, dict(figures)] for when, figures in observed.samples],
    }
    try:
        files.write_json(path := _path(key), values)
        files.sweep(path.parent)  # of other trainings, which may never be run again
    except InputError:  # in no project: there is no sync that would bring it
        return
    except FrostlineError as error:
        note(f"the observations of the training are not kept: {error}")


def commit(folder: Path) -> Commit | None:
    """The commit checked out at `folder`, and whether anything in the folder differs from it.

    None without git, a repository or a first commit.
    """
    sha = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    if not sha:
        return None
    return Commit(sha=sha, dirty=_git(folder, "status", "--porcelain", "--", ".") != "")


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None where it fails or does not answer."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True, text=True, timeout=30, check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
