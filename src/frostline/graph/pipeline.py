"""The stages of dvc.yaml: their order, and bringing one up to date."""

import subprocess
import warnings

from frostline.errors import FrostlineError
from frostline.graph.programs import environment, program


def stages() -> list[str]:
    """The names of all stages of dvc.yaml, each after those it depends on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # DVC's own libraries warn each other
        from dvc.repo import Repo
        from networkx import topological_sort

        with Repo() as repo:
            order = list(topological_sort(repo.index.graph))
    return [stage.addressing for stage in reversed(order) if stage.cmd]


def reproduce(stage: str) -> str:
    """Bring one stage up to date: "ran", "restored" from DVC's run cache, or "skipped".

    What the stage prints comes through. FrostlineError when it fails.
    """
    command = ["dvc", "repro", "--single-item", stage]
    said = []
    with subprocess.Popen(
        [program("dvc"), *command[1:]], stdout=subprocess.PIPE, text=True, env=environment()
    ) as running:
        for line in running.stdout or ():
            print(line, end="", flush=True)
            said.append(line)
    if running.returncode:
        raise FrostlineError(f"`{' '.join(command)}` failed with exit code {running.returncode}; see above")
    return outcome("".join(said))


def outcome(said: str) -> str:
    """What `dvc repro` did, read from what it said."""
    if "Running stage" in said:
        return "ran"
    return "restored" if "is cached - skipping run" in said else "skipped"
