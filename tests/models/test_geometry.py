"""The lecture's arithmetic, by hand."""

import pytest

from frostline.models import geometry
from frostline.models.geometry import ReceptiveField


def stacked(count: int, *, window: int = 3) -> ReceptiveField:
    """The field of `count` convolutions of one window, stride 1, padding (R-1)/2."""
    field: ReceptiveField | None = ReceptiveField()
    for _ in range(count):
        field = geometry.windowed(field, window=window, stride=1, before=(window - 1) // 2)
    assert field is not None
    return field


@pytest.mark.parametrize(("count", "size"), [(1, 3), (2, 5), (3, 7)])
def test_stacked_fields(count: int, size: int) -> None:
    """One, two and three 3x3 layers see 3, 5 and 7 pixels; three as many as one of 7x7."""
    assert stacked(count).size == size
    assert stacked(3) == stacked(1, window=7)


def test_three_small_layers_against_a_large_one() -> None:
    """C to C channels: 3 x C x (3x3xC) = 27 C² weights against C x (7x7xC) = 49 C²; operations likewise."""
    channels, shape = 8, (10, 12, 8)
    small = 3 * geometry.convolution(shape, window=(3, 3), inputs=channels, bias=False)
    large = geometry.convolution(shape, window=(7, 7), inputs=channels, bias=False)
    assert (small, large) == (2 * 10 * 12 * 27 * channels**2, 2 * 10 * 12 * 49 * channels**2)


def test_strides_multiply() -> None:
    """A pooling 2/2 doubles the step, a 3x3 after it then sees 2 + 2x2 = 6 pixels, from one before the first."""
    pooled = geometry.windowed(ReceptiveField(), window=2, stride=2, before=0)
    assert pooled == ReceptiveField(0, 2, 2)
    assert geometry.windowed(pooled, window=3, stride=1, before=1) == ReceptiveField(-2, 4, 2)
    assert geometry.windowed(pooled, window=3, stride=1, before=1, dilation=2) == ReceptiveField(-2, 8, 2)


def test_padding_and_cropping_move() -> None:
    """A row of zeros in front, then cut off again, changes nothing."""
    padded = geometry.shifted(ReceptiveField(0, 3, 2), by=-1)
    assert padded == ReceptiveField(-2, 1, 2)
    assert geometry.shifted(padded, by=1) == ReceptiveField(0, 3, 2)


def test_branches_meet() -> None:
    """What two branches see is their hull; a branch that saw everything makes it everything."""
    assert geometry.merged([ReceptiveField(-1, 2, 2), ReceptiveField(0, 5, 2)]) == ReceptiveField(-1, 5, 2)
    assert geometry.merged([ReceptiveField(-1, 2, 2), None]) is None
    assert geometry.windowed(None, window=3, stride=2, before=0) is None


@pytest.mark.parametrize(
    ("side", "window", "stride", "before"),
    [(224, 3, 1, 1), (224, 3, 2, 0), (223, 3, 2, 1), (10, 5, 3, 2), (8, 1, 2, 0)],
)
def test_same_padding(side: int, window: int, stride: int, before: int) -> None:
    """At stride 1 (R-1)/2; at others, half of what is missing, rounded down."""
    assert geometry.same_padding(side, window=window, stride=stride) == before
