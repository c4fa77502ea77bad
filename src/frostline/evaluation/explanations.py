"""What a report shows of a network at work: where it looked in some test images, and one image's views."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frostline.errors import FrostlineError
from frostline.files import writing

OCCLUSION = "occlusion"  # stands for a layer where parts of the image were hidden


@dataclass(frozen=True, eq=False)
class Explanations:
    """Heat of N test images at one layer, and V views of one training image, the first of them as it is.

    `heat`: (N, h, w) uint8, 255 where the image speaks most for the class that was predicted; `layer` is ""
    and N is 0 for a network without maps, `occlusion` where no layer tells and parts of the image were hidden.
    `views`: (V, H, W, 3) uint8; V is 0 without augmentation.
    """

    layer: str
    paths: tuple[str, ...]
    heat: np.ndarray
    views: np.ndarray


def write(explanations: Explanations, path: Path) -> None:
    """Write as compressed arrays; the same content gives the same bytes."""
    content = io.BytesIO()
    np.savez_compressed(
        content,
        layer=np.array(explanations.layer),
        paths=np.array(explanations.paths, dtype=str),
        heat=explanations.heat,
        views=explanations.views,
    )
    with writing(path) as temporary:
        temporary.write_bytes(content.getvalue())


def read(path: Path, *, made_by: str) -> Explanations:
    """Read what `write` wrote; any trouble is an error naming the stage to run again."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            return Explanations(
                layer=str(arrays["layer"]),
                paths=tuple(map(str, arrays["paths"])),
                heat=arrays["heat"],
                views=arrays["views"],
            )
    except FileNotFoundError:
        raise FrostlineError(f"{path} is missing; run `{made_by}`") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        raise FrostlineError(f"{path} is damaged; run `{made_by}` again") from None
