"""What an exported model promises, carried in its metadata as JSON under the key `frostline`.

It holds only what content determines, so that the same inputs give the same model file.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from frostline.errors import InputError, weights_note
from frostline.images import DECODE_VERSION

KEY = "frostline"
INPUT, PROBS, FEATURES, UNKNOWN = "image", "probs", "features", "unknown"  # names in the graph
VERSION = 2  # 1 has no `unknown` and no `frostline.answers`, and is read as well
READ = (1, VERSION)
RESIZES = ("squash", "crop", "pad")


@dataclass(frozen=True)
class WeightsSource:
    """Where the pretrained weights came from; `sha256` is None for a network from scratch."""

    name: str
    source: str
    sha256: str | None


@dataclass(frozen=True)
class Contract:
    """Classes in the order of `probs`; pixels as the network wants them; what it was made from.

    `height` and `width` are pixels, `decode` is the decoder's version, `backbone` is None for a plain
    CNN, `recipe` and `dataset` are digests, `frostline` the version that exported the
    model, `version` that of the contract.
    """

    classes: tuple[str, ...]
    height: int
    width: int
    resize: str
    decode: str
    backbone: str | None
    weights: WeightsSource
    classifier: str
    recipe: str
    dataset: str
    frostline: str
    version: int = VERSION

    @property
    def note(self) -> str:
        """What must stand beside every number of this model; "" for trained weights."""
        return weights_note(self.weights.source)


def to_values(contract: Contract) -> dict[str, Any]:
    """The contract as plain JSON values."""
    values = asdict(contract)
    image = {"height": values.pop("height"), "width": values.pop("width")}
    return {"contract": values.pop("version"), **values, "classes": list(contract.classes), "image": image}


def to_json(contract: Contract) -> str:
    """The contract as its one compact JSON text."""
    return json.dumps(to_values(contract), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def from_json(text: str) -> Contract:
    """Parse and check a contract; InputError of one line for anything but a whole contract."""
    values = _parsed(text)
    version = values.get("contract")
    if type(version) is not int or version not in READ:
        known = " and ".join(map(str, READ))
        raise InputError(
            f"contract version {version!r} is unknown (this frostline reads {known}); install the frostline that "
            "exported the model, or export it again with this one"
        )
    _check(values, _FIELDS, "")
    _check(values["image"], _IMAGE, "image.")
    _check(values["weights"], _WEIGHTS, "weights.")
    plain = {key: values[key] for key in _PLAIN}
    return Contract(
        classes=tuple(values["classes"]),
        height=values["image"]["height"],
        width=values["image"]["width"],
        weights=WeightsSource(**values["weights"]),
        version=version,
        **plain,
    )


def require_met(contract: Contract) -> None:
    """InputError where this installation would not give the model the pixels it was trained on."""
    if contract.decode != DECODE_VERSION:
        raise InputError(
            f"the model needs images decoded by {contract.decode}, here is {DECODE_VERSION}; install "
            "the frostline and Pillow versions of its export, or export it again here"
        )


def _parsed(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(_broken("it is not JSON")) from None
    if not isinstance(values, dict):
        raise InputError(_broken("it is not a JSON object"))
    return values


def _broken(why: str) -> str:
    return f"the model's contract is broken: {why}; export the model again"


def _text(value: Any) -> bool:
    """Whether a value is non-empty text that can be written as UTF-8 (no lone surrogates)."""
    return isinstance(value, str) and bool(value) and not any("\ud800" <= c <= "\udfff" for c in value)


def _optional(value: Any) -> bool:
    return value is None or _text(value)


def _side(value: Any) -> bool:
    return type(value) is int and 1 <= value <= 65536


def _classes(value: Any) -> bool:
    texts = isinstance(value, list) and all(_text(one) for one in value)
    return texts and len(value) >= 2 and len(set(value)) == len(value)


def _object(value: Any) -> bool:
    return isinstance(value, dict)


Field = tuple[Callable[[Any], bool], str]
_PLAIN: dict[str, Field] = {
    "resize": (lambda value: value in RESIZES, "one of " + ", ".join(RESIZES)),
    "decode": (_text, "text"),
    "backbone": (_optional, "text or null"),
    "classifier": (_text, "text"),
    "recipe": (_text, "text"),
    "dataset": (_text, "text"),
    "frostline": (_text, "text"),
}
_FIELDS: dict[str, Field] = _PLAIN | {
    "contract": (_side, "a number"),
    "classes": (_classes, "a list of two or more different names"),
    "image": (_object, "an object"),
    "weights": (_object, "an object"),
}
_IMAGE: dict[str, Field] = {"height": (_side, "pixels"), "width": (_side, "pixels")}
_WEIGHTS: dict[str, Field] = {
    "name": (_text, "text"),
    "source": (_text, "text"),
    "sha256": (_optional, "text or null"),
}


def _check(values: dict[str, Any], fields: dict[str, Field], prefix: str) -> None:
    for key in values.keys() - fields.keys():
        raise InputError(_broken(f"unknown key {prefix + key!r}"))
    for key, (valid, wanted) in fields.items():
        if key not in values:
            raise InputError(_broken(f"{prefix + key} is missing"))
        if not valid(values[key]):
            raise InputError(_broken(f"{prefix + key} must be {wanted}"))
