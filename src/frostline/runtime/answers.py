"""What an exported model knows about its answers: JSON in its metadata under the key `frostline.answers`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, floor, log10
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline.errors import InputError

KEY = "frostline.answers"
_AGAIN = "export the classifier again"


@dataclass(frozen=True)
class Answers:
    """How `probs` and `unknown` of a model came about.

    `temperature` is what logits are divided by before the softmax. `thresholds` are probabilities by coverage (0-1,
    as text): the classes from that probability on, and the most probable one, are a set that holds the actual class
    of at least that share of images; they were taken from `images` held-out images. `unknown_images` held-out images
    are what `unknown` compares with, 0 where the model has no such output.
    """

    temperature: float = 1.0
    images: int = 0
    thresholds: Mapping[str, float] = field(default_factory=dict)
    unknown_images: int = 0

    def threshold(self, coverage: float) -> float:
        """The probability from which on classes are in a set of that coverage; InputError where none was fitted.

        Between two coverages that were fitted the higher one counts.
        """
        if not self.thresholds:
            raise InputError(
                f"--coverage {coverage:g}: the model has no thresholds for prediction sets (it was exported by an "
                f"older frostline, or with too few validation images); {_AGAIN}"
            )
        enough = [level for level in map(float, self.thresholds) if level >= coverage - 1e-12]
        if not enough:
            most = max(map(float, self.thresholds))
            raise InputError(
                f"--coverage {coverage:g}: {self.images} validation images cannot promise more than {most:g}; ask for "
                "a lower coverage, or give the dataset more validation images"
            )
        return self.thresholds[f"{min(enough):g}"]

    def require_unknown(self, share: float) -> None:
        """InputError where `unknown` cannot tell so small a share of images like the training ones."""
        if not self.unknown_images:
            raise InputError(
                f"--unknown {share:g}: the model has no output `unknown` (nothing of its network is frozen, or it was "
                f"exported by an older frostline); {_AGAIN}, or leave out --unknown"
            )
        least = 1 / (self.unknown_images + 1)
        if share < least:
            raise InputError(
                f"--unknown {share:g}: {self.unknown_images} held-out images cannot tell a share below {least:.2g}; "
                f"ask for {_rounded_up(least):g} or more"
            )


def _rounded_up(share: float) -> float:
    """A share above 0 with two digits, none of which promises too much."""
    places = 1 - floor(log10(share))
    scale = 10.0**places
    return ceil(round(share * scale, 9)) / scale


def members(probs: npt.NDArray[np.float32], threshold: float) -> npt.NDArray[np.bool_]:
    """(N, C) which classes are in the set of each row: those from a probability on, and the most probable one."""
    inside = probs >= np.float32(threshold)
    inside[np.arange(len(probs)), probs.argmax(axis=1)] = True
    return np.asarray(inside)


def rejects(unknown: npt.NDArray[np.float32], share: float) -> npt.NDArray[np.bool_]:
    """(N,) which images are further than all but a share of images like the training ones; half a millionth is
    rounding.
    """
    return np.asarray(unknown >= np.float32(1 - share - 5e-7))


def to_json(answers: Answers) -> str:
    """The answers as their one compact JSON text."""
    values = {
        "temperature": answers.temperature,
        "images": answers.images,
        "thresholds": dict(answers.thresholds),
        "unknown_images": answers.unknown_images,
    }
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def of(metadata: Mapping[str, str]) -> Answers:
    """The answers in a model's metadata, plain ones where it says nothing; InputError where they are broken."""
    text = metadata.get(KEY)
    if text is None:
        return Answers()
    try:
        values: Any = json.loads(text)
        return Answers(
            temperature=float(values["temperature"]),
            images=int(values["images"]),
            thresholds={str(level): float(value) for level, value in values["thresholds"].items()},
            unknown_images=int(values["unknown_images"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        raise InputError(f"the model's metadata {KEY} are broken; {_AGAIN}") from None
