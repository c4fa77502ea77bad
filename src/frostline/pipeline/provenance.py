"""Which commit's dvc.lock holds a file: the way back from a result to what made it."""

import functools
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frostline.errors import FrostlineError
from frostline.pipeline import dvc_lock, workspace
from frostline.pipeline.dvc_lock import Stages
from frostline.pipeline.processes import run

FOLDER = re.compile(r"\b[0-9a-f]{32}\.dir\b")


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
        return workspace.content(Path(path), revision=self.commit or "HEAD")


def lay_out(stages: Stages, names: Sequence[str], folder: Path) -> list[str]:
    """Put the outputs of stages where they belong below `folder`, as links into DVC's cache; what it lacks.

    The files are as the lock of `stages` names them, whatever the working tree holds.
    """
    cache, missing = _cache().absolute(), []
    for stage, path, md5 in _outs(stages):
        if stage not in names:
            continue
        whole = _kept(cache, md5).is_file()
        inside = _listed(cache, md5) if md5.endswith(".dir") else {"": md5}
        for name, value in inside.items():
            target, source = folder / path / name, _kept(cache, value)
            whole = whole and source.is_file()
            if whole:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(source)
        missing += [] if whole else [path]
    return missing


def origin_of_file(file: Path) -> Origin | None:
    """Where a file's content stands in history, whatever the file is called now; None where it does not."""
    with file.open("rb") as opened:
        md5 = hashlib.file_digest(opened, "md5").hexdigest()  # DVC's own hash
    folder, known = _cache(), set[str]()
    for commit, text in _locks():
        holders = {md5, *(value for value in _folders(text, known) if md5 in _listed(folder, value).values())}
        if any(value in text for value in holders):
            stages = dvc_lock.parse(text)
            for stage, path, value in _outs(stages):
                if value in holders:
                    return Origin(commit, stage, path, stages)
    return None


def origin_of_model(sha256: str) -> Origin | None:
    """Where the model with this SHA-256 was exported: its proof lies beside it and names it."""
    folder, known = _cache(), set[str]()
    for commit, text in _locks():
        candidates = {value for value in _folders(text, known) if _may_prove(folder, value, sha256)}
        stages = dvc_lock.parse(text) if candidates else {}
        for stage, path, value in _outs(stages):
            if stage.startswith("export@") and value in candidates:
                origin = Origin(commit, stage, path, stages)
                if origin.json(f"{path}/agreement.json").get("model") == sha256:
                    return origin
    return None


def origins(below: str) -> Iterator[Origin]:
    """Where each different folder below another is first, those of the current branch first, oldest first."""
    known = set[str]()
    for commit, text in _locks():
        new = set(_folders(text, known))
        for stage, path, value in _outs(dvc_lock.parse(text) if new else {}):
            if value in new and path.startswith(f"{below}/"):
                yield Origin(commit, stage, path, dvc_lock.parse(text))


def begins_here(commit: str) -> bool:
    """Whether a shallow clone begins with this commit: what was before it is not here."""
    shallow = run("git", "rev-parse", "--is-shallow-repository").strip() == "true"
    return shallow and not run("git", "rev-parse", "--verify", "--quiet", f"{commit}^", check=False)


def subject(commit: str) -> str:
    """A commit's date and message in a line, and the experiment that it is."""
    if not commit:
        return "not committed yet"
    line = run("git", "show", "--no-patch", "--format=%cs %s", commit).strip()
    found = workspace.experiments("--points-at", commit)
    return f"{line} (experiment {found[0][0]})" if found else line


def _locks() -> Iterator[tuple[str, str]]:
    """The text of every dvc.lock: of the current branch, the oldest first; of other branches and tags; of DVC's
    experiments, which no branch holds; then the working tree's.

    Reading YAML takes a second for each: who looks for a hash looks for it in the text first.
    """
    lock = dvc_lock.LOCK
    groups = (["HEAD"], ["--branches", "--tags", "--remotes"], ["--all"])
    logs = (
        run("git", "log", *refs, "--reverse", "--format=%H", "--", str(lock), check=False) for refs in groups
    )
    commits = list(dict.fromkeys(commit for log in logs for commit in log.split()))
    place = (workspace.place() / lock).as_posix()
    yield from zip(commits, _contents([f"{commit}:{place}" for commit in commits]), strict=True)
    if lock.is_file():
        yield "", lock.read_text(encoding="utf-8")


def _contents(names: Sequence[str]) -> Iterator[str]:
    """Files of git by `REVISION:PATH`, in one process (git-cat-file(1), batch output); "" for one that is not there."""
    rest = run("git", "cat-file", "--batch", given="".join(f"{name}\n" for name in names)).encode()
    while rest:
        head, _, rest = rest.partition(b"\n")
        if head.endswith(b" missing"):
            yield ""
        else:
            size = int(head.split()[-1])
            yield rest[:size].decode()
            rest = rest[size + 1 :]


def _folders(text: str, known: set[str]) -> list[str]:
    """Hashes of folders in a dvc.lock that are not `known`, which they are from now on."""
    new = [value for value in dict.fromkeys(FOLDER.findall(text)) if value not in known]
    known.update(new)
    return new


def _may_prove(cache: Path, folder: str, sha256: str) -> bool:
    """Whether a folder may be the export of a model: its proof names it, or is not in DVC's cache here."""
    if not (listed := _listed(cache, folder)):
        return True
    proof = _kept(cache, listed["agreement.json"]) if "agreement.json" in listed else None
    return proof is not None and (not proof.is_file() or sha256 in proof.read_text(encoding="utf-8"))


def _outs(stages: Stages) -> Iterator[tuple[str, str, str]]:
    """Stage, path and DVC's hash of every output; a folder's hash ends in `.dir`."""
    return ((stage, path, value) for stage, parts in stages.items() for path, value in parts["outs"].items())


def _cache() -> Path:
    """The folder in which DVC keeps files by their hash."""
    return _cache_of(Path.cwd())


@functools.cache
def _cache_of(project: Path) -> Path:
    """DVC takes a second or two to say it."""
    return Path(run("dvc", "cache", "dir", folder=project).strip()) / "files" / "md5"


def _kept(folder: Path, md5: str) -> Path:
    return folder / md5[:2] / md5[2:]


def _listed(folder: Path, md5: str) -> dict[str, str]:
    """The files of a folder output, name to hash; {} where DVC's cache lacks the listing."""
    cached = _kept(folder, md5)
    if not cached.is_file():
        return {}
    return {entry["relpath"]: str(entry["md5"]) for entry in json.loads(cached.read_text(encoding="utf-8"))}
