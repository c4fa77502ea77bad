"""What an ONNX file says of its images and its taps, in its own metadata: whoever takes the file need not guess."""

import json
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from frostline.config import OnnxInput, Tap

KEY = "frostline"


@dataclass(frozen=True)
class Description:
    """How pixels become a network's input, where it came from, and what becomes features.

    `taps` is empty where the graph has to tell; `side`: height and width in pixels, None where nothing says so.
    """

    input: OnnxInput
    origin: str
    taps: dict[str, Tap] = field(default_factory=dict)
    side: tuple[int, int] | None = None


def write(model: Any, description: Description) -> None:
    """Put a description into a model, in place of one that it had."""
    values = {
        "input": description.input.model_dump(),
        "origin": description.origin,
        "taps": {name: tap.model_dump() for name, tap in description.taps.items()},
        "side": description.side,
    }
    kept = [one for one in model.metadata_props if one.key != KEY]
    model.ClearField("metadata_props")
    model.metadata_props.extend(kept)
    model.metadata_props.add(key=KEY, value=json.dumps(values, sort_keys=True))


def read(model: Any) -> Description | None:
    """A model's description; None where it has none, or one that says nothing."""
    for one in model.metadata_props:
        if one.key == KEY:
            return _parsed(one.value)
    return None


def _parsed(text: str) -> Description | None:
    try:
        values = json.loads(text)
        side = values["side"]
        return Description(
            OnnxInput.model_validate(values["input"]),
            str(values["origin"]),
            {name: Tap.model_validate(tap) for name, tap in values["taps"].items()},
            None if side is None else (int(side[0]), int(side[1])),
        )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, ValidationError):
        return None
