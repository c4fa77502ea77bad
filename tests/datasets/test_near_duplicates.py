"""Near duplicates: copies are found, lookalikes and flat images are not."""

import io
from collections.abc import Callable
from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image

from frostline.datasets import hash_search, near_duplicates, scan
from frostline.datasets.image_stats import WINDOWS, image_stats, perceptual_hashes
from frostline.datasets.source import open_source
from helpers.images import folder, pixels


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))


def photo(seed: int) -> Image.Image:
    """A picture with large areas and fine detail of its own, 180x260."""
    rng = np.random.default_rng(1000 + seed)
    rough = Image.fromarray(rng.integers(0, 256, (36, 52, 3), dtype=np.uint8))
    detail = np.asarray(rough.resize((260, 180), Image.Resampling.BICUBIC), np.int16) - 128
    base = pixels(seed, height=180, width=260).astype(np.int16)
    return Image.fromarray(np.clip(base + detail // 3, 0, 255).astype(np.uint8))


def saved(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def found(root: Path, files: dict[str, bytes]) -> set[tuple[str, str]]:
    """Pairs of names that show the same picture."""
    with open_source(folder(root / "photos", files)) as source:
        names = source.names()
        scans = scan.scan(source, names, measure=True)
    return {(names[a], names[b]) for a, b, _ in near_duplicates.pairs(scans, range(len(names)))}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda image: saved(image, quality=55), id="re-encoded"),
        pytest.param(lambda image: saved(image, "PNG"), id="another format"),
        pytest.param(lambda image: saved(image.resize((151, 99))), id="resized"),
        pytest.param(lambda image: saved(image.crop((0, 0, 247, 171))), id="cropped right and below"),
        pytest.param(lambda image: saved(image.crop((13, 4, 260, 175))), id="cropped left"),
        pytest.param(lambda image: saved(image.point(lambda value: value * 4 // 5 + 20)), id="paler"),
    ],
)
def test_copies_are_found(tmp_path: Path, change: Callable[[Image.Image], bytes]) -> None:
    """Among others, the copy and nothing else."""
    files = {f"{seed}.jpg": saved(photo(seed), quality=92) for seed in range(12)}
    assert found(tmp_path, {**files, "copy.jpg": change(photo(4))}) == {("4.jpg", "copy.jpg")}


def test_lookalikes_are_not(tmp_path: Path) -> None:
    """The same light and dark areas under other detail: the hash agrees, the pixels do not."""
    base = photo(1)
    rng = np.random.default_rng(2)
    rough = Image.fromarray(rng.integers(0, 256, (36, 52, 3), dtype=np.uint8)).resize((260, 180), 3)
    smooth = pixels(1, height=180, width=260).astype(np.int16)
    other = Image.fromarray(
        np.clip(smooth + (np.asarray(rough, np.int16) - 128) // 3, 0, 255).astype(np.uint8)
    )
    hashes = [np.frombuffer(image_stats(saved(image, "PNG")).hashes[:8], np.uint8) for image in (base, other)]
    assert np.unpackbits(hashes[0] ^ hashes[1]).sum() <= hash_search.RADIUS
    assert found(tmp_path, {"a.png": saved(base, "PNG"), "b.png": saved(other, "PNG")}) == set()


def test_flat_and_tiny_images_match_nothing(tmp_path: Path) -> None:
    """All black frames have one hash and nothing in common; icons have no detail."""
    flat = {
        f"{level}.png": saved(Image.new("RGB", (90, 60), (level,) * 3), "PNG") for level in (0, 1, 2, 200)
    }
    tiny = {f"t{kind}": saved(photo(3).resize((20, 30)), kind[1:].upper()) for kind in (".png", ".bmp")}
    assert found(tmp_path, flat | tiny) == set()


def test_hashes_are_those_of_imagehash() -> None:
    """The whole image's hash is the library's own on the same 32x32 pixels."""
    grey = photo(5).convert("L").resize((128, 128), Image.Resampling.BILINEAR)
    small = grey.resize((32, 32), Image.Resampling.BILINEAR)
    ours = perceptual_hashes(grey)
    assert ours.shape == (len(WINDOWS), 64)
    assert (ours[0] == imagehash.phash(small).hash.ravel()).all()
