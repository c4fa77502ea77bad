"""Where an image speaks for a class, without gradients: exact where a linear head reads the means of a map, else by
hiding parts.

B. Zhou et al., "Learning Deep Features for Discriminative Localization" (CVPR 2016). A class's logit is then a mean
over places of the map's channels, each times its weight, and a constant: what is shown is what is averaged. Grad-CAM of
such a network is the same.
"""

import numpy as np
import numpy.typing as npt

from frostline.evaluation.explanations import OCCLUSION
from frostline.features import backends
from frostline.features.trunks import OnnxTrunk
from frostline.models.dense_head import DenseHead
from frostline.models.occlusion import occlusion
from frostline.progress import progress
from frostline.runtime import pooled_map

BATCH = 8  # images at once: maps need room
CELLS = 7  # per side, of what is hidden: as many places as the last map of most networks has

Floats = npt.NDArray[np.float32]


def heat(
    trunk: OnnxTrunk, head: DenseHead, pixels: npt.NDArray[np.uint8], classes: npt.NDArray[np.int64]
) -> tuple[str, Floats] | None:
    """The map's name, and (N, h, w) in 0..1 for images (N, H, W, 3) and a class of each; all 0 if nowhere.

    None where the features are no means of a map, or hidden layers stand between them and the logits.
    """
    found = None if head.hidden else pooled_map.read(trunk.content)
    if found is None:
        return None
    parts = [
        contributions(found.of(pixels[at : at + BATCH]), head, classes[at : at + BATCH])
        for at in range(0, len(pixels), BATCH)
    ]
    warm = np.maximum(np.concatenate(parts), 0)
    top = warm.max((1, 2), keepdims=True)
    return found.name, np.asarray(np.divide(warm, top, out=np.zeros_like(warm), where=top > 0), np.float32)


def contributions(maps: Floats, head: DenseHead, classes: npt.NDArray[np.int64]) -> Floats:
    """(N, h, w): what each place of maps (N, h, w, c) adds to the logit of its image's class, times their number.

    The one logit of two classes speaks for the second, against the first.
    """
    kernel = head.logits.kernel if head.scale is None else head.logits.kernel * head.scale[:, None]
    weights = kernel[:, 0] * (2.0 * classes[:, None] - 1) if kernel.shape[1] == 1 else kernel.T[classes]
    return np.asarray(np.einsum("nhwc,nc->nhw", maps, weights), np.float32)


def occluded(
    trunk: OnnxTrunk, head: DenseHead, pixels: npt.NDArray[np.uint8], classes: npt.NDArray[np.int64]
) -> tuple[str, Floats]:
    """What hiding each part takes from each image's class, as `heat`: for any trunk and head, at CELLS² passes each."""
    through = backends.fastest(trunk)
    cells = min(CELLS, *pixels.shape[1:3])

    def network(images: npt.NDArray[np.uint8]) -> Floats:
        rows = [through(images[at : at + BATCH])["rows"] for at in range(0, len(images), BATCH)]
        return head(np.concatenate(rows).astype(np.float32))

    found = []
    with progress(len(pixels), f"hiding parts, {cells * cells + 1} passes each", summary=False) as count:
        for image, number in zip(pixels, classes.tolist(), strict=True):
            found.append(occlusion(network, image, number=number, cells=cells).heat)
            count(1)
    return OCCLUSION, np.stack(found)
