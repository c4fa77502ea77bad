"""DVC's stages: their order, what each writes, and what bringing one up to date did."""

import json
import time
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from frostline.pipeline import dvc_lock, processes
from frostline.progress import say

RAN, RESTORED, SKIPPED = "ran", "restored", "skipped"
NEVER = "has never run"


@dataclass(frozen=True)
class Step:
    """A node of DVC's graph: a stage of dvc.yaml, or a file like data.dvc that tracks given data."""

    name: str
    outputs: tuple[str, ...]  # relative to the project's root
    computes: bool  # False for given data
    after: tuple[str, ...] = ()  # the names of the steps that it reads from


@dataclass(frozen=True)
class Outcome:
    """What bringing one step up to date did: ran, restored (from DVC's run cache) or skipped."""

    step: str
    result: str
    seconds: float
    outputs: tuple[str, ...]


def steps() -> list[Step]:
    """All nodes of DVC's graph, each after those it depends on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # DVC's own libraries warn each other
        from dvc.repo import Repo
        from networkx import topological_sort

        with Repo() as repo:
            graph = repo.index.graph
            order = list(topological_sort(graph))
    return [
        Step(
            stage.addressing,
            tuple(out.def_path for out in stage.outs),
            bool(stage.cmd),
            tuple(sorted(before.addressing for before in graph.successors(stage))),
        )
        for stage in reversed(order)
    ]


def waves(ordered: Sequence[Step]) -> list[list[Step]]:
    """Steps in groups: those of one group need nothing of each other, all that they need lies in earlier ones."""
    level: dict[str, int] = {}
    groups: list[list[Step]] = []
    for step in ordered:
        level[step.name] = 1 + max((level[name] for name in step.after), default=-1)
        groups += [[] for _ in range(level[step.name] + 1 - len(groups))]
        groups[level[step.name]].append(step)
    return groups


def due(wave: Sequence[Step], stale: Collection[str] | None, before: Mapping[str, Outcome]) -> list[Step]:
    """Those of a wave that DVC has to look at: which it found stale, or which read what a step before wrote anew.

    All of them where `stale` is None: what DVC would find is not known.
    """
    moved = {name for name, outcome in before.items() if outcome.result != SKIPPED}
    return [step for step in wave if stale is None or step.name in stale or moved.intersection(step.after)]


def stages() -> list[str]:
    """The names of all stages of dvc.yaml, each after those it depends on."""
    return [step.name for step in steps() if step.computes]


def reproduce(
    step: Step, *, seconds: float | None = None, wait: bool = False, unchanged: bool = False
) -> Outcome:
    """Bring one step up to date, and nothing before or after it; what it prints comes through.

    One that is known to be `unchanged` starts no DVC, which would take a second to find the same.
    `seconds` is its time limit. FrostlineError when it fails, BusyError while another DVC is at work, unless
    `wait`: DVC holds the project's lock before and after a stage, not while the stage runs.
    """
    if unchanged:
        say(f"'{step.name}' is as dvc.lock has it")
        return Outcome(step.name, SKIPPED, 0.0, step.outputs)
    started = time.monotonic()
    patience = ["--wait-for-lock"] if wait else []
    output = processes.follow("dvc", *patience, "repro", "--single-item", step.name, seconds=seconds)
    return Outcome(step.name, outcome(output), time.monotonic() - started, step.outputs)


def outcome(output: str) -> str:
    """What `dvc repro` did, read from its output."""
    if "Running stage" in output or "Verifying data sources" in output:
        return RAN
    return RESTORED if "is cached - skipping run" in output else SKIPPED


def stale() -> dict[str, list[str]]:
    """Names of steps that are out of date by themselves → what changed, in DVC's words.

    A step that only follows a stale one is not among them. Of a step that has never run DVC would say that all
    it reads is new and all it writes was deleted.
    """
    status = json.loads(processes.run("dvc", "status", "--json") or "{}")
    known = dvc_lock.read()
    return {
        name: [NEVER] if _is_stage(name) and name not in known else _changes(parts)
        for name, parts in status.items()
    }


def _is_stage(name: str) -> bool:
    """Whether a step is one of dvc.yaml, not a file like data.dvc."""
    return not name.endswith(".dvc")


def _changes(parts: list[object]) -> "list[str]":
    """`[{"changed deps": {"data": "modified"}}, …]` as `data modified`, …"""
    reasons = []
    for part in parts:
        if isinstance(part, str):  # "changed command", "always changed"
            reasons.append(part)
        elif isinstance(part, dict):
            for changed in part.values():
                reasons += _described(changed)
    return reasons


def _described(changed: object) -> list[str]:
    """`{"data": "modified", "params.yaml": {"seed": "modified"}}` as `data modified`, `params.yaml seed modified`."""
    lines: list[str] = []
    for path, how in changed.items() if isinstance(changed, dict) else []:
        lines += (
            [f"{path} {line}" for line in _described(how)] if isinstance(how, dict) else [f"{path} {how}"]
        )
    return lines
