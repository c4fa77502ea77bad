"""drift: whether a model answers the images of a score job as it answered those it was tested on."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from frostline import files, paths
from frostline.errors import FrostlineError, InputError, LimitError
from frostline.files import printable
from frostline.records import predictions, reports
from frostline.results import drift, drift_page
from frostline.scores import places


def run(scores: Path, *, model: str, limit: float) -> None:
    """Write SCORES.drift.json and .html, put the figures into the job file; LimitError above the limit.

    `scores` is a Parquet output of `frostline score` by the classifier `model`, whose test images are the
    baseline. InputError for scores that cannot be read, of another model, or without one image.
    """
    said = predictions.read(
        paths.classifier(model) / "predictions.parquet", made_by=f"dvc repro train@{model}"
    ).split("test")
    found = drift.measure(said.classes, said.probs, _probs(scores, model, len(said.classes)))
    values = drift_page.values(found, limit=limit)
    beside = scores.with_name(f"{scores.name}.drift.json")
    files.write_json(beside, values)
    with files.writing(beside.with_suffix(".html")) as temporary:
        page = drift_page.page(values, scores=printable(scores), model=model)
        temporary.write_text(page, encoding="utf-8")
    _put_into_job(places.job_file(scores), values)
    for shift in values["shifts"].values():
        print(
            f"{shift['how']}: {shift['effect']:.3f} apart"
            + ("" if shift["real"] else ", as chance alone can be")
        )
    page_file = printable(beside.with_suffix(".html"))
    told = f"drift {values['score']:.3f} of {values['images']} images, limit {limit:g}: see {page_file}"
    if values["alarm"]:
        raise LimitError(told)
    print(told)


def _probs(scores: Path, model: str, classes: int) -> npt.NDArray[np.float32]:
    """(N, classes) probabilities of the images that were scored by the model."""
    try:
        table = pq.read_table(scores, columns=["probs", "model"])
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{printable(scores)}: cannot be read ({reason}); name a .parquet output of frostline score"
        ) from None
    table = table.filter(pc.is_valid(table["probs"]))
    if not len(table):
        raise InputError(f"{printable(scores)}: not one image in it was scored")
    if strange := set(table["model"].unique().to_pylist()) - _hashes(model):
        raise InputError(
            f"{printable(scores)}: scored by another model ({min(strange)[:12]}) than {model} is now; score again"
        )
    flat = table["probs"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float32).reshape(-1, classes)


def _hashes(model: str) -> set[str]:
    """The exported model's and its variants'."""
    folder, made = paths.model(model), f"dvc repro export@{model}"
    found = {str(reports.read(folder / "agreement.json", keys=("model",), made_by=made)["model"])}
    if (folder / "variants.json").exists():
        costs = files.read_json(folder / "variants.json", made_by=made)
        found |= {str(each["model"]) for each in costs.values()}
    return found


def _put_into_job(path: Path, values: dict[str, Any]) -> None:
    """The nightly decision reads it there; a job file that is gone is no fault."""
    if path.is_file():
        job = files.read_json(path, made_by="frostline score")
        if not isinstance(job, dict):
            raise FrostlineError(f"{printable(path)} is no job file; score again")
        files.write_json(path, {**job, "drift": values})
