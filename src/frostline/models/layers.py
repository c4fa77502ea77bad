"""A Keras model as a list of layers with what each holds, costs and sees."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from frostline.models import geometry
from frostline.models.geometry import ReceptiveField

Fields = tuple[ReceptiveField | None, ReceptiveField | None]  # height, width; None: the whole image
POOLINGS = {"MaxPooling2D", "AveragePooling2D", "NormPooling"}
CONVOLUTIONS = {"Conv2D", "DepthwiseConv2D", "SeparableConv2D"}
# Operations for each value that comes out; what is not named moves values and computes nothing.
EACH = {
    "Activation": 1, "ReLU": 1, "BatchNormalization": 2, "LayerNormalization": 5, "LayerScale": 1,
    "Normalization": 2, "PixelTransform": 2, "Rescaling": 2, "Standardize": 2,
}  # fmt: skip
SUMS = {"Add", "Multiply"}
WHOLE = {"Flatten", "Reshape", "GlobalAveragePooling2D", "GlobalMaxPooling2D"}  # after them, no positions


@dataclass(frozen=True)
class Layer:
    """One layer of a network, for one image.

    `shape` of what comes out, without N; `operations` as in `geometry`; `variables` are Keras'. A whole
    network that is one layer here has none of these: `held` are its parameters, `given` its activations.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    fields: Fields
    operations: int
    variables: tuple[Any, ...] = field(repr=False, compare=False)
    held: int = 0
    given: int = 0

    @property
    def parameters(self) -> int:
        """Numbers that it holds, trained or not."""
        return self.held + sum(int(prod(variable.shape)) for variable in self.variables)

    @property
    def values(self) -> int:
        """Activations: numbers that come out. A view of what is already there has none of its own."""
        if self.given:
            return self.given
        return 0 if self.kind in {"Flatten", "Reshape", "Dropout"} else prod(self.shape)


PIXELS: Fields = (ReceptiveField(), ReceptiveField())
IMAGE: Fields = (None, None)


def read(model: Any, *, sees: Fields = PIXELS) -> list[Layer]:
    """The layers of a Keras model in the order of their work, those of models inside it one by one.

    `sees`: what the model takes, pixels or what was made of the whole image.
    """
    every_layer, _ = _walk(model, [sees] * len(model.inputs))
    return every_layer


def depth(model: Any) -> int:
    """Layers with kernels, convolutional or dense, on the longest path through a model."""
    return _deep(model, [0] * len(model.inputs))


def _deep(model: Any, inputs: Sequence[int]) -> int:
    depths = {id(tensor): deep for tensor, deep in zip(model.inputs, inputs, strict=True)}
    for node in _nodes(model):
        below = [depths[id(tensor)] for tensor in node.arguments.keras_tensors]
        inner = _inside(node.operation)
        if inner is not None:
            deep = _deep(inner, below)
        elif below:
            deep = max(below) + (type(node.operation).__name__ in CONVOLUTIONS | {"Dense"})
        else:
            deep = depths[id(node.outputs[0])]
        depths.update({id(tensor): deep for tensor in node.outputs})
    return depths[id(model.outputs[0])]


def _walk(model: Any, inputs: Sequence[Fields], prefix: str = "") -> tuple[list[Layer], Fields]:
    """The layers, and the fields of what the model gives, from the fields of what it takes."""
    fields_of = {id(tensor): fields for tensor, fields in zip(model.inputs, inputs, strict=True)}
    layers_so_far: list[Layer] = []
    for node in _nodes(model):
        operation, taken = node.operation, node.arguments.keras_tensors
        below = [fields_of[id(tensor)] for tensor in taken]
        inner = _inside(operation)
        if inner is not None:
            layers, fields = _walk(inner, below, f"{prefix}{operation.name}/")
            layers_so_far += layers
        else:
            fields = _fields(operation, taken, below) if taken else fields_of[id(node.outputs[0])]
            if taken or not prefix:  # what a model inside takes is what the layer before it gives
                layers_so_far.append(_layer(operation, node, fields, prefix))
        fields_of.update({id(tensor): fields for tensor in node.outputs})
    return layers_so_far, fields_of[id(model.outputs[0])]


def _nodes(model: Any) -> Iterator[Any]:
    by_depth = model._nodes_by_depth  # Keras has no public name for the graph of a model
    for depth in sorted(by_depth, reverse=True):
        yield from by_depth[depth]


def _inside(operation: Any) -> Any:
    """The graph of a model that is a layer of another; None for a plain layer."""
    functional = getattr(operation, "_functional", None)  # of a Sequential
    return (
        functional if functional is not None else operation if hasattr(operation, "_nodes_by_depth") else None
    )


def _layer(operation: Any, node: Any, fields: Fields, prefix: str) -> Layer:
    shape = tuple(node.outputs[0].shape[1:])
    taken = [tuple(tensor.shape[1:]) for tensor in node.arguments.keras_tensors]
    return Layer(
        name=prefix + operation.name,
        kind=type(operation).__name__,
        shape=shape,
        fields=fields,
        operations=_operations(operation, taken, shape),
        variables=tuple(getattr(operation, "weights", ())),
    )


def _fields(operation: Any, taken: Sequence[Any], below: Sequence[Fields]) -> Fields:
    """What the positions of a layer's output see."""
    kind = type(operation).__name__
    if kind in WHOLE:
        return IMAGE
    both = [_side(operation, kind, axis, taken, [fields[axis] for fields in below]) for axis in (0, 1)]
    return (both[0], both[1])


def _side(
    operation: Any, kind: str, axis: int, taken: Sequence[Any], below: list[ReceptiveField | None]
) -> ReceptiveField | None:
    if kind in CONVOLUTIONS | POOLINGS:
        return _windowed(operation, kind, axis, side=taken[0].shape[1 + axis], below=below[0])
    if kind == "ZeroPadding2D":
        return geometry.shifted(below[0], by=-operation.padding[axis][0])
    if kind == "Cropping2D":
        return geometry.shifted(below[0], by=operation.cropping[axis][0])
    return geometry.merged(below)


def _windowed(
    operation: Any, kind: str, axis: int, *, side: int, below: ReceptiveField | None
) -> ReceptiveField | None:
    window = (operation.kernel_size if kind in CONVOLUTIONS else operation.pool_size)[axis]
    stride = operation.strides[axis]
    dilation = operation.dilation_rate[axis] if kind in CONVOLUTIONS else 1
    before = 0
    if operation.padding == "same":
        before = geometry.same_padding(side, window=window, stride=stride, dilation=dilation)
    return geometry.windowed(below, window=window, stride=stride, before=before, dilation=dilation)


def _operations(operation: Any, taken: list[tuple[int, ...]], shape: tuple[int, ...]) -> int:
    """Operations of a layer from the shapes that it takes to the one that it gives."""
    kind = type(operation).__name__
    if kind in CONVOLUTIONS or kind == "Dense":
        activated = prod(shape) * (getattr(operation.activation, "__name__", "linear") != "linear")
        return _products(operation, kind, taken[0][-1], shape) + activated
    if kind in POOLINGS:
        return geometry.pooling(shape, window=operation.pool_size)
    if kind.startswith("Global"):
        return prod(taken[0])
    if kind in SUMS:
        return prod(shape) * (len(taken) - 1)
    return EACH.get(kind, 0) * prod(shape)


def _products(operation: Any, kind: str, channels: int, shape: tuple[int, ...]) -> int:
    bias = bool(operation.use_bias)
    if kind == "Dense":
        return geometry.convolution(shape, window=(), inputs=channels, bias=bias)
    window = operation.kernel_size
    if kind == "DepthwiseConv2D":
        return geometry.convolution(shape, window=window, inputs=1, bias=bias)
    if kind == "Conv2D":
        return geometry.convolution(shape, window=window, inputs=channels // operation.groups, bias=bias)
    middle = (*shape[:-1], channels * operation.depth_multiplier)
    first = geometry.convolution(middle, window=window, inputs=1, bias=False)
    return first + geometry.convolution(shape, window=(), inputs=middle[-1], bias=bias)
