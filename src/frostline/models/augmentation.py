"""Views: random renderings of a training image that depend on its content and the view's number alone."""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from frostline.config import Augmentation

Pixels = npt.NDArray[np.uint8]


def render(pixels: Pixels, augmentation: Augmentation, *, content: str, view: int) -> Pixels:
    """One view of an image, (H, W, 3) uint8 → the same shape.

    The same image content (hex digest), view number and augmentation give the same pixels on every
    machine, whatever was rendered before. Edges are continued outwards, as `fill_mode='nearest'` does.
    """
    rng = np.random.default_rng([int(content[:16], 16), view])
    matrix, flip = draw(augmentation, rng, height=pixels.shape[0], width=pixels.shape[1])
    turned = warp(pixels, matrix)
    return np.ascontiguousarray(turned[:, ::-1]) if flip else turned


def draw(
    augmentation: Augmentation, rng: np.random.Generator, *, height: int, width: int
) -> tuple[npt.NDArray[np.float64], bool]:
    """Draw a random affine map (3x3, output pixel (x, y, 1) → input pixel) and whether to mirror.

    Ranges as in Keras' ImageDataGenerator: rotation and shear uniform in ± degrees, shifts in ± a
    fraction of the side, each zoom in 1 ± zoom.
    """
    a = augmentation
    angle, shear = (math.radians(rng.uniform(-limit, limit)) for limit in (a.rotation, a.shear))
    shift_x = rng.uniform(-a.width_shift, a.width_shift) * width
    shift_y = rng.uniform(-a.height_shift, a.height_shift) * height
    zoom_x, zoom_y = rng.uniform(1 - a.zoom, 1 + a.zoom, 2)
    flip = bool(rng.random() < 0.5) and a.horizontal_flip
    rotate = _matrix([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0]])
    slant = _matrix([[1, -math.sin(shear), 0], [0, math.cos(shear), 0]])
    scale = _matrix([[zoom_x, 0, 0], [0, zoom_y, 0]])
    centre_x, centre_y = width / 2, height / 2
    back = _matrix([[1, 0, centre_x + shift_x], [0, 1, centre_y + shift_y]])
    to_centre = _matrix([[1, 0, -centre_x], [0, 1, -centre_y]])
    # Rounded: processors differ in the last bits of a product, and Pillow would cut other whole levels off.
    return np.round(back @ rotate @ slant @ scale @ to_centre, 9), flip


def warp(pixels: Pixels, matrix: npt.NDArray[np.float64]) -> Pixels:
    """Sample (H, W, 3) uint8 bilinearly at the mapped positions; outside, the nearest edge pixel.

    Pillow fills the outside with a constant, so the image is first continued by its own edge as far
    as the map reaches.
    """
    height, width = pixels.shape[:2]
    corners = matrix @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]], float)
    reach_x = max(0.0, -corners[0].min(), corners[0].max() - width)
    reach_y = max(0.0, -corners[1].min(), corners[1].max() - height)
    pad_x, pad_y = math.ceil(reach_x) + 2, math.ceil(reach_y) + 2
    padded = np.pad(pixels, ((pad_y, pad_y), (pad_x, pad_x), (0, 0)), mode="edge")
    shifted = _matrix([[1, 0, pad_x], [0, 1, pad_y]]) @ matrix
    image = Image.fromarray(padded).transform(
        (width, height), Image.Transform.AFFINE, tuple(shifted[:2].ravel()), Image.Resampling.BILINEAR
    )
    return np.asarray(image)


def _matrix(rows: list[list[float]]) -> npt.NDArray[np.float64]:
    return np.array([*rows, [0, 0, 1]], dtype=float)
