"""Populations of images for tests of drift: samples of all indices, photos, a model that knows its test images."""

from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from frostline import images
from frostline.runtime.sessions import open_session
from frostline.scoring import drift_baseline, drift_stats
from helpers.models import CLASSES, model

SIZES = ((40, 30), (64, 48), (64, 64))
NUMBER = {"blue": 2, "green": 1, "red": 0}  # of the channel


def population(
    count: int, *, seed: int = 0, darker: float = 0.0, mix: tuple[float, ...] = (0.4, 0.3, 0.2, 0.1)
) -> dict[str, np.ndarray]:
    """A sample of so many images; `darker` in standard deviations of brightness, `mix` the shares of classes."""
    draws = np.random.default_rng([seed, 77])
    sizes = draws.choice([200, 640, 1024], count, p=[0.5, 0.3, 0.2])
    return {
        "size": np.stack([sizes, draws.choice([0.75, 1.0, 1.33], count)], axis=1).astype(np.float32),
        "brightness": draws.normal(120 - 30 * darker, 30, (count, 1)).astype(np.float32),
        "sharpness": draws.lognormal(5, 1, (count, 1)).astype(np.float32),
        "embedding": (draws.normal(size=(count, 5)) @ np.random.default_rng(1).normal(size=(5, 16))).astype(
            np.float32
        ),
        "answers": draws.choice(len(mix), (count, 1), p=mix).astype(np.float32),
        "confidence": np.round(0.25 + 0.75 * draws.beta(5, 1, (count, 1)), 2).astype(np.float32),
    }


def photos(place: Path, count: int, *, seed: int, light: float = 1.0, mix: tuple[float, ...] = ()) -> Path:
    """Noise with a tint: a folder of so many images, `light` times as bright, of colours in these shares."""
    draws = np.random.default_rng(seed)
    place.mkdir()
    for number in range(count):
        width, height = SIZES[draws.integers(len(SIZES))]
        pixels = draws.normal(90 + 20 * draws.normal(), 25, (height, width, 3))
        pixels[:, :, NUMBER[draws.choice(CLASSES, p=mix or None)]] += draws.uniform(5, 30)
        level = np.clip(light * pixels, 0, 255).astype(np.uint8)
        Image.fromarray(level).save(place / f"{number:03}.png")
    return place


def with_baseline(folder: Path, content: bytes) -> bytes:
    """The same model with these images as its test images."""
    session = open_session(content, device="cpu", features=True)
    decode = partial(images.decode, height=20, width=28, resize="squash")
    stats, probs, features = [], [], []
    for path in sorted(folder.iterdir()):
        pixels = decode(path.read_bytes())
        stats.append(drift_stats.image_stats(path.read_bytes(), pixels))
        out = session.run(pixels[None])
        probs.append(out["probs"][0])
        features.append(out["features"][0])
    found = drift_stats.sample(
        probs=np.stack(probs),
        stats={
            name: np.array([each[name] for each in stats], np.float32) for name in drift_stats.IMAGE_STATS
        },
        embedding=drift_stats.project(np.stack(features)),
    )
    text = drift_baseline.to_json(drift_baseline.make(found, classes=len(CLASSES)))
    return model(features=True, more={drift_baseline.KEY: text})
