"""drift: whether the images of a score job look, and were answered, as those that the model was tested on."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa

from frostline import files
from frostline.errors import InputError
from frostline.evaluation import drift_page
from frostline.files import printable
from frostline.runtime.providers import VARIANTS
from frostline.runtime.sessions import open_session, variant
from frostline.scoring import job_drift, lookup, models
from frostline.scoring.drift_indices import Tally

COLUMNS = ("probs", "model", "height", "width", "brightness", "sharpness", "embedding")


def run(scores: Path, *, model: str, limit: float | None = None) -> None:
    """Write SCORES.drift.json and .html, put the figures into the job file; LimitError beyond a limit.

    `scores` is an output of `frostline score` by `model`, whose test images are the baseline; what they
    look like is compared where it was scored with `--drift`. `limit` is one for every question, else params.yaml
    names them. InputError for scores that cannot be read, of another model, or without one image, and for a
    model without baseline.
    """
    job_drift.require_packages()
    limits = job_drift.limits(limit)
    path = models.resolve(model)
    session = open_session(path, device="cpu")
    baseline = job_drift.baseline_of(session)
    if baseline is None:
        raise InputError(f"{printable(path)}: {job_drift.NO_BASELINE}")
    tally = Tally(baseline)
    for table in _tables(scores, model, _hashes(path)):
        job_drift.count(table, tally)
    if not tally.images:
        raise InputError(f"{printable(scores)}: not one image in it was scored")
    said = job_drift.values(tally.drift(limits), classes=session.contract.classes)
    job_drift.write(said, scores, page=partial(drift_page.page, scores=printable(scores), model=model))
    job_drift.put_into_job(said, scores)
    job_drift.tell(said, scores, print)


def _tables(scores: Path, model: str, hashes: set[str]) -> Iterator[pa.Table]:
    """Some rows after another of what is compared."""
    for table in lookup.tables(scores, COLUMNS, needed=("probs", "model")):
        good = table.filter(table["probs"].is_valid())
        if strange := set(good["model"].to_pylist()) - hashes:
            raise InputError(
                f"{printable(scores)}: scored by another model ({min(strange)[:12]}) than {model} is now; score again"
            )
        yield good


def _hashes(model: Path) -> set[str]:
    """The model's and its variants'."""
    every = [model, *(variant(model, precision) for precision in VARIANTS)]
    return {files.sha256_file(path) for path in every if path.is_file()}
