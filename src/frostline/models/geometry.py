"""What layers cost and see, as arithmetic: receptive fields, operations. Nothing here knows Keras.

Operations are those of one image; a multiplication and an addition are two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class ReceptiveField:
    """The pixels along one side that a map's positions depend on.

    Position i sees pixels `start + i * step` up to and without `stop + i * step`; what lies outside
    the image is padding.
    """

    start: int = 0
    stop: int = 1
    step: int = 1

    @property
    def size(self) -> int:
        """How many pixels one position sees."""
        return self.stop - self.start


def windowed(
    field: ReceptiveField | None, *, window: int, stride: int, before: int, dilation: int = 1
) -> ReceptiveField | None:
    """The field behind a window that moves by `stride` over a map with `before` padding in front.

    None is the whole image, and stays it.
    """
    if field is None:
        return None
    start = field.start - before * field.step
    stop = field.stop + ((window - 1) * dilation - before) * field.step
    return ReceptiveField(start, stop, field.step * stride)


def shifted(field: ReceptiveField | None, *, by: int) -> ReceptiveField | None:
    """The field of a map that begins `by` positions later (cropped) or, below 0, earlier (padded)."""
    return windowed(field, window=1, stride=1, before=-by)


def merged(fields: Sequence[ReceptiveField | None]) -> ReceptiveField | None:
    """The hull of what several maps see that become one; with a whole image among them, all of it."""
    known = [field for field in fields if field is not None]
    if len(known) < len(fields):
        return None
    steps = {field.step for field in known}
    assert len(steps) == 1, "maps of different scales do not meet in one layer"
    return ReceptiveField(
        min(field.start for field in known), max(field.stop for field in known), steps.pop()
    )


def same_padding(side: int, *, window: int, stride: int, dilation: int = 1) -> int:
    """Zeros in front that TensorFlow's `same` adds to `side` values: the smaller half of what is missing."""
    reach = (window - 1) * dilation + 1
    return max(0, (-(-side // stride) - 1) * stride + reach - side) // 2


def convolution(shape: Sequence[int], *, window: Sequence[int], inputs: int, bias: bool) -> int:
    """Operations of a convolution whose output is `shape` (h, w, c) and whose kernels see `inputs` channels.

    A dense layer is one with a window of 1x1 on a map of 1x1; a depthwise one has one input channel.
    """
    return prod(shape) * (2 * prod(window) * inputs + bias)


def pooling(shape: Sequence[int], *, window: Sequence[int]) -> int:
    """Operations of a pooling: each value of a window is looked at once."""
    return prod(shape) * prod(window)
