"""`frostline net backbones`: what can stand below the frost line, and what one image costs."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from frostline import config
from frostline.config import BACKBONES
from frostline.config.backbones import TABLE
from frostline.evaluation import network_picture
from frostline.evaluation.comparison_report import aligned

BATCH, ROUNDS = 8, 5
_NUMBERS = frozenset({"image", "smallest", "parameters", "size", "depth", "Keras ms", "ONNX ms"})


def run(names: Sequence[str] = (), *, measure: bool = False) -> list[str]:
    """The table's lines; with `measure`, time each network on images of its native size."""
    for name in names:
        config.require_backbone(name)
    rows = [_row(name) | (_measured(name) if measure else {}) for name in names or BACKBONES]
    notes = ["without classification layers; depth: layers with kernels on the longest path; size: float32"]
    if measure:
        notes.append(
            f"ms per image in batches of {BATCH}, median of {ROUNDS} alternating rounds; random weights"
        )
    return [*aligned(rows, right=_NUMBERS), *notes]


def _row(name: str) -> dict[str, str]:
    row = TABLE[name]
    return {
        "backbone": name,
        "image": f"{row.side}x{row.side}",
        "smallest": f"{row.smallest}x{row.smallest}",
        "parameters": f"{row.parameters:,}",
        "size": network_picture.size(4 * row.parameters),
        "depth": str(row.depth),
        "transform": row.transform,
    }


def _measured(name: str) -> dict[str, str]:
    from frostline.models import backbones
    from frostline.models.keras_backend import keras

    k = keras(seed=1)
    side = TABLE[name].side
    model = backbones.build(name, height=side, width=side)
    pixels = np.random.default_rng(1).integers(0, 256, (BATCH, side, side, 3), dtype=np.uint8)
    calls = {"Keras ms": lambda: model.predict_on_batch(pixels), "ONNX ms": _runtime(model, side, pixels)}
    taken = _timed(calls)
    k.backend.clear_session()
    return {what: f"{1000 * seconds / BATCH:.1f}" for what, seconds in taken.items()}


def _runtime(model: Any, side: int, pixels: np.ndarray) -> Callable[[], Any]:
    """The same network in ONNX Runtime on the CPU."""
    from frostline.runtime import conversion, pool

    content = conversion.convert(
        None, lambda images: model(images, training=False), height=side, width=side, metadata="{}"
    )
    function = pool.on_cpu(content)
    return lambda: function(pixels)


def _timed(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median seconds of each; rounds alternate, so that other load falls on all alike. The first only warms up."""
    taken: dict[str, list[float]] = {what: [] for what in calls}
    for _ in range(ROUNDS + 1):
        for what, work in calls.items():
            start = time.perf_counter()
            work()
            taken[what].append(time.perf_counter() - start)
    return {what: statistics.median(seconds[1:]) for what, seconds in taken.items()}
