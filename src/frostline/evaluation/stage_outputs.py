"""The JSON that stages leave behind, read with the certainty that what is needed is there."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from frostline.errors import FrostlineError
from frostline.files import read_json

RECORD = (
    "key", "dataset", "dataset_digest", "classes", "weights.source", "parameters.trainable", "parameters.frozen",
)  # fmt: skip
METRICS = (
    "dataset", "dataset_digest", "note", "validation.accuracy",
    *(f"test.{key}" for key in ("images", "accuracy", "accuracy_low", "accuracy_high", "loss")),
)  # fmt: skip


def read(path: Path, *, keys: Iterable[str], made_by: str) -> dict[str, Any]:
    """A JSON object that holds all of these dotted keys; otherwise an error naming the stage to run."""
    try:
        value = read_json(path, made_by=made_by)
    except (OSError, ValueError) as error:
        raise FrostlineError(f"{path} cannot be read ({error}); run `{made_by}` again") from None
    missing = [key for key in keys if not _holds(value, key)]
    if missing:
        raise FrostlineError(f"{path} lacks {', '.join(missing)}; run `{made_by}` again")
    return dict(value)


def _holds(value: Any, key: str) -> bool:
    for step in key.split("."):
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True
