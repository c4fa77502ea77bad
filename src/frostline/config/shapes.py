"""How windows slide over an image's sides in a plain CNN: what does not fit, and which sizes would.

A window of R pixels that moves S at a time over V pixels with Z of padding at each end has
(V - R + 2Z) / S + 1 places. A convolution must have a whole number of them; a pooling may leave
pixels over, and that is remarked.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from frostline.config.networks import ConvolutionBlock, Size

SMALLEST, LARGEST = 8, 2048  # the sizes that image.size takes


@dataclass(frozen=True)
class Slide:
    """One layer's window along one side: `side` V, `window` R, `stride` S and `padding` Z in pixels."""

    block: str
    pools: bool
    side: int
    window: int
    stride: int
    padding: int

    @property
    def room(self) -> int:
        """How far the window can move; negative where it is larger than what it should slide over."""
        return self.side - self.window + 2 * self.padding

    @property
    def left_over(self) -> int:
        """Pixels that no window reaches."""
        return self.room % self.stride

    @property
    def places(self) -> int:
        """How many windows there are: the side of what comes out."""
        return self.room // self.stride + 1


def slides(blocks: dict[str, ConvolutionBlock], side: int) -> Iterator[Slide]:
    """Every window along one side of `side` pixels, in order, up to the first that finds no place."""
    for name, block in blocks.items():
        windows = [(False, block.kernel, block.stride, block.padding)] * block.convolutions
        if block.pooling:
            windows.append((True, block.pooling.size, block.pooling.stride, 0))
        for pools, window, stride, padding in windows:
            slide = Slide(name, pools, side, window, stride, padding)
            yield slide
            if slide.room < 0:
                return
            side = slide.places


def problems(blocks: dict[str, ConvolutionBlock], size: Size) -> Iterator[str]:
    """A line, starting with the block's name, for each side that is too small or that a stride does not fit."""
    for what, side in size.model_dump().items():
        for slide in slides(blocks, side):
            if slide.room < 0:
                yield _too_small(slide, what)
            elif slide.left_over and not slide.pools:
                yield _does_not_fit(slide, what, near(blocks, side, evenly=False))
                break


def remarks(blocks: dict[str, ConvolutionBlock], size: Size) -> Iterator[str]:
    """A line, starting with the block's name, for each pooling that leaves rows or columns out."""
    for what, side in size.model_dump().items():
        for slide in slides(blocks, side):
            if slide.pools and slide.room >= 0 and slide.left_over:
                yield _uneven(slide, what, near(blocks, side, evenly=True))


def near(blocks: dict[str, ConvolutionBlock], side: int, *, evenly: bool) -> list[int]:
    """The nearest smaller and larger sides that every window fits; `evenly`: poolings leave nothing over."""
    smaller = (other for other in range(side - 1, SMALLEST - 1, -1) if _fits(blocks, other, evenly))
    larger = (other for other in range(side + 1, LARGEST + 1) if _fits(blocks, other, evenly))
    return [size for size in (next(smaller, None), next(larger, None)) if size is not None]


def _fits(blocks: dict[str, ConvolutionBlock], side: int, evenly: bool) -> bool:
    return all(
        slide.room >= 0 and not (slide.left_over and (evenly or not slide.pools))
        for slide in slides(blocks, side)
    )


def _too_small(slide: Slide, what: str) -> str:
    layer = "pooling" if slide.pools else "kernel"
    return (
        f"{slide.block}.{layer}: {slide.side} pixels of {what} are left, fewer than the {slide.window} it takes; "
        f"make it smaller, take the block out, or raise image.size.{what}"
    )


def _does_not_fit(slide: Slide, what: str, fitting: list[int]) -> str:
    places = slide.room / slide.stride + 1
    return (
        f"{slide.block}.stride: does not fit {slide.side} pixels of {what}: ({slide.side} - {slide.window} + "
        f"2x{slide.padding}) / {slide.stride} + 1 = {places:g}; {_would(what, fitting)}"
    )


def _uneven(slide: Slide, what: str, fitting: list[int]) -> str:
    of = {"height": "rows", "width": "columns"}[what]
    return (
        f"{slide.block}.pooling: leaves {slide.left_over} of {slide.side} {of} out; {_would(what, fitting)}"
    )


def _would(what: str, fitting: list[int]) -> str:
    return f"image.size.{what} {' or '.join(map(str, fitting))} would fit" if fitting else "no size would fit"
