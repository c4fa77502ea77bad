"""What a trace says of where something came from: commit, dataset, image, and how to have each part again."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from frostline import arrow, files
from frostline.datasets.source import open_source
from frostline.errors import FrostlineError, shell_command
from frostline.images import ImageError
from frostline.pipeline import provenance, workspace
from frostline.pipeline.provenance import Origin
from frostline.scoring import output_paths


def lines(origin: Origin, row: Mapping[str, Any] | None, file: Path) -> Iterator[str]:
    """The commit, the dataset, of a score `row` of `file` its image, and the commands that bring each part back."""
    yield f"commit   {origin.commit or 'none yet'}  {provenance.subject(origin.commit)}"
    yield f"         its dvc.lock is the first that holds {origin.path}, written by {origin.stage}"
    if origin.commit and provenance.begins_here(origin.commit):
        yield "         this clone begins there (it is shallow), earlier ones may hold it: git fetch --unshallow"
    raw = ""
    if dataset := _dataset(origin):
        raw, md5 = _raw(origin, dataset)
        summary = origin.json(f"artifacts/datasets/{dataset}/summary.json")
        digest = f", digest {summary['digest']}" if summary else ""
        yield f"dataset  {dataset}: {raw}, DVC {md5}{digest}"
        if row:
            yield from _image(origin, dataset, str(row["path"]), file)
    yield from commands(origin, raw)


def _dataset(origin: Origin) -> str:
    """The dataset that the stage's entry was made from, by the lock's own dependencies."""
    stage = origin.stages.get(f"train@{origin.entry}") or origin.stages[origin.stage]
    names = [
        path for part in ("outs", "deps") for path in stage[part] if path.startswith("artifacts/datasets/")
    ]
    return Path(names[0]).name if names else ""


def _raw(origin: Origin, dataset: str) -> tuple[str, str]:
    """The raw images' path and DVC's hash of them."""
    deps = origin.stages.get(f"preprocess@{dataset}", {"deps": {}})["deps"]
    raw_images = [(path, value) for path, value in deps.items() if path.startswith("data/")]
    return raw_images[0] if raw_images else ("", "unknown")


def _image(origin: Origin, dataset: str, path: str, file: Path) -> Iterator[str]:
    """The image's content hash, from the scored source if it is still there, and its place in the dataset."""
    now = _content(file, path)
    try:
        content = origin.content(f"artifacts/datasets/{dataset}/manifest.parquet")
    except FrostlineError as error:
        yield f"image    {now or 'unknown'}; {error}"
        return
    rows = _manifest(content)
    same = (
        [row for row in rows if row["sha256"] == now] if now else [row for row in rows if row["path"] == path]
    )
    for row in same[:1]:
        place = row["split"] or row["status"]
        yield f"image    {row['sha256']}: {row['path']} of the dataset, {place}"
    if not same:
        yield f"image    {now or 'its source is gone'}; not among the images of the dataset"


def _content(file: Path, path: str) -> str:
    """The hash of a scored image as it lies in the job's source now, "" where it does not."""
    beside = output_paths.job_file(file)
    if not beside.is_file():
        return ""
    try:
        with open_source(Path(files.read_json(beside, made_by="frostline score")["source"])) as source:
            return files.sha256(source.read(path))
    except (FrostlineError, ImageError, OSError, KeyError):
        return ""


def _manifest(content: bytes) -> list[dict[str, Any]]:
    table = arrow.read_parquet(content, columns=["path", "sha256", "split", "status"])
    return list(table.to_pylist())


def commands(origin: Origin, raw: str) -> Iterator[str]:
    """What to type to have each part again, beside the project."""
    if not origin.commit:
        yield "bring back: it is in the working tree; commit dvc.lock, so that it stays findable"
        return
    short, entry = origin.commit[:7], origin.entry
    yield "bring back:"
    yield f"  the files   {get(origin.path, short)}"
    if raw:
        yield f"  the images  {get(raw, short)}"
    place = workspace.place()
    repository = (Path.cwd(), *Path.cwd().parents)[len(place.parts)]
    beside = Path(*[".."] * len(place.parts), "..", f"{repository.name}-{short}")
    yield f"  the code    {shell_command('git', 'worktree', 'add', beside, short)}"
    again = f"export@{entry}" if f"export@{entry}" in origin.stages else origin.stage
    there = f"there in {place}" if place.parts else "there"
    yield f"  made anew   {there}, with its requirements installed: {shell_command('dvc', 'repro', '--pull', again)}"


def get(path: str, commit: str) -> str:
    """DVC's command for one path as it was, beside what is here; it takes paths of the whole git repository.

    A dataset and its photos often have the same name: the whole path names what comes back.
    """
    whole, out = workspace.place() / path, f"{'-'.join(Path(path).parts)}-{commit}"
    return shell_command("dvc", "get", ".", whole, "--rev", commit, "--out", out)
