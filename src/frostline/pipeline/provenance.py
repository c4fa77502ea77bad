"""Which commit's dvc.lock holds a file: the way back from a result to what made it."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frostline.errors import FrostlineError
from frostline.pipeline import dvc_lock
from frostline.pipeline.processes import run
from frostline.pipeline.workspace import content

Stages = dict[str, dict[str, dict[str, str]]]  # see lock.parse


@dataclass(frozen=True)
class Origin:
    """The earliest commit whose dvc.lock holds a file, the stage that wrote it and its output, and that lock.

    `commit` is "" for the working tree's own lock, which no commit holds yet.
    """

    commit: str
    stage: str
    path: str  # of the stage's output that is, or holds, the file
    stages: Stages

    @property
    def entry(self) -> str:
        """What the stage was run for: `digits-vgg19` of `export@digits-vgg19`, "" for a stage alone."""
        return self.stage.partition("@")[2]

    def json(self, path: str) -> dict[str, Any]:
        """A small JSON object among the outputs of this origin's lock; {} where nobody has it any more."""
        try:
            value = json.loads(self.content(path))
        except (FrostlineError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}

    def content(self, path: str) -> bytes:
        """A file among the outputs of this origin's lock; FrostlineError where nobody has it any more."""
        out, md5 = next(
            ((out, md5) for _, out, md5 in _outs(self.stages) if path == out or path.startswith(f"{out}/")),
            ("", ""),
        )
        folder = _cache()
        if md5.endswith(".dir"):
            md5 = _listed(folder, md5).get(path.removeprefix(f"{out}/"), "")
        cached = _kept(folder, md5)
        if md5 and cached.is_file():
            return cached.read_bytes()
        return content(Path(path), revision=self.commit or "HEAD")


def origin_of_file(file: Path) -> Origin | None:
    """Where a file's content stands in history, whatever the file is called now; None where it does not."""
    with file.open("rb") as opened:
        md5 = hashlib.file_digest(opened, "md5").hexdigest()  # DVC's own hash
    folder = _cache()
    for commit, stages in _locks():
        for stage, path, value in _outs(stages):
            if value == md5 or (value.endswith(".dir") and md5 in _listed(folder, value).values()):
                return Origin(commit, stage, path, stages)
    return None


def origin_of_model(sha256: str) -> Origin | None:
    """Where the model with this SHA-256 was exported: its proof lies beside it and names it."""
    examined: set[str] = set()
    for commit, stages in _locks():
        for stage, path, value in _outs(stages):
            if stage.startswith("export@") and value not in examined:
                examined.add(value)
                origin = Origin(commit, stage, path, stages)
                if origin.json(f"{path}/agreement.json").get("model") == sha256:
                    return origin
    return None


def subject(commit: str) -> str:
    """A commit's date and message in a line."""
    return (
        run("git", "show", "--no-patch", "--format=%cs %s", commit).strip() if commit else "not committed yet"
    )


def _locks() -> Iterator[tuple[str, Stages]]:
    """Every dvc.lock of any branch, tag and experiment, the oldest first, then the working tree's."""
    for commit in run("git", "log", "--all", "--reverse", "--format=%H", "--", str(dvc_lock.LOCK)).split():
        yield commit, dvc_lock.parse(run("git", "show", f"{commit}:./{dvc_lock.LOCK}", check=False))
    if dvc_lock.LOCK.is_file():
        yield "", dvc_lock.parse(dvc_lock.LOCK.read_text(encoding="utf-8"))


def _outs(stages: Stages) -> Iterator[tuple[str, str, str]]:
    """Stage, path and DVC's hash of every output; a folder's hash ends in `.dir`."""
    return ((stage, path, value) for stage, parts in stages.items() for path, value in parts["outs"].items())


def _cache() -> Path:
    """The folder in which DVC keeps files by their hash."""
    return Path(run("dvc", "cache", "dir").strip()) / "files" / "md5"


def _kept(folder: Path, md5: str) -> Path:
    return folder / md5[:2] / md5[2:]


def _listed(folder: Path, md5: str) -> dict[str, str]:
    """The files of a folder output, name to hash; {} where DVC's cache lacks the listing."""
    cached = _kept(folder, md5)
    if not cached.is_file():
        return {}
    return {entry["relpath"]: str(entry["md5"]) for entry in json.loads(cached.read_text(encoding="utf-8"))}
