"""`frostline score`: any images through an exported model, into one row per file; photos alone, onto the screen."""

import contextlib
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from frostline import images
from frostline.commands import drift
from frostline.datasets.listing import EXTENSIONS
from frostline.errors import FrostlineError, InputError
from frostline.features.local import stream
from frostline.files import printable
from frostline.progress import say
from frostline.runtime import foreign_models
from frostline.scoring import models, plan, rows, sources
from frostline.scoring.plan import Options
from frostline.scoring.run import run as score

NEED_OUT = ("features", "keep_features", "drift")


def run(source: Sequence[str], *, model: str, out: Path | None = None, **options: Any) -> None:
    """Score `source` into `out` and say a summary; arguments and errors are those of `scoring.run`.

    With `drift` the limits are `drift_limit`, else those of params.yaml. Without `out` the words of `source` are
    image files, whose top classes are said; FrostlineError where one of them cannot be read.
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
    foreign = foreign_models.read(contract) if contract else None
    broken = 0
    with contextlib.closing(sources.open_images(source)) as opened:
        path = models.resolve(model)
        planned = plan.make(opened, path, out=Path(), options=asked, foreign=foreign)
        for row in _rows(planned):
            say(_classes(row))
            broken += row["status"] == "error"
    if note := planned.session.contract.note:
        say(note)
    if broken:
        raise FrostlineError(f"{broken} of {len(source)} images could not be read; name image files")


def _require_images(source: Sequence[str]) -> None:
    for word in source:
        if word and not (Path(word).is_file() and Path(word).suffix.lower() in EXTENSIONS):
            raise InputError(
                f"{printable(word)} is not an image file: say where its rows go, such as --out scores.parquet"
            )


def _rows(planned: plan.Plan) -> Iterator[dict[str, Any]]:
    session, options = planned.session, planned.options
    wanted = session.contract
    decode = functools.partial(images.decode, height=wanted.height, width=wanted.width, resize=wanted.resize)
    scorer = rows.Scorer(wanted.classes, options.top_k, session.sha256, options.min_confidence)
    for block in stream(planned.source.items(), decode=decode, network=session.run, batch_size=1):
        yield from scorer.table(block).to_pylist()


def _classes(row: dict[str, Any]) -> str:
    """An image's name, and below it its classes by probability."""
    if row["status"] == "error":
        return f"{printable(row['path'])}: {row['error']}"
    doubt = ": below the confidence asked for, no label" if row["status"] == "abstained" else ""
    ranks = zip(row["topk_probs"], row["topk_labels"], strict=True)
    return "\n".join(
        [f"{printable(row['path'])}{doubt}", *(f"  {prob:6.1%}  {label}" for prob, label in ranks)]
    )
