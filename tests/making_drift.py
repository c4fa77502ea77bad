"""Populations of images for tests of drift: samples of all questions, from a seed."""

import numpy as np


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
