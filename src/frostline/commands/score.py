"""score: any folder, archive, list or bucket through an exported model, into one row per image file."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from frostline.commands import drift
from frostline.scoring.run import run as score


def run(source: Sequence[str], *, model: str, out: Path, **options: Any) -> None:
    """Score `source` into `out` and print a summary; arguments and errors are those of `scoring.run`.

    With `drift` the limits are `drift_limit`, else those of params.yaml.
    """
    limits = drift.limits(options.get("drift_limit")) if options.get("drift") else None
    tell = partial(print, flush=True)
    score(source, model=model, out=out, tell=tell, bar=True, limits=limits, **options)
