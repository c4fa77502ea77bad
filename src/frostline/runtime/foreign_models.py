"""Models that frostline did not export: a file says what their input and output mean (`--contract FILE`)."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import frostline
from frostline.errors import InputError
from frostline.files import printable, sha256
from frostline.images import DECODE_VERSION
from frostline.runtime.contract import FEATURES, PROBS, RESIZES, Contract, WeightsSource
from frostline.runtime.pool import RuntimePool

_ACTIVATIONS = ("softmax", "sigmoid", "none")


@dataclass(frozen=True)
class ForeignModel:
    """How pixels become a foreign model's input, and its output probabilities.

    Input = (pixels x `scale` - `mean`) / `std` in float32, by channel in the order of `channels`, laid out
    as `layout`. `activation` makes probabilities of the output: softmax over classes, sigmoid of one logit
    for two classes (the second is the logit's), or none where they are probabilities already.
    """

    contract: Contract
    input: str
    layout: str
    channels: str
    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    output: str
    activation: str
    features: str | None
    text: str

    def digest(self, content: bytes) -> str:
        """The hash that rows carry: the model's bytes and this description, either changes the answer."""
        return sha256(content + self.text.encode())

    def outputs(self, *, features: bool) -> tuple[str, ...]:
        """The model's own names of what is asked for; InputError where it names no features."""
        if features and self.features is None:
            raise InputError("the contract names no output for `features`; name one, or leave out --features")
        return (self.output, self.features) if features and self.features else (self.output,)

    def check(self, model: RuntimePool) -> None:
        """InputError where the file and the model do not fit."""
        inputs = {tensor.name: tensor for tensor in model.inputs}
        outputs = list(model.outputs)
        if list(inputs) != [self.input]:
            raise InputError(f"the contract names the input {self.input!r}, the model has {list(inputs)}")
        if inputs[self.input].dtype != "float32":
            raise InputError(f"its input is {inputs[self.input].dtype}; only float32 inputs can be described")
        for name in filter(None, (self.output, self.features)):
            if name not in outputs:
                raise InputError(f"the contract names the output {name!r}, the model has {outputs}")
        self._check_shape(list(inputs[self.input].shape))

    def _check_shape(self, shape: list[Any]) -> None:
        height, width = self.contract.height, self.contract.width
        wanted = ["N", 3, height, width] if self.layout == "NCHW" else ["N", height, width, 3]
        fits = len(shape) == 4 and all(
            not isinstance(has, int) or has == want for has, want in zip(shape[1:], wanted[1:], strict=True)
        )
        if not fits:
            raise InputError(f"the contract asks for {wanted}, the model takes {shape}; mend the contract")

    def prepare(self, batch: np.ndarray) -> np.ndarray:
        """(N, H, W, 3) uint8 RGB → the model's float32 input."""
        pixels = batch[..., ::-1] if self.channels == "BGR" else batch
        scaled = pixels.astype(np.float32) * np.float32(self.scale)
        values = (scaled - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2) if self.layout == "NCHW" else values)

    def finish(self, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The model's outputs → `probs` (N, C) float32, and `features` where asked for.

        InputError where the model gives other than the numbers that the description's classes take.
        """
        raw = outputs[self.output].astype(np.float32)
        flat = raw.reshape(len(raw), -1)
        self._check_width(flat.shape[1])
        result = {PROBS: _ACTIVATE[self.activation](flat)}
        if self.features in outputs:
            result[FEATURES] = outputs[str(self.features)]
        return result

    def _check_width(self, has: int) -> None:
        classes = len(self.contract.classes)
        wanted = 1 if self.activation == "sigmoid" else classes
        if has != wanted:
            raise InputError(
                f"the contract names {classes} classes, which with {self.activation} are {_numbers(wanted)} per image; "
                f"the model gives {_numbers(has)}; mend `classes` or `output.activation`"
            )


def _numbers(count: int) -> str:
    return "1 number" if count == 1 else f"{count} numbers"


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    """Two probabilities of one logit."""
    second = 1 / (1 + np.exp(-logits[:, :1]))
    return np.concatenate([1 - second, second], axis=1).astype(np.float32)


_ACTIVATE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "softmax": _softmax,
    "sigmoid": _sigmoid,
    "none": lambda probs: probs,
}


def read(path: Path) -> ForeignModel:
    """Read and check a description; InputError of one line for anything but a whole one."""
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text)
    except OSError as error:
        raise InputError(f"--contract {printable(path)}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise InputError(
            f"--contract {printable(path)}: it is not JSON; the page Score images of the documentation has an example"
        ) from None
    try:
        _check(values, _FIELDS, "")
        for section in ("image", "input", "output"):
            _check(values[section], _SECTIONS[section], f"{section}.")
    except InputError as error:
        raise InputError(f"--contract {printable(path)}: {error}") from None
    return _foreign(values, name=path.stem, text=json.dumps(values, sort_keys=True))


def _foreign(values: dict[str, Any], *, name: str, text: str) -> ForeignModel:
    image, source, target = values["image"], values["input"], values["output"]
    contract = Contract(
        classes=tuple(values["classes"]),
        height=image["height"],
        width=image["width"],
        resize=image["resize"],
        decode=DECODE_VERSION,
        backbone=None,
        weights=WeightsSource(name=name, source="foreign", sha256=None),
        classifier=name,
        recipe=sha256(text.encode()),
        dataset="unknown",
        frostline=frostline.__version__,
    )
    return ForeignModel(
        contract=contract,
        input=source["name"],
        layout=source["layout"],
        channels=source["channels"],
        scale=float(source["scale"]),
        mean=tuple(map(float, source["mean"])),  # type: ignore[arg-type]  # three, checked
        std=tuple(map(float, source["std"])),  # type: ignore[arg-type]
        output=target["name"],
        activation=target["activation"],
        features=target["features"],
        text=text,
    )


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _three(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(map(_number, value))


def _side(value: Any) -> bool:
    return type(value) is int and 1 <= value <= 65536


def _one_of(*known: str) -> tuple[Callable[[Any], bool], str]:
    return (lambda value: value in known, "one of " + ", ".join(known))


Field = tuple[Callable[[Any], bool], str]
_SECTION: Field = (lambda value: isinstance(value, dict), "an object")
_FIELDS: dict[str, Field] = {
    "classes": (
        lambda value: (
            isinstance(value, list) and all(map(_text, value)) and len(value) == len(set(value)) >= 2
        ),
        "a list of two or more different names, in the order of the output",
    ),
    "image": _SECTION,
    "input": _SECTION,
    "output": _SECTION,
}
_SECTIONS: dict[str, dict[str, Field]] = {
    "image": {"height": (_side, "pixels"), "width": (_side, "pixels"), "resize": _one_of(*RESIZES)},
    "input": {
        "name": (_text, "text"),
        "layout": _one_of("NCHW", "NHWC"),
        "channels": _one_of("RGB", "BGR"),
        "scale": (_number, "a number"),
        "mean": (_three, "three numbers"),
        "std": (lambda value: _three(value) and all(value), "three numbers other than 0"),
    },
    "output": {
        "name": (_text, "text"),
        "activation": _one_of(*_ACTIVATIONS),
        "features": (lambda value: value is None or _text(value), "text or null"),
    },
}


def _check(values: Any, fields: dict[str, Field], prefix: str) -> None:
    if not isinstance(values, dict):
        raise InputError("it is not a JSON object")
    for key in values.keys() - fields.keys():
        raise InputError(f"unknown key {prefix + key!r}; known: {', '.join(fields)}")
    for key, (valid, wanted) in fields.items():
        if key not in values:
            raise InputError(f"{prefix + key} is missing")
        if not valid(values[key]):
            raise InputError(f"{prefix + key} must be {wanted}")
