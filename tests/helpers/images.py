"""Small real inputs for tests: images whose sizes all differ, folders of them, archives."""

import functools
import io
import os
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image


def pixels(seed: int, *, height: int = 37, width: int = 53) -> np.ndarray:
    """A smooth random picture, (height, width, 3) uint8: no two seeds alike, JPEG keeps it close."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


@functools.lru_cache(maxsize=5000)
def encoded(seed: int, *, kind: str = "png", height: int = 37, width: int = 53) -> bytes:
    """The bytes of an image file of the given Pillow format."""
    buffer = io.BytesIO()
    Image.fromarray(pixels(seed, height=height, width=width)).save(buffer, kind)
    return buffer.getvalue()


def folder(root: Path, files: Mapping[str, bytes]) -> Path:
    """Write files by relative path below `root`; returns `root`."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def archive(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write a zip of the given entries; returns `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    return path


def tar(path: Path, files: Mapping[str, bytes], *, mode: str = "w") -> Path:
    """Write a tar (mode w or w:gz) of the given entries; returns `path`."""
    with tarfile.open(path, mode) as target:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            target.addfile(info, io.BytesIO(content))
    return path


def classes(counts: Mapping[str, int], *, prefix: str = "", kind: str = "png") -> dict[str, bytes]:
    """Relative path to bytes for a labelled tree: `counts` images for each class, all different."""
    return {
        f"{prefix}{name}/{name}-{number}.{kind}": encoded(
            1000 * index + number, kind=kind, height=30 + number % 5, width=40 + index
        )
        for index, (name, count) in enumerate(counts.items())
        for number in range(count)
    }


def crashing(contents: list[bytes], measure: bool) -> list[object]:
    """The audit's decoder, which dies of one content; here, because other processes import it."""
    from frostline.datasets.image_stats import stats_of_all

    if b"deadly" in contents:
        os.abort()
    return list(stats_of_all(contents, measure))
