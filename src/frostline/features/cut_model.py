"""Cutting a network at its freeze point: trunk below (frozen), tail and head above (trained)."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from frostline.errors import InputError
from frostline.features.trunks import OnnxTrunk
from frostline.models.keras_backend import keras
from frostline.models.network import Network, is_cut, layer
from frostline.runtime.contract import FEATURES


@dataclass(frozen=True)
class CutModel:
    """A network cut in two at one tensor.

    `trunk`: pixels → that tensor, a Keras model or an OnnxTrunk, or None where nothing is frozen. `upper`: that
    tensor (or pixels) → logits; the layers of the tail and the head, the part that trains. `cut`: the last frozen
    layer.
    """

    trunk: Any | None
    upper: Any
    cut: str | None


def cut(network: Network, freeze: str) -> CutModel:
    """Cut at `freeze`: 'all' (the whole body), 'none', or a layer up to and including which all is frozen.

    Raises InputError for an unknown layer, and for one whose output is not all that the rest needs
    (inside a residual branch), naming the nearest layers that are.
    """
    body, head = network.body, network.head
    if isinstance(body, OnnxTrunk):
        return _frozen(body, head, freeze)
    k = keras()
    if freeze == "none":
        return CutModel(trunk=None, upper=_upper(body, body.inputs[0], head), cut=None)
    last = body.layers[-1] if freeze == "all" else layer(body, freeze)
    trunk = k.Model(body.inputs[0], last.output, name="trunk")
    if last is body.layers[-1]:
        return CutModel(trunk=trunk, upper=head, cut=last.name)
    if not is_cut(body, last):
        near = ", ".join(nearest_cuts(body, last))
        raise InputError(
            f"cannot freeze up to '{freeze}': its output is not all that the layers above need; near: {near}"
        )
    return CutModel(trunk=trunk, upper=_upper(body, last.output, head), cut=last.name)


def _frozen(body: OnnxTrunk, head: Any, freeze: str) -> CutModel:
    """The network of an ONNX file is its trunk, and never trains."""
    if freeze != "all":
        raise InputError(
            f"freeze '{freeze}': the network comes from an ONNX file and cannot be thawed; use all, or weights of a "
            "Keras backbone"
        )
    return CutModel(trunk=body, upper=head, cut=FEATURES)


def nearest_cuts(body: Any, wrong: Any) -> list[str]:
    """Up to three layers at which `body` can be cut, nearest first to the layer `wrong`."""
    index = body.layers.index(wrong)
    near = sorted(range(1, len(body.layers)), key=lambda other: abs(other - index))
    cuts: list[str] = []
    for other in near:
        if is_cut(body, body.layers[other]):
            cuts.append(body.layers[other].name)
        if len(cuts) == 3:
            break
    return cuts


def block_ends(body: Any, *, most: int) -> list[str]:
    """Up to `most` layers at which whole blocks end and `body` can be cut, from the pixels upwards.

    A block is what Keras names alike up to the first number, or else the last underscore: `block4_pool`
    ends `block4`, `conv_dw_1_relu` ends `conv_dw_1`. A padding belongs to what follows it. Where there are
    more, they are thinned out evenly, the last one stays; the pooling at the very top is none.
    """
    ends = list(last_blocks(body))[::-1]
    count = min(most, len(ends))
    places = {math.ceil((number + 1) * len(ends) / count) - 1 for number in range(count)}
    return [ends[place] for place in sorted(places)]


def last_blocks(body: Any) -> Iterator[str]:
    """All of `block_ends`, from the top downwards: who wants but the last ones need not have the others looked at."""
    padding, known = keras().layers.ZeroPadding2D, set[str]()
    learnt = (place for place, candidate in enumerate(body.layers) if candidate.weights)
    first = next(learnt, len(body.layers))  # below it pixels are transformed, which is no block
    for candidate in reversed(body.layers[max(first, 1) : -1]):
        block = _block(candidate.name)
        if block not in known and not isinstance(candidate, padding) and is_cut(body, candidate):
            known.add(block)
            yield candidate.name


def _block(name: str) -> str:
    numbered = re.match(r"\D*\d+", name)
    return numbered.group() if numbered else name.rpartition("_")[0] or name


def _upper(body: Any, start: Any, head: Any) -> Any:
    """The layers between a tensor and the logits as one model; frozen BatchNorm keeps its statistics.

    Batch normalisation of a pretrained network stays in inference mode: re-estimating its statistics
    on small batches would undo what it was trained to do.
    """
    k = keras()
    start.name = "cut"  # else Keras numbers it through the process, and the number is in the saved file
    tail = k.Model(start, body.output, name="tail")
    for upper_layer in tail.layers:
        if isinstance(upper_layer, k.layers.BatchNormalization):
            upper_layer.trainable = False
    # float32 holds the 16-bit types, which the layers of a trunk in less precision cast down again.
    inputs = k.Input(start.shape[1:], dtype="float32", name="upper_input")
    return k.Model(inputs, head(tail(inputs)), name="upper")
