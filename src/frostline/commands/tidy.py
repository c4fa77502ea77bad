"""`frostline tidy`: the outputs of entries that params.yaml no longer has; DVC leaves them where they are."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from frostline import config, files
from frostline.config import Params
from frostline.pipeline import dvc_lock
from frostline.progress import say

# Of each stage that runs once for an entry: the section of params.yaml that has the entries.
SECTIONS = {
    "weights": "weights",
    "preprocess": "datasets",
    "train": "classifiers",
    "evaluate": "classifiers",
    "export": "classifiers",
}


def run(*, dry_run: bool = False) -> str:
    """Delete what stages wrote for entries that were deleted from params.yaml, and their part of dvc.lock.

    Only what dvc.lock names: anything else in these folders is somebody's own. With `dry_run` nothing is deleted.
    """
    gone = list(leftovers(config.load(), dvc_lock.read()))
    for stage, path in gone:
        say(f"{'would delete' if dry_run else 'deleting'} {files.printable(path)}  (of {stage})")
        if not dry_run:
            _delete(path)
    if not gone:
        return "nothing is left of deleted entries"
    if dry_run:
        return f"nothing was deleted; outputs of deleted entries: {len(gone)}"
    dvc_lock.drop({stage for stage, _ in gone})
    return (
        f"{len(gone)} outputs deleted; DVC's cache keeps them: with the entries back in params.yaml and dvc.lock "
        "(git checkout params.yaml dvc.lock), `dvc checkout` brings them back. MLflow keeps their runs and versions; "
        "reports/comparison is without them after: dvc repro compare"
    )


def leftovers(settings: Params, stages: dvc_lock.Stages) -> Iterator[tuple[str, Path]]:
    """Stage and output of every entry of dvc.lock that params.yaml lacks, where the output is still there."""
    wanted = {
        path for stage, parts in stages.items() if not _is_deleted(stage, settings) for path in parts["outs"]
    }
    for stage, parts in stages.items():
        if _is_deleted(stage, settings):
            yield from (
                (stage, Path(out)) for out in parts["outs"] if out not in wanted and Path(out).exists()
            )


def _is_deleted(stage: str, settings: Params) -> bool:
    kind, _, name = stage.partition("@")
    return kind in SECTIONS and bool(name) and name not in getattr(settings, SECTIONS[kind])


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    for folder in path.parents:  # `plots/NAME`, whose files are outputs one by one, and `plots`
        if folder == Path() or any(folder.iterdir()):
            return
        folder.rmdir()
