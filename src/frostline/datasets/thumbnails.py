"""Images of a checked dataset read again: small pictures of them, and how bright they are."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from frostline import files, images, paths, store
from frostline.datasets.known_images import KnownImages
from frostline.datasets.manifest import Manifest
from frostline.errors import FrostlineError
from frostline.images import ImageError

LONGEST = 256  # pixels of a thumbnail's longer side, at most
_SIDE = 32  # pixels: enough for a mean


def thumbnails(source: KnownImages, manifest: Manifest, wanted: Sequence[str]) -> list[np.ndarray]:
    """These paths' images in their own proportions, (H, W, 3) uint8, never enlarged.

    FrostlineError where one cannot be read or changed since preprocess.
    """
    sizes = {row["path"]: shrunk(row["height"], row["width"], LONGEST) for row in _rows(manifest, wanted)}
    return list(_read(source, manifest, wanted, sizes))


def resized(
    source: KnownImages, manifest: Manifest, wanted: Sequence[str], *, rule: Mapping[str, Any]
) -> list[np.ndarray]:
    """These paths' images as a network takes them, by a recipe's `image`: (H, W, 3) uint8."""
    size = (rule["size"]["height"], rule["size"]["width"])
    return list(_read(source, manifest, wanted, dict.fromkeys(wanted, size), resize=rule["resize"]))


def brightness(source: KnownImages, manifest: Manifest, wanted: Sequence[str]) -> np.ndarray:
    """Mean brightness of these paths' images, (N,) in 0..255: Rec. 601 luma of the whole image.

    Kept by content: an image is decoded for it once.
    """
    if not wanted:
        return np.zeros(0)
    ids = {row["path"]: row["sha256"] for row in _rows(manifest, wanted)}
    key = {"decode": images.DECODE_VERSION, "side": _SIDE, "packages": _versions("numpy", "pillow")}
    kept = store.open_store("brightness", key, shape=(), dtype="float64", cache=paths.scoring_cache())
    missing = set(kept.missing([ids[path] for path in wanted]))
    new = {ids[path]: path for path in wanted if ids[path] in missing}
    if new:
        kept.append(list(new), _brightness(source, manifest, list(new.values())))
    values: np.ndarray = kept.rows([ids[path] for path in wanted])[:]
    return values


def _brightness(source: KnownImages, manifest: Manifest, wanted: Sequence[str]) -> np.ndarray:
    sizes = dict.fromkeys(wanted, (_SIDE, _SIDE))
    weights = np.array([0.299, 0.587, 0.114])
    return np.array(
        [pixels.reshape(-1, 3).mean(axis=0) @ weights for pixels in _read(source, manifest, wanted, sizes)]
    )


def _versions(*packages: str) -> dict[str, str]:
    return {name: version(name) for name in packages}


def areas(manifest: Manifest, wanted: Sequence[str]) -> np.ndarray:
    """Pixels of these paths' images as they were found, (N,) int."""
    pixels = {row["path"]: row["height"] * row["width"] for row in _rows(manifest, wanted)}
    return np.array([pixels[path] for path in wanted], dtype=np.int64)


def _rows(manifest: Manifest, wanted: Sequence[str]) -> list[dict[str, Any]]:
    columns = ["path", "sha256", "height", "width"]
    among = pc.is_in(manifest.table["path"], pa.array(wanted, pa.string()))
    return list(manifest.table.filter(among).select(columns).to_pylist())


def shrunk(height: int, width: int, longest: int) -> tuple[int, int]:
    """Height and width in the same proportions with a longer side of at most `longest`, never enlarged."""
    scale = min(1.0, longest / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _read(
    source: KnownImages,
    manifest: Manifest,
    wanted: Sequence[str],
    sizes: dict[str, tuple[int, int]],
    *,
    resize: str = "squash",
) -> Iterator[np.ndarray]:
    """The images at these sizes in order."""
    ids = {row["path"]: row["sha256"] for row in _rows(manifest, wanted)}
    for path in wanted:
        try:
            content = source.read(path)
            if files.sha256(content) != ids[path]:
                raise ImageError("changed since it was read first")
            height, width = sizes[path]
            yield images.decode(content, height=height, width=width, resize=resize)
        except ImageError as error:
            again = "run `dvc repro` to take the dataset in again"
            raise FrostlineError(f"{path}: {error}; {again}") from None
