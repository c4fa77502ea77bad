"""Views: the same picture for the same content and number, and exactly the map that was drawn."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from frostline.config import Augmentation
from frostline.files import sha256
from frostline.models import augmentation
from helpers.images import pixels
from helpers.networks import augmentation as settings

EVERYTHING = {"rotation": 40, "width_shift": 0.2, "height_shift": 0.2, "shear": 20, "zoom": 0.2}
PICTURE = pixels(1, height=40, width=32)
IDS = [sha256(str(number).encode()) for number in range(60)]


class Extreme:
    """A generator that always draws one end of a range: +1 the upper, -1 the lower."""

    def __init__(self, sign: int, *, flips: bool = False) -> None:
        self.sign, self.flips = sign, flips

    def uniform(self, low: float, high: float, size: int | None = None) -> Any:
        """The chosen end."""
        end = high if self.sign > 0 else low
        return end if size is None else np.full(size, end)

    def random(self) -> float:
        """Below or above one half."""
        return 0.0 if self.flips else 0.9


def warped(sign: int, picture: np.ndarray = PICTURE, **changes: Any) -> np.ndarray:
    """A picture under the extreme map of an augmentation."""
    matrix, _ = augmentation.draw(
        settings(**changes),
        Extreme(sign),  # type: ignore[arg-type]
        height=picture.shape[0],
        width=picture.shape[1],
    )
    return augmentation.warp(picture, matrix)


def picked(picture: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Pixels at integer positions, those outside taken from the nearest edge."""
    height, width = picture.shape[:2]
    return picture[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]


@pytest.mark.parametrize(("height", "width"), [(40, 32), (8, 33), (1, 1), (31, 7)])
def test_no_ranges_no_change(height: int, width: int) -> None:
    """With every range 0 a view is the picture, bit for bit."""
    picture = pixels(2, height=height, width=width)
    for view, content in enumerate(IDS[:5]):
        np.testing.assert_array_equal(
            augmentation.render(picture, settings(), content=content, view=view), picture
        )


def test_a_view_is_a_function_of_content_and_number() -> None:
    """Rendered again, in any order, it is the same; another number or content is another picture."""
    everything = settings(**EVERYTHING, horizontal_flip=True)
    chosen = [(content, view) for content in IDS[:4] for view in range(3)]

    def rendered(content: str, view: int) -> bytes:
        return augmentation.render(PICTURE, everything, content=content, view=view).tobytes()

    first = {each: rendered(*each) for each in chosen}
    assert {each: rendered(*each) for each in reversed(chosen)} == first
    assert len(set(first.values())) == len(chosen)


def test_views_do_not_touch_the_global_generator() -> None:
    """Nobody else's random numbers move."""
    before = np.random.get_state()[1].copy()
    augmentation.render(PICTURE, settings(**EVERYTHING), content=IDS[0], view=0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_flip() -> None:
    """About half of the views are mirrored left to right, the others are the picture itself."""
    views = [
        augmentation.render(PICTURE, settings(horizontal_flip=True), content=content, view=1)
        for content in IDS
    ]
    mirrored = sum(np.array_equal(view, PICTURE[:, ::-1]) for view in views)
    plain = sum(np.array_equal(view, PICTURE) for view in views)
    assert mirrored + plain == len(IDS)
    assert 15 <= mirrored <= 45
    assert all(view.flags.c_contiguous for view in views)


def test_a_quarter_turn_about_the_centre() -> None:
    """Rotated by 90 degrees, every pixel stands where the map says; what is missing continues the edge."""
    rows, columns = np.mgrid[0:40, 0:32]
    # From the centre (20, 16): down becomes left, right becomes down.
    np.testing.assert_array_equal(
        warped(+1, rotation=90), picked(PICTURE, 20 + columns - 16, 15 - (rows - 20))
    )
    np.testing.assert_array_equal(
        warped(-1, rotation=90), picked(PICTURE, 19 - (columns - 16), 16 + rows - 20)
    )


def test_a_half_turn() -> None:
    """180 degrees either way turn the picture upside down and around."""
    for sign in (1, -1):
        np.testing.assert_array_equal(warped(sign, rotation=180), PICTURE[::-1, ::-1])


@pytest.mark.parametrize("sign", [1, -1])
def test_shifts_continue_the_edge(sign: int) -> None:
    """A quarter of the side to either side, the uncovered part filled with the last row or column."""
    rows, columns = np.mgrid[0:40, 0:32]
    np.testing.assert_array_equal(warped(sign, width_shift=0.25), picked(PICTURE, rows, columns + sign * 8))
    np.testing.assert_array_equal(warped(sign, height_shift=0.25), picked(PICTURE, rows + sign * 10, columns))


def test_a_marker_moves_as_drawn() -> None:
    """One white pixel, shifted: found where it belongs, nowhere else."""
    marker = np.zeros((20, 48, 3), np.uint8)
    marker[5, 10] = 255
    moved = warped(-1, marker, width_shift=0.25, height_shift=0.5)
    assert np.argwhere(moved.any(-1)).tolist() == [[15, 22]]


@pytest.mark.parametrize("changes", [*({name: value} for name, value in EVERYTHING.items()), EVERYTHING])
@pytest.mark.parametrize("sign", [1, -1])
def test_bilinear_as_scipy_says(sign: int, changes: dict[str, Any]) -> None:
    """Rotation, shifts, shear and zoom at both ends of their ranges, against another implementation."""
    matrix, _ = augmentation.draw(settings(**changes), Extreme(sign), height=40, width=32)  # type: ignore[arg-type]
    rows, columns = np.mgrid[0:40, 0:32]
    x, y, _ = matrix @ np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5, np.ones(rows.size)])
    expected = np.stack(
        [
            map_coordinates(PICTURE[..., channel].astype(float), [y - 0.5, x - 0.5], order=1, mode="nearest")
            for channel in range(3)
        ],
        axis=-1,
    ).reshape(40, 32, 3)
    found = augmentation.warp(PICTURE, matrix).astype(float)
    difference = expected - found
    assert difference.min() > -1e-4
    assert difference.max() < 1 + 1e-4  # Pillow cuts fractions of a level off


def test_zoom_is_about_the_centre() -> None:
    """Zooming out by one half shows everything, smaller, in the middle; the edges go on outwards."""
    flat = np.zeros((40, 32, 3), np.uint8)
    flat[:, :16] = 200
    out = warped(+1, flat, zoom=0.5)
    assert (out[:, :15] == 200).all()
    assert (out[:, 17:] == 0).all()


def test_draws_stay_in_range() -> None:
    """Each range is what params.yaml says: degrees, fractions of the side, fractions around 1."""
    limits = settings(rotation=30, width_shift=0.1, height_shift=0.2)
    for seed in range(200):
        matrix, flip = augmentation.draw(limits, np.random.default_rng(seed), height=40, width=30)
        angle = math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))
        centre = matrix @ [15, 20, 1]
        assert abs(angle) <= 30
        assert abs(centre[0] - 15) <= 3 + 1e-9
        assert abs(centre[1] - 20) <= 8 + 1e-9
        assert not flip
    zoomed, _ = augmentation.draw(settings(zoom=0.3), np.random.default_rng(1), height=40, width=30)
    assert zoomed[0, 0] != zoomed[1, 1]
    assert 0.7 <= zoomed[0, 0] <= 1.3


SHARES = st.floats(0, 0.99)


@given(
    st.builds(
        Augmentation,
        rotation=st.floats(0, 180),
        width_shift=SHARES,
        height_shift=SHARES,
        shear=st.floats(0, 89.9),
        zoom=SHARES,
        horizontal_flip=st.booleans(),
        views=st.just(1),
    ),
    st.integers(1, 30),
    st.integers(1, 30),
    st.sampled_from(IDS),
)
def test_any_view_is_a_picture(how: Augmentation, height: int, width: int, content: str) -> None:
    """Any ranges, any size: the same shape, and no value that the picture does not span."""
    picture = pixels(3, height=height, width=width)
    view = augmentation.render(picture, how, content=content, view=0)
    assert view.shape == picture.shape
    assert view.dtype == np.uint8
    assert (view.reshape(-1, 3).min(0) >= picture.reshape(-1, 3).min(0)).all()
    assert (view.reshape(-1, 3).max(0) <= picture.reshape(-1, 3).max(0)).all()
