"""What exporting a network costs: peak memory and seconds of the conversion, as it is and as tf2onnx alone does it.

    python benchmarks/conversion.py --networks resnet50 resnet152v2

Each conversion is a process of its own, weights are random. The bytes must be the same.
"""

import argparse
import contextlib
import hashlib
import json
import resource
import subprocess
import sys
import time
from typing import Any

SIZE = 224


def convert(network: str, *, alone: bool) -> dict[str, Any]:
    """Convert a backbone below a head of two classes; what it took."""
    import keras
    import tensorflow as tf

    from frostline.models import backbones
    from frostline.runtime import conversion

    if alone:
        conversion.without_copies = contextlib.nullcontext  # type: ignore[assignment]
    keras.utils.set_random_seed(7)
    backbone = backbones.depthwise(backbones.build(network, height=SIZE, width=SIZE))
    pooled = keras.layers.GlobalAveragePooling2D()(backbone.output)
    trunk = keras.Model(backbone.inputs[0], pooled)
    head = keras.layers.Dense(2, activation="softmax")
    head(trunk.output)
    before, started = _peak(), time.perf_counter()
    model = conversion.convert(
        lambda pixels: trunk(tf.cast(pixels, tf.float32), training=False),
        lambda features: head(features, training=False),
        height=SIZE,
        width=SIZE,
        metadata="{}",
    )
    return {
        "seconds": time.perf_counter() - started,
        "before": before,
        "peak": _peak(),
        "model": len(model) / 2**30,
        "sha256": hashlib.sha256(model).hexdigest(),
    }


def _peak() -> float:
    """The most memory this process has held so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", default=["resnet50", "resnet152v2"])
    parser.add_argument("--child", choices=["lean", "alone"])
    given = parser.parse_args()
    if given.child:
        print(json.dumps(convert(given.networks[0], alone=given.child == "alone")))
        return
    print("| | model, GiB | process before, GiB | peak, GiB | seconds |\n|:--|--:|--:|--:|--:|")
    for network in given.networks:
        found = {how: _child(network, how) for how in ("alone", "lean")}
        assert found["alone"]["sha256"] == found["lean"]["sha256"], f"{network}: other bytes"
        for how, one in found.items():
            sizes = " | ".join(f"{one[key]:.2f}" for key in ("model", "before", "peak"))
            print(f"| {network}, {how} | {sizes} | {one['seconds']:.1f} |", flush=True)


def _child(network: str, how: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--networks", network, "--child", how]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


if __name__ == "__main__":
    main()
