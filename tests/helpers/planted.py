"""A dataset in which it is known what is wrong: photos in split and class folders, with defects planted."""

import io
import random
import struct
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from PIL import Image, ImageFilter

EACH = 50

Truth = dict[str, set[str]]  # kind of finding → names it is about
Pairs = dict[str, dict[str, str]]  # way of copying → name of the copy → name of the original


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    """As JPEG."""
    return saved(image, "JPEG", quality=quality)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def huge(_: Image.Image, rng: random.Random) -> bytes:
    """A PNG that says it has billions of pixels."""
    side = rng.randint(60_000, 90_000)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)), (b"IDAT", b""), (b"IEND", b"")]
    chunks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def animated(image: Image.Image, _: random.Random) -> bytes:
    """A GIF of two frames."""
    small = image.resize((image.width // 2, image.height // 2))
    return saved(small, "GIF", save_all=True, append_images=[small.rotate(180)])


# Defects of single files: the ending of the new name, and the bytes made of a photo, which goes.
DEFECTS: dict[str, tuple[str, Callable[[Image.Image, random.Random], bytes]]] = {
    "unreadable": (".jpg", lambda _, rng: rng.randbytes(rng.randint(0, 3000))),
    "truncated": (".jpg", lambda image, rng: (b := jpeg(image))[: int(len(b) * rng.uniform(0.3, 0.9))]),
    "oversized": (".png", huge),
    "misnamed": (".png", lambda image, _: jpeg(image)),
    "animated": (".gif", animated),
    "tiny": (".jpg", lambda image, rng: jpeg(image.resize((rng.randint(33, 60), rng.randint(16, 31))))),
    "elongated": (".jpg", lambda image, rng: jpeg(image.resize((rng.randint(310, 500), 60)))),
    "dark": (".jpg", lambda image, _: jpeg(image.point(lambda value: value // 25))),
    "bright": (".jpg", lambda image, _: jpeg(image.point(lambda value: 255 - (255 - value) // 25))),
    "blurred": (".jpg", lambda image, _: jpeg(image.filter(ImageFilter.GaussianBlur(max(image.size) / 10)))),
}


def resized(image: Image.Image, rng: random.Random) -> bytes:
    """To 50 to 150 percent, by a better filter than ours."""
    scale = rng.uniform(0.5, 1.5)
    size = (round(image.width * scale), round(image.height * scale))
    return jpeg(image.resize(size, Image.Resampling.LANCZOS))


def cropped(image: Image.Image, rng: random.Random) -> bytes:
    """A window of 95 percent of each side, anywhere."""
    width, height = int(image.width * 0.95), int(image.height * 0.95)
    left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    return jpeg(image.crop((left, top, left + width, top + height)))


COPIES: dict[str, Callable[[Image.Image, random.Random], bytes]] = {
    "re-encoded": lambda image, rng: jpeg(image, rng.randint(50, 85)),
    "resized": resized,
    "cropped": cropped,
}


def plant(photos: Mapping[str, bytes], *, seed: int = 2026) -> tuple[dict[str, bytes], Truth, Pairs]:
    """Files with EACH plants of every kind, what they are, and which near copies are whose.

    photos: `train/CLASS/name.jpg` and `test/CLASS/name.jpg`. Each photo serves once at most.
    """
    rng = random.Random(seed)
    files, truth = dict(photos), defaultdict(set)
    left = rng.sample(sorted(photos), len(photos))
    train = [name for name in left if name.startswith("train/")]
    labels = sorted({PurePosixPath(name).parts[1] for name in photos})

    def take() -> str:
        return train.pop()

    for kind, (ending, change) in DEFECTS.items():
        for number in range(EACH):
            name = take()
            new = f"{PurePosixPath(name).parent}/{kind}-{number}{ending}"
            files[new] = change(_opened(files.pop(name)), rng)
            truth[kind].add(new)
    for number in range(EACH):
        name = take()
        copy = f"{PurePosixPath(name).parent}/zz-{number}.jpg"
        files[copy] = photos[name]
        truth["duplicate"].add(copy)
    for number in range(EACH):
        name = take()
        other = next(label for label in labels if label != PurePosixPath(name).parts[1])
        files[f"train/{other}/conflict-{number}.jpg"] = photos[name]
        truth["conflict"] |= {name, f"train/{other}/conflict-{number}.jpg"}
    for number in range(EACH):
        name = take()
        files[f"test/{PurePosixPath(name).parts[1]}/leak-{number}.jpg"] = photos[name]
        truth["leak"].add(name)
    pairs: Pairs = {way: {} for way in COPIES}
    for way, change in COPIES.items():
        for number in range(EACH):
            name = take()
            copy = f"{PurePosixPath(name).parent}/zz-{way}-{number}.jpg"
            files[copy] = change(_opened(photos[name]), rng)
            pairs[way][copy] = name
    return files, dict(truth), pairs


def _opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGB")
