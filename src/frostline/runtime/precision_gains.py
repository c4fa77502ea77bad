"""What bfloat16 and int8 bring on this processor: a stack of convolutions in each, measured for a second or two."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from frostline.runtime import openvino
from frostline.runtime.openvino_engine import products

IMAGES, CHANNELS, SIDE, LAYERS = 8, 64, 56, 4  # as the first stages of a ResNet or VGG see them
TAKES = 5
LEVELS = 255  # of an int8 weight


def gains() -> dict[str, float]:
    """How many times as fast as in float32 OpenVINO computes in `bfloat16` and `int8`, as far as it does here.

    The precisions take turns, and the best of each counts: what else runs on a machine only ever takes from it.
    """
    runs = {name: run for name in ("float32", "bfloat16", "int8") if (run := _run(name)) is not None}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(TAKES):
        for name, run in runs.items():
            seconds[name].append(_timed(run))
    best = {name: min(some) for name, some in seconds.items()}
    return {name: best["float32"] / best[name] for name in best if name != "float32"}


def _run(precision: str) -> Callable[[], Any] | None:
    """The stack in a precision, warm; None where it would be computed in another."""
    settings = openvino.settings(precision=precision, threads=None, streams=1)
    compiled = openvino.library().Core().compile_model(_stack(precision == "int8"), "CPU", settings)
    if not products(compiled).get(precision):
        return None
    request = compiled.create_infer_request()
    request.infer()
    run: Callable[[], Any] = request.infer
    return run


def _timed(run: Callable[[], Any]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _stack(quantised: bool) -> Any:
    """An openvino.Model of convolutions of 3x3 with ReLU, their inputs and weights in 255 levels where asked for."""
    library = openvino.library()
    ops, draw = library.opset13, np.random.default_rng(0).normal
    image = ops.parameter([IMAGES, CHANNELS, SIDE, SIDE], np.float32)
    node = image
    for _ in range(LAYERS):
        weights = draw(0, (2 / (9 * CHANNELS)) ** 0.5, (CHANNELS, CHANNELS, 3, 3)).astype(np.float32)
        kernel = ops.constant(weights)
        if quantised:
            node, kernel = _levels(ops, node, 0, 4), _levels(ops, kernel, -0.3, 0.3)
        node = ops.relu(ops.convolution(node, kernel, [1, 1], [1, 1], [1, 1], [1, 1]))
    return library.Model([node], [image])


def _levels(ops: Any, node: Any, low: float, high: float) -> Any:
    ends = [np.float32(low), np.float32(high)] * 2
    return ops.fake_quantize(node, *ends, levels=LEVELS + (low == 0))
