"""`frostline registry trace`: from a row, a model, metrics or a report back to commit, data and image."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from frostline import files, paths, tracking
from frostline.commands import trace_origin
from frostline.datasets import decisions, manifest
from frostline.datasets.listing import EXTENSIONS
from frostline.errors import FrostlineError, InputError, shell_command
from frostline.pipeline import provenance
from frostline.pipeline.provenance import Origin
from frostline.progress import announce, say
from frostline.scoring import score_reader


@dataclass(frozen=True)
class Trail:
    """What the file says by itself: the models it names, and, of a score row, its image."""

    summary: str
    models: list[str] = field(default_factory=list)  # sha256 of each
    origin: Origin | None = None
    row: dict[str, Any] | None = None
    lines: list[str] = field(default_factory=list)  # what else is known of it


def run(file: Path, *, path: str | None = None) -> None:
    """Say where `file` came from and the commands that bring each part back.

    `path` picks one row of a score file. InputError for what cannot be traced, FrostlineError where
    no commit and no registry knows it.
    """
    announce("looking through every version of dvc.lock, and MLflow", about=10)
    trail = _trail(file, path)
    say(trail.summary)
    for line in trail.lines:
        say(line)
    known = False
    for sha256 in trail.models or [""]:
        origin = trail.origin or (provenance.origin_of_model(sha256) if sha256 else None)
        lines = [*_model(sha256), *(trace_origin.lines(origin, trail.row, file) if origin else ())]
        known = known or origin is not None
        for line in lines:
            say(line)
    if not known:
        raise FrostlineError(
            f"no dvc.lock of this repository's history holds {file}; fetch the branch it came from "
            "(`git fetch --all`) and its outputs (`dvc fetch --all-commits`), then run this again"
        )


def _trail(file: Path, path: str | None) -> Trail:
    if not file.is_file():
        raise InputError(
            f"{files.printable(file)}: no such file; name scores, a model.onnx, metrics or a report"
        )
    if path is not None or file.suffix in score_reader.ENDINGS:
        if held := None if path is not None else provenance.origin_of_file(file):
            return _output(file, held)  # a stage's own table, such as predictions.parquet
        return _scores(file, path)
    origin = provenance.origin_of_file(file)
    if file.suffix == ".onnx":
        sha256 = files.sha256_file(file)
        return Trail(f"{file}: a model", [sha256], origin)
    return _output(file, origin) if origin else _no_output(file)


def _no_output(file: Path) -> Trail:
    """A file that no stage wrote: a score job, an image of a dataset; InputError for an image of none."""
    if file.name.endswith(".job.json"):
        values = files.read_json(file, made_by="frostline score")
        return Trail(f"{file}: a score job", [values["model"]["sha256"]])
    if photo := _photo(file):
        return photo
    if file.suffix.lower() in EXTENSIONS:
        row = shell_command("frostline", "registry", "trace", "SCORES", "--path", file.name)
        raise InputError(
            f"{files.printable(file)}: no stage wrote this image, and no dataset has it; "
            f"its row in a score file: `{row}`"
        )
    return Trail(f"{file}: no stage's output is like this")


def _photo(file: Path) -> Trail | None:
    """An image of a dataset, by its content: where it is first, as what, and who was trained with it."""
    sha256 = files.sha256_file(file)
    for origin in provenance.origins("artifacts/datasets"):
        path = Path(origin.path) / "manifest.parquet"
        try:
            dataset = manifest.read(path, content=origin.content(str(path)))
        except FrostlineError:
            continue  # nobody has it any more
        for row in dataset.table.filter(pc.equal(dataset.table["sha256"], sha256)).to_pylist()[:1]:
            summary = f"{file}: an image of the dataset {path.parent.name}"
            lines = [_shown(row, dataset.classes), *_decided(path.parent.name, sha256), *_used(origin, row)]
            return Trail(summary, origin=origin, lines=lines)
    return None


def _shown(row: Mapping[str, Any], classes: Sequence[str]) -> str:
    place = row["split"] or f"{row['status']}, {row['reason']}"
    return f"image    {row['sha256']}: {row['path']}, class {classes[row['label']]}, {place}"


def _decided(dataset: str, sha256: str) -> Iterator[str]:
    """What people decided about an image, every time, and how to find the commit."""
    made = [one for one in decisions.read(paths.DECISIONS) if (one.dataset, one.sha256) == (dataset, sha256)]
    for one in made:
        what = f"{one.action}: {one.old or 'no class'} → {one.new}" if one.new else one.action
        yield f"decided  {one.when[:10]} by {one.who}: {what}"
    if made:
        command = shell_command("git", "log", "-S", sha256, "--", str(paths.DECISIONS))
        yield f"         its commit: {command}"


def _used(origin: Origin, row: Mapping[str, Any]) -> Iterator[str]:
    """The classifiers of the same lock that read this dataset."""
    readers = sorted(
        stage.removeprefix("train@")
        for stage, parts in origin.stages.items()
        if stage.startswith("train@") and origin.path in parts["deps"]
    )
    if readers and row["split"]:
        how = "trained with it" if row["split"] == "train" else "measured with it"
        yield f"used     {how}: {', '.join(readers)}"


def _output(file: Path, origin: Origin) -> Trail:
    """A stage's output; the model beside it in the same lock is named where there is just one."""
    model = f"artifacts/models/{origin.entry}"
    models = []
    if f"export@{origin.entry}" in origin.stages:
        proof = origin.json(f"{model}/agreement.json")
        models = [str(proof["model"])] if proof else []
    return Trail(f"{file}: {origin.path}, written by {origin.stage}", models, origin)


def _scores(file: Path, path: str | None) -> Trail:
    if path is None:
        return Trail(f"{file}: scores", score_reader.models(file))
    row = score_reader.find(file, path)
    return Trail(f"{file}: {path}: {_answer(row)}", [str(row["model"])], row=row)


def _answer(row: Mapping[str, Any]) -> str:
    """What a row says of its image; `abstained` and `unknown` have a probability and no label."""
    if row["status"] == "error":
        return f"error: {row['error']}"
    prob = f"{float(row['prob']):.4f}"
    if row["status"] == "ok":
        return f"{row['label']} ({prob})"
    return f"{row['status']}, no label (the most probable class has {prob})"


def _model(sha256: str) -> Iterator[str]:
    """The model's hash and what MLflow knows of it; a store that does not answer is no reason to stop."""
    if not sha256:
        return
    yield f"model    {sha256}"
    try:
        versions = tracking.registered(sha256, uri=tracking.store())
    except FrostlineError as error:
        yield f"MLflow   {error}"
        return
    for version in versions:
        aliases = "".join(f" @{alias}" for alias in version.aliases)
        dirty = " with changes" if version.dirty else ""
        commit = f", recorded at commit {version.commit[:7]}{dirty}" if version.commit else ""
        yield f"MLflow   {version.name} version {version.number}{aliases}, run {version.run_id}{commit}"
    if not versions:
        yield "MLflow   has no version with this model; `frostline registry sync` brings it"
