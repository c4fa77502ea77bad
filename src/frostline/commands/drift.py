"""`frostline drift`: whether the images of a score job, and its predictions, look like those of the model's test."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from frostline import files, paths
from frostline.errors import FrostlineError, InputError
from frostline.files import printable
from frostline.runtime.providers import VARIANTS
from frostline.runtime.sessions import open_session, variant
from frostline.scoring import drift_report, model_path, output_paths, score_reader, sources
from frostline.scoring.drift import Limits, Tally
from frostline.scoring.drift_baseline import INDICES
from frostline.scoring.drift_report import Comparison
from frostline.scoring.sources import Source

COLUMNS = ("path", "probs", "model", "height", "width", "brightness", "sharpness", "embedding")


def run(scores: Path, *, model: str, limit: float | None = None) -> None:
    """Write SCORES.drift.json and .html, put the figures into the job file; LimitError above a limit.

    `scores` is an output of `frostline score` by `model`, whose test images are the baseline; image statistics and
    features are compared where it was scored with `--drift`. `limit` is one for every index, else params.yaml has
    them. InputError for scores that cannot be read, of another model, or without one image, and for a model
    without baseline.
    """
    drift_report.require_packages()
    wanted = limits(limit)
    path = model_path.resolve(model)
    session = open_session(path, device="cpu")
    baseline = drift_report.baseline_of(session)
    if baseline is None:
        raise InputError(f"{printable(path)}: {drift_report.NO_BASELINE}")
    comparison = Comparison(Tally(baseline), wanted, scores, model, _source(scores))
    for _ in comparison.counted(_tables(scores, model, _hashes(path))):
        pass
    values = comparison.write(session.contract.classes)
    if values is None:
        raise InputError(f"{printable(scores)}: not one image in it was scored")
    drift_report.put_into_job(values, scores)
    drift_report.report(values, scores)


def limits(one: float | None) -> Limits:
    """`one` limit for every index, or those of params.yaml; InputError where there is none."""
    if one is not None:
        return dict.fromkeys(INDICES, one)
    try:
        params = paths.find_root(Path.cwd()) / paths.PARAMS
    except InputError:
        params = paths.PARAMS
    if not params.is_file():
        raise InputError(
            f"there is no {paths.PARAMS} here to say how much drift is too much; name one limit, such as 0.25"
        )
    from frostline import config  # only here: a scorer has none

    return config.load(params).drift.model_dump()


def _tables(scores: Path, model: str, hashes: set[str]) -> Iterator[pa.Table]:
    """Some rows after another of what is compared."""
    for table in score_reader.tables(scores, COLUMNS, needed=("path", "probs", "model")):
        scored = table.filter(table["probs"].is_valid())
        if strange := set(scored["model"].to_pylist()) - hashes:
            raise InputError(
                f"{printable(scores)}: scored by another model ({min(strange)[:12]}) than {model} is now; score again"
            )
        yield scored


def _source(scores: Path) -> Source | None:
    """The images of a job, by its job file; None where it has none, or they are not one folder or file here."""
    try:
        state = json.loads(output_paths.job_file(scores).read_text(encoding="utf-8"))["source"]
        place = state[0] if isinstance(state, list) else state
        return sources.open_images([place]) if Path(place).is_absolute() else None
    except (OSError, ValueError, KeyError, TypeError, IndexError, FrostlineError):
        return None


def _hashes(model: Path) -> set[str]:
    """The model's and its variants'."""
    every = [model, *(variant(model, precision) for precision in VARIANTS)]
    return {files.sha256_file(path) for path in every if path.is_file()}
