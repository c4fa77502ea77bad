"""DVC's experiments: commits that no branch holds, each with the results of one `dvc exp run`."""

from dataclasses import dataclass
from pathlib import Path

from frostline.pipeline import dvc_lock, provenance, workspace
from frostline.pipeline.dvc_lock import Stages
from frostline.pipeline.processes import run

TRAIN = "train@"


@dataclass(frozen=True)
class Experiment:
    """An experiment by the name that `dvc exp list` shows, its commit, and that commit's dvc.lock."""

    name: str
    commit: str
    stages: Stages

    @property
    def classifiers(self) -> list[str]:
        """Those that were trained in it, or before it from what it still holds."""
        return [stage.removeprefix(TRAIN) for stage in self.stages if stage.startswith(TRAIN)]

    def lay_out(self, classifier: str, folder: Path) -> list[str]:
        """Put all that stages wrote for a classifier where it belongs below `folder`; what DVC's cache lacks."""
        read = self.stages[f"{TRAIN}{classifier}"]["deps"]
        datasets = [Path(path).name for path in read if path.startswith("artifacts/datasets/")]
        names = [*(f"{stage}@{classifier}" for stage in ("train", "evaluate", "export"))]
        (folder / dvc_lock.LOCK).write_text(show(self.commit, dvc_lock.LOCK), encoding="utf-8")
        return provenance.lay_out(self.stages, [*names, *(f"preprocess@{name}" for name in datasets)], folder)


def found() -> list[Experiment]:
    """Every experiment of this clone, the oldest first."""
    return [
        Experiment(name, commit, dvc_lock.parse(show(commit, dvc_lock.LOCK)))
        for name, commit in workspace.experiments("--sort=creatordate")
    ]


def show(commit: str, path: Path) -> str:
    """A file of the project at a commit; "" where it has none."""
    return run("git", "show", f"{commit}:./{path}", check=False)
