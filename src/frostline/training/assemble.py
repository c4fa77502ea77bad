"""Trunk, tail and head assembled again: the classifier as one function from pixels to probabilities."""

import io
import itertools
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from frostline import files
from frostline.config import Classifier
from frostline.errors import FrostlineError, InputError, first_line
from frostline.features import backends
from frostline.features.cut_model import CutModel, cut
from frostline.features.trunks import OnnxTrunk
from frostline.models.dense_head import Dense, DenseHead, SolvedHead
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
        if isinstance(parts.upper, SolvedHead):
            return parts.upper.arrays(features.astype(np.float32))
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


KERAS_FILE, SOLVED_FILE = "trained.weights.h5", "trained.npz"


def save(upper: Any, folder: Path) -> None:
    """Write the weights of what was trained into a classifier's folder."""
    if isinstance(upper, SolvedHead):
        _save_solved(upper, folder / SOLVED_FILE)
        return
    with files.writing(folder / KERAS_FILE) as temporary:
        upper.save_weights(temporary)


def load(upper: Any, folder: Path) -> None:
    """Put trained weights in place; FrostlineError where they are missing or do not fit the network."""
    solved = isinstance(upper, SolvedHead)
    path = folder / (SOLVED_FILE if solved else KERAS_FILE)
    if not path.is_file():
        raise FrostlineError(f"{path} is missing; run `dvc repro train@{folder.name}`")
    try:
        if solved:
            _load_solved(upper, path)
            return
        with warnings.catch_warnings():
            # Keras only warns where a part of the file is missing, and leaves those layers as drawn.
            warnings.filterwarnings("error", category=UserWarning)
            upper.load_weights(path)
    except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile, UserWarning) as error:
        raise FrostlineError(
            f"{path} does not fit the network: {first_line(error)}; run `dvc repro train@{folder.name}` again"
        ) from None


def _save_solved(head: SolvedHead, path: Path) -> None:
    content = io.BytesIO()
    np.savez(content, **_named(head.arrays))
    with files.writing(path) as temporary:
        temporary.write_bytes(content.getvalue())


def _named(head: DenseHead) -> dict[str, Any]:
    """The arrays as the file has them: kernel and bias of the logits, kernel1, bias1, ... of hidden layers, and
    standardisation."""
    named: dict[str, Any] = {"kernel": head.logits.kernel, "bias": head.logits.bias}
    for number, layer in enumerate(head.hidden, start=1):
        named |= {f"kernel{number}": layer.kernel, f"bias{number}": layer.bias}
    return {**named, "mean": head.mean, "scale": head.scale}


def _load_solved(head: SolvedHead, path: Path) -> None:
    like = _named(head.arrays)
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as given:
        found = {name: given[name] for name in like}
    if any(found[name].shape != value.shape for name, value in like.items()):
        raise ValueError("its arrays are of other sizes")
    hidden = [
        Dense(found[f"kernel{number}"], found[f"bias{number}"])
        for number in range(1, len(head.arrays.hidden) + 1)
    ]
    logits = Dense(found["kernel"], found["bias"])
    head.arrays = DenseHead(logits, tuple(hidden), mean=found["mean"], scale=found["scale"])
