"""A network from an ONNX file as a trunk: `image` (N, H, W, 3) uint8 → `features` (N, D) float32, in one graph.

Transposition, order of the channels, normalisation and the pooling of the taps are put into the graph, and what the
taps do not need is cut off: an exported model holds the very nodes that made the features of its training.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline.config import OnnxInput, Tap
from frostline.errors import InputError
from frostline.runtime import graph_edits, pool
from frostline.runtime.contract import FEATURES, INPUT
from frostline.runtime.engine import reason
from frostline.runtime.graph_edits import Builder

SIDES = (224, 256, 384, 518, 96)  # pixels; tried in turn on a network that leaves its size open
TRIED = 3  # images at once
RELATIVE = 1e-3  # of the largest value: how far a row may depend on those beside it, by rounding
INSIDE = "net/"  # before the names of the file's own tensors
_FLOAT, PIXELS = 1, 2  # ONNX' numbers of element types: float32, uint8
_ELEMENTS = {_FLOAT, PIXELS, 10, 11}  # float32, uint8, float16, float64

Images = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ImageInput:
    """The one input of a network, as its file has it. `height` and `width` in pixels, None where they are open.

    `batch` is the number of images that it takes at once, None where any number will do; `element` ONNX' number of
    the type.
    """

    name: str
    layout: str
    element: int
    batch: int | None
    height: int | None
    width: int | None


def image_input(model: Any) -> ImageInput:
    """The input of an ONNX model; InputError where it does not take images, and nothing else."""
    inputs = model.graph.input
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs) or "none"
        raise InputError(f"a network with one input, of images, is needed; this one has: {names}")
    kind = inputs[0].type.tensor_type
    sides = [dim.dim_value if dim.dim_value > 0 else None for dim in kind.shape.dim]
    if kind.elem_type not in _ELEMENTS or len(sides) != 4:
        raise InputError(
            f"its input {inputs[0].name} takes no images of floats or bytes; it has {_shown(sides)}"
        )
    if (sides[1] == 3) == (sides[3] == 3):
        raise InputError(
            f"its input {inputs[0].name} has {_shown(sides)}; 3 channels must stand second (NCHW) or last (NHWC)"
        )
    layout = "NCHW" if sides[1] == 3 else "NHWC"
    height, width = sides[2:] if layout == "NCHW" else sides[1:3]
    return ImageInput(inputs[0].name, layout, kind.elem_type, sides[0], height, width)


def _shown(sides: Sequence[int | None]) -> str:
    return "the shape (" + ", ".join("?" if side is None else str(side) for side in sides) + ")"


def make(model: Any, described: OnnxInput, taps: Mapping[str, Tap]) -> bytes:
    """The trunk's bytes: the network up to its taps, from pixels to one vector per image.

    The same model and description give the same bytes. Any number of images goes at once where they do not depend on
    each other, else the file's own; the size of images stays open where it is. InputError of one line for what does
    not fit.
    """
    import onnx

    facts = image_input(model)
    graph_edits.require_tensors(model, taps)
    graph_edits.prune(model, list(taps))
    if facts.name not in {name for node in model.graph.node for name in graph_edits.used(node)}:
        raise InputError(f"taps: {', '.join(taps)}: does not depend on the image")
    model = onnx.compose.add_prefix(model, INSIDE)
    _prepend(model, facts, described)
    _declare(model, facts, batch=facts.batch)
    model, network = graph_edits.opened(model)
    side, values = _trial(network, facts)
    _append(model, {f"{INSIDE}{name}": tap for name, tap in taps.items()}, values)
    return _settled(model, facts, side)


def _prepend(model: Any, facts: ImageInput, described: OnnxInput) -> None:
    """Pixels → what the network's input was, as the first nodes."""
    scale, mean, std = described.scale, np.array(described.mean), np.array(described.std)
    plain = (scale == 1, not mean.any(), (std == 1).all())
    if facts.element == PIXELS and not all(plain):
        raise InputError("its input takes bytes as they are: write scale 1, mean [0, 0, 0] and std [1, 1, 1]")
    build = Builder(model, prefix="before")
    at = INPUT
    if described.channels == "BGR":
        at = build.add("Gather", at, build.constant(np.array([2, 1, 0], np.int64)), axis=3)
    if facts.element != PIXELS:
        at = build.add("Cast", at, to=_FLOAT)
        at = build.add("Mul", at, build.constant((scale / std).astype(np.float32)))
        at = build.add("Add", at, build.constant((-mean / std).astype(np.float32)))
        if facts.element != _FLOAT:
            at = build.add("Cast", at, to=facts.element)
    name = f"{INSIDE}{facts.name}"
    if facts.layout == "NCHW":
        build.add("Transpose", at, perm=[0, 3, 1, 2], output=name)
    else:
        build.add("Identity", at, output=name)
    nodes = [*build.nodes, *model.graph.node]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)


def _declare(model: Any, facts: ImageInput, *, batch: int | None) -> None:
    """The graph's input: `image`, for so many images at once, None for any number."""
    import onnx

    shape = [batch or "N", facts.height or "H", facts.width or "W", 3]
    model.graph.ClearField("input")
    model.graph.input.append(onnx.helper.make_tensor_value_info(INPUT, PIXELS, shape))


def _trial(network: Any, facts: ImageInput) -> tuple[tuple[int, int], dict[str, npt.NDArray[Any]]]:
    """A size that the network takes, in pixels, and what its taps make of an image of it."""
    problems = []
    for height, width in _sizes(facts):
        blank = np.zeros((facts.batch or 1, height, width, 3), np.uint8)
        try:
            return (height, width), graph_edits.run(network, blank)
        except Exception as error:  # the runtime's have no base
            problems.append(f"{height}x{width}: {reason(error)}")
    raise InputError(f"the network does not run on an image of {problems[0]}")


def _sizes(facts: ImageInput) -> list[tuple[int, int]]:
    sides = SIDES if facts.height is None or facts.width is None else SIDES[:1]
    return [(facts.height or side, facts.width or side) for side in sides]


def _append(model: Any, taps: Mapping[str, Tap], values: Mapping[str, npt.NDArray[Any]]) -> None:
    """The taps, each pooled to a vector, beside each other as the one output `features`."""
    import onnx

    build = Builder(model, prefix="after")
    parts = [part for name, tap in taps.items() for part in _pooled(build, name, tap, values[name])]
    if len(parts) > 1:
        build.add("Concat", *parts, axis=1, output=FEATURES)
    else:
        build.add("Identity", *parts, output=FEATURES)
    model.graph.node.extend(build.nodes)
    model.graph.ClearField("output")
    model.graph.output.append(onnx.helper.make_tensor_value_info(FEATURES, _FLOAT, ["N", "D"]))


def _pooled(build: Builder, name: str, tap: Tap, value: npt.NDArray[Any]) -> list[str]:
    """Vectors (N, D) float32 of a tap whose value for some images is given."""
    shown = f"taps: {name.removeprefix(INSIDE)}"
    if value.ndim < 2 or not np.issubdtype(value.dtype, np.floating):
        raise InputError(f"{shown}: has no numbers per image: {value.dtype} of {_shown(value.shape)}")
    if value.ndim != 3 and (tap.prefix_tokens or tap.pooling.startswith("class_token")):
        raise InputError(f"{shown}: has {_shown(value.shape)}, which holds no tokens; use mean or none")
    if value.ndim == 2 and tap.pooling == "mean":
        raise InputError(f"{shown}: is one vector per image already; use pooling none")
    at = name if value.dtype == np.float32 else build.add("Cast", name, to=_FLOAT)
    if tap.pooling == "none":
        return [at if value.ndim == 2 else build.add("Flatten", at, axis=1)]
    if value.ndim == 3:
        return _tokens(build, at, tap, count=value.shape[1], shown=shown)
    axis = graph_edits.channel_axis(build.model, name)
    if axis is None or value.ndim != 4:
        raise InputError(
            f"{shown}: nothing tells which of {_shown(value.shape)} are its channels; take another tensor"
        )
    return [build.mean(at, [other for other in (1, 2, 3) if other != axis])]


def _tokens(build: Builder, at: str, tap: Tap, *, count: int, shown: str) -> list[str]:
    """The class token, the mean of the patches' tokens, or both, of (N, T, D)."""
    if tap.prefix_tokens >= count:
        raise InputError(f"{shown}: has {count} tokens; prefix_tokens must be fewer")
    if tap.pooling != "mean" and not tap.prefix_tokens:
        raise InputError(f"{shown}: a class token is the first of prefix_tokens, which is 0 here")
    parts = []
    if tap.pooling != "mean":
        parts.append(build.add("Gather", at, build.constant(np.array(0, np.int64)), axis=1))
    if tap.pooling != "class_token":
        parts.append(build.mean(build.skip(at, tap.prefix_tokens), [1]))
    return parts


def _settled(model: Any, facts: ImageInput, side: tuple[int, int]) -> bytes:
    """The trunk for as many images at once as it takes, proven on some: each alone and all together."""
    one = facts.batch or 1
    count = TRIED + (one == TRIED)  # a network for so many alone would pass as one for any number
    images = np.random.default_rng(0).integers(0, 256, (count, *side, 3), dtype=np.uint8)
    own = _opened(model, facts, batch=one)
    alone = np.concatenate([own(np.repeat(image[None], one, axis=0))[:1] for image in images])
    if not np.isfinite(alone).all():
        raise InputError("its answer to an image of noise is no number")
    if _together(lambda: _opened(model, facts, batch=None)(images), alone):
        return _finished(model, facts, batch=None, width=alone.shape[1])
    if one > 1 and not _together(lambda: own(_filled(images, one))[:TRIED], alone[:one]):
        raise InputError(
            "its answer to an image depends on those beside it; export it for one image at a time"
        )
    return _finished(model, facts, batch=one, width=alone.shape[1])


def _opened(model: Any, facts: ImageInput, *, batch: int | None) -> Callable[[Images], Floats]:
    """The trunk as a function, declared for so many images at once."""
    _declare(model, facts, batch=batch)
    network = pool.on_cpu(graph_edits.serialized(model))
    return lambda images: np.asarray(network(images)[FEATURES])


def _filled(images: Images, count: int) -> Images:
    """`count` images: these, as often as it takes."""
    return np.resize(images, (count, *images.shape[1:]))


def _together(run: Callable[[], Floats], alone: Floats) -> bool:
    """Whether images give the same rows beside each other as alone, but for rounding."""
    try:
        rows = run()
    except Exception:  # the runtime's have no base; a graph for one size alone fails on another
        return False
    return rows.shape == alone.shape and bool(np.abs(rows - alone).max() <= RELATIVE * np.abs(alone).max())


def _finished(model: Any, facts: ImageInput, *, batch: int | None, width: int) -> bytes:
    """The bytes. Where the size of images is open, so is the number of features: it may follow from it."""
    import onnx

    _declare(model, facts, batch=batch)
    shape = [batch or "N", "D" if facts.height is None or facts.width is None else width]
    model.graph.ClearField("output")
    model.graph.output.append(onnx.helper.make_tensor_value_info(FEATURES, _FLOAT, shape))
    model.graph.name, model.producer_name = "frostline", "frostline"
    return graph_edits.serialized(model)


def sized(content: bytes, *, height: int, width: int) -> tuple[bytes, int]:
    """A trunk for images of one size in pixels, and how many features it gives.

    InputError where it takes another size: the second half of a sentence.
    """
    import onnx

    model = onnx.load_from_string(content)
    dims = model.graph.input[0].type.tensor_type.shape.dim
    fixed = [dim.dim_value for dim in dims[1:3]]
    if any(side and side != wanted for side, wanted in zip(fixed, (height, width), strict=True)):
        shown = "x".join(str(side or "any") for side in fixed)
        raise InputError(f"takes images of {shown} pixels, not {height}x{width}; write that size")
    features = model.graph.output[0].type.tensor_type.shape.dim[1]
    if features.dim_value:
        return content, int(features.dim_value)
    dims[1].dim_value, dims[2].dim_value = height, width
    features.dim_value = _count(graph_edits.serialized(model), (dims[0].dim_value or 1, height, width, 3))
    return graph_edits.serialized(model), int(features.dim_value)


def side(content: bytes) -> tuple[int | None, int | None]:
    """Height and width in pixels of the images that a trunk takes, None where any will do."""
    import onnx

    dims = onnx.load_from_string(content).graph.input[0].type.tensor_type.shape.dim
    return dims[1].dim_value or None, dims[2].dim_value or None


def _count(content: bytes, shape: tuple[int, ...]) -> int:
    try:
        return int(pool.on_cpu(content)(np.zeros(shape, np.uint8))[FEATURES].shape[1])
    except Exception as error:  # the runtime's have no base
        raise InputError(
            f"does not run on images of {shape[1]}x{shape[2]} pixels ({reason(error)})"
        ) from None


def parameters(content: bytes) -> int:
    """How many numbers a network's initializers hold."""
    import onnx

    return sum(int(np.prod(tensor.dims)) for tensor in onnx.load_from_string(content).graph.initializer)
