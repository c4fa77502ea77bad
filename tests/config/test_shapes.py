"""Windows over sides: what fits is what Keras builds, and every size that is advised does fit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.config import ConvolutionBlock, Pooling, Size, shapes
from helpers.params import BLOCK, HALVING


def block(**changes) -> ConvolutionBlock:
    """A block with changes; `pool` changes its pooling."""
    pool = changes.pop("pool", {})
    return ConvolutionBlock(**{**BLOCK, "pooling": None if pool is None else {**HALVING, **pool}, **changes})


def size(height: int, width: int | None = None) -> Size:
    """Height and width, square unless said otherwise."""
    return Size(height=height, width=width or height)


def test_an_alexnet_stem() -> None:
    """(227 - 11 + 0) / 4 + 1 = 55 places; 224 pixels give 54.25, and 223 or 227 would be right."""
    stem = {"stem": block(kernel=11, stride=4, padding=0, pool=None)}
    assert [slide.places for slide in shapes.slides(stem, 227)] == [55]
    assert list(shapes.problems(stem, size(227))) == []
    assert list(shapes.problems(stem, size(224, 227))) == [
        "stem.stride: does not fit 224 pixels of height: (224 - 11 + 2x0) / 4 + 1 = 54.25; "
        "image.size.height 223 or 227 would fit"
    ]


@pytest.mark.parametrize(
    ("side", "stride", "expected"), [(10, 1, [8]), (10, 2, []), (10, 3, []), (11, 2, [5]), (9, 3, [3])]
)
def test_a_window_of_three(side: int, stride: int, expected: list[int]) -> None:
    """V = 10, R = 3: a stride of 1 gives 8 places, strides of 2 and 3 do not fit."""
    blocks = {"a": block(stride=stride, padding=0, pool=None)}
    fits = not list(shapes.problems(blocks, size(side)))
    assert ([slide.places for slide in shapes.slides(blocks, side)] if fits else []) == expected


def test_the_size_advised_is_the_images() -> None:
    """A stride in a later block is answered with sizes of the image, not of the map that reaches it."""
    blocks = {"a": block(), "b": block(stride=2, pool=None)}
    (line, _) = shapes.problems(blocks, size(32))
    assert line == (
        "b.stride: does not fit 16 pixels of height: (16 - 3 + 2x1) / 2 + 1 = 8.5; "
        "image.size.height 31 or 34 would fit"
    )


def test_nothing_is_left() -> None:
    """A pooling after too many, and a kernel larger than the map with its padding."""
    three = {name: block() for name in "abc"}
    assert list(shapes.problems(three, size(32, 8))) == []
    assert list(shapes.problems({**three, "d": block()}, size(8, 32))) == [
        "d.pooling: 1 pixels of height are left, fewer than the 2 it takes; "
        "make it smaller, take the block out, or raise image.size.height"
    ]
    wide = block(kernel=13, padding=1)
    assert next(shapes.problems({"a": wide}, size(10))).startswith(
        "a.kernel: 10 pixels of height are left, fewer"
    )


def test_uneven_halves_are_remarked() -> None:
    """150 → 75 → 37: the second pooling leaves one row and one column out; overlapping windows of 3 by 2 too."""
    blocks = {"a": block(), "b": block()}
    assert list(shapes.problems(blocks, size(150))) == []
    assert list(shapes.remarks(blocks, size(150, 160))) == [
        "b.pooling: leaves 1 of 75 rows out; image.size.height 148 or 152 would fit"
    ]
    overlapping = {"a": block(pool={"size": 3})}
    assert list(shapes.remarks(overlapping, size(55))) == []
    assert list(shapes.remarks(overlapping, size(56, 55))) == [
        "a.pooling: leaves 1 of 56 rows out; image.size.height 55 or 57 would fit"
    ]


def test_no_blocks_fit_anything() -> None:
    """A dense network slides nothing."""
    assert list(shapes.problems({}, size(9, 2000))) == []
    assert list(shapes.remarks({}, size(9, 2000))) == []


poolings = st.none() | st.builds(
    Pooling, kind=st.just("max"), size=st.integers(2, 5), stride=st.integers(1, 4)
)
some_blocks = st.dictionaries(
    st.sampled_from("abc"),
    st.builds(
        lambda **values: ConvolutionBlock(**{**BLOCK, **values}),
        convolutions=st.integers(1, 2), kernel=st.integers(1, 7), stride=st.integers(1, 4),
        padding=st.integers(0, 3), pooling=poolings,
    ),
    max_size=3,
)  # fmt: skip


@given(blocks=some_blocks, side=st.integers(8, 200), evenly=st.booleans())
def test_advice_holds(blocks: dict[str, ConvolutionBlock], side: int, evenly: bool) -> None:
    """Every advised size has no problem, none between it and the size given would have done, as NumPy counts."""
    found = shapes.near(blocks, side, evenly=evenly)
    for each in found:
        assert not list(shapes.problems(blocks, size(each)))
        assert not (evenly and list(shapes.remarks(blocks, size(each))))
        for slide in shapes.slides(blocks, each):
            row = np.zeros(slide.side + 2 * slide.padding)
            windows = np.lib.stride_tricks.sliding_window_view(row, slide.window)[:: slide.stride]
            assert len(windows) == slide.places
    nearest = max((each for each in found if each < side), default=shapes.SMALLEST)
    between = range(nearest + 1, side)
    assert all(
        list(shapes.problems(blocks, size(each))) or (evenly and list(shapes.remarks(blocks, size(each))))
        for each in between
    )
