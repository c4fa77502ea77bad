"""score: any folder, archive, list or bucket through an exported model, into one row per image file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from frostline.commands import drift
from frostline.progress import say
from frostline.scoring.run import run as score


def run(source: Sequence[str], *, model: str, out: Path, **options: Any) -> None:
    """Score `source` into `out` and say a summary; arguments and errors are those of `scoring.run`.

    With `drift` the limits are `drift_limit`, else those of params.yaml.
    """
    limits = drift.limits(options.get("drift_limit")) if options.get("drift") else None
    score(source, model=model, out=out, tell=say, bar=True, limits=limits, **options)
