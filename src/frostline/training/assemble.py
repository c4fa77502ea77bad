"""Trunk, tail and head assembled again: the classifier as one function from pixels to probabilities."""

import itertools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from frostline import files
from frostline.config import Classifier
from frostline.errors import FrostlineError, InputError, first_line
from frostline.features import backends
from frostline.features.cut_model import CutModel, cut
from frostline.features.trunks import OnnxTrunk
from frostline.models.heads import probabilities
from frostline.models.network import Network


def cut_phases(network: Network, classifier: Classifier) -> dict[str, CutModel]:
    """A network cut for each phase, in order. The last one trains most: what is above its cut is what was trained.

    Raises InputError where a later phase freezes layers that an earlier one trained: their features
    would no longer be those of the pretrained network.
    """
    cuts = {name: cut(network, phase.freeze) for name, phase in classifier.phases.items()}
    if isinstance(network.body, OnnxTrunk):
        return cuts  # all of it is frozen in each
    order = {layer.name: place for place, layer in enumerate(network.body.layers)}
    depths = [order[parts.cut] if parts.cut else -1 for parts in cuts.values()]
    for (before, after), name in zip(itertools.pairwise(depths), list(cuts)[1:], strict=True):
        if after > before:
            raise InputError(
                f"phases.{name}.freeze: '{classifier.phases[name].freeze}' freezes layers that the phase before "
                "trains; later phases may only freeze less"
            )
    return cuts


Function = Callable[[Any], Any]


def below_and_above(parts: CutModel) -> tuple[Function | None, Function]:
    """What is below the cut, pixels (N, H, W, 3) uint8 → features, or None; and above it, → `probs` (N, C)."""

    def below(pixels: Any) -> Any:
        if isinstance(parts.trunk, OnnxTrunk):
            return backends.fastest(parts.trunk)(pixels)["rows"]
        return parts.trunk(pixels, training=False)  # type: ignore[misc]  # not called where there is none

    def above(features: Any) -> Any:
        return probabilities(parts.upper(features, training=False))

    return (None if parts.trunk is None else below), above


def whole(parts: CutModel) -> Function:
    """Pixels (N, H, W, 3) uint8 → `features` (the tensor at the cut) and `probs` (N, C) float32."""
    below, above = below_and_above(parts)

    def classify(pixels: Any) -> dict[str, Any]:
        features = below(pixels) if below else pixels
        return {"features": features, "probs": above(features)}

    return classify


def trunk_key(classifier: Classifier, *, weights: dict[str, Any], cut: str) -> dict[str, Any]:
    """What decides a trunk's function: backbone and weights by checksum, the cut, transform, precision."""
    pooling = classifier.network.head.pooling if cut == "pool" else None
    return {
        "backbone": weights["backbone"],
        "weights": weights["sha256"],
        "cut": cut,
        "end_at": getattr(classifier.network, "end_at", None) if cut == "pool" else None,
        "pooling": pooling,
        "transform": classifier.image.transform,
        "precision": classifier.precision,
    }


def save(upper: Any, path: Path) -> None:
    """Write the weights of what was trained; `path` must end in `.weights.h5`."""
    with files.writing(path) as temporary:
        upper.save_weights(temporary)


def load(upper: Any, path: Path) -> None:
    """Put trained weights in place; FrostlineError where the file does not fit the network."""
    try:
        with warnings.catch_warnings():
            # Keras only warns where a part of the file is missing, and leaves those layers as drawn.
            warnings.filterwarnings("error", category=UserWarning)
            upper.load_weights(path)
    except (ValueError, OSError, UserWarning) as error:
        raise FrostlineError(
            f"{path} does not fit the network: {first_line(error)}; "
            f"run `dvc repro train@{path.parent.name}` again"
        ) from None
