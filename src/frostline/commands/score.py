"""`frostline score`: any images through an exported model, into one row per file; photos alone, onto the screen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from frostline.commands import drift
from frostline.datasets.listing import EXTENSIONS
from frostline.errors import FrostlineError, InputError, one_line
from frostline.files import printable
from frostline.progress import say
from frostline.scoring import sources
from frostline.scoring.job_runner import run as score
from frostline.scoring.model import Device, Precision, open_model
from frostline.scoring.plan import Options

NEED_OUT = ("features", "keep_features", "drift", "page")
_DOUBTS = {
    "abstained": ": below the confidence asked for, no label",
    "unknown": ": unlike the training images, no label",
}


def run(source: Sequence[str], *, model: str, out: Path | None = None, **options: Any) -> None:
    """Score `source` into `out` and say a summary; arguments and errors are those of `job_runner.run`.

    With `drift` the limits are `drift_limit`, else those of params.yaml. Without `out` the words of `source` are
    image files, whose top classes are printed; FrostlineError where one of them cannot be read.
    """
    if out is None:
        _say_classes(source, model=model, **options)
        return
    limits = drift.limits(options.get("drift_limit")) if options.get("drift") else None
    score(source, model=model, out=out, limits=limits, **options)


def _say_classes(
    source: Sequence[str], *, model: str, resume: bool = False, contract: Path | None = None, **options: Any
) -> None:
    """The top classes of a few image files."""
    asked = Options(**options)
    _require_images(source)
    if resume or asked.engine != "local" or any(getattr(asked, name) for name in NEED_OUT):
        raise InputError("without --out the top classes are printed; these options need rows, so name --out")
    opened = open_model(
        model,
        device=cast(Device, asked.device),
        precision=cast(Precision, asked.precision),
        batch_size=asked.batch_size or 1,
        threads=asked.threads,
        contract=contract,
    )
    scores = opened.score(sources.open_images(source), asked)
    for row in scores.arrow.to_pylist():
        say(_classes(row))
    if scores.note:
        say(scores.note)
    broken = len(scores.errors)
    if broken:
        raise FrostlineError(f"{broken} of {len(source)} images could not be read; name image files")


def _require_images(source: Sequence[str]) -> None:
    for word in source:
        if word and not (Path(word).is_file() and Path(word).suffix.lower() in EXTENSIONS):
            raise InputError(
                f"{printable(word)} is not an image file: say where its rows go, such as --out scores.parquet"
            )


def _classes(row: dict[str, Any]) -> str:
    """An image's name, and below it its classes by probability."""
    name = one_line(printable(row["path"]))
    if row["status"] == "error":
        return f"{name}: {row['error']}"
    doubt = _DOUBTS.get(row["status"], "")
    ranks = zip(row["topk_probs"], row["topk_labels"], strict=True)
    chosen = None if row["status"] == "unknown" else row.get("prediction_set")
    within = [f"  set: {', '.join(map(one_line, chosen))}"] if chosen else []
    return "\n".join(
        [f"{name}{doubt}", *(f"  {prob:6.1%}  {one_line(label)}" for prob, label in ranks), *within]
    )
