"""Keras, loaded once, quietly and deterministically."""

import contextlib
import json
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from frostline import memory
from frostline.errors import InputError

DEVICES = "FROSTLINE_DEVICES"
LOADING = 15.0  # seconds that TensorFlow and a first network take on two quiet processors


def keras(*, seed: int | None = None) -> Any:
    """The Keras module with deterministic operations; with a seed, all its generators are seeded.

    The import takes about ten seconds the first time and prints what no user can act on; that is
    kept back unless the import fails.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _quiet_stderr(), memory.uncollected():
        import keras as module

        if module.backend.backend() == "tensorflow":
            import tensorflow as tf

            tf.config.experimental.enable_op_determinism()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if seed is not None:
        module.utils.set_random_seed(seed)
    return module


def framework() -> str:
    """Name and version of what computes features: part of every key that depends on its arithmetic.

    Keras and TensorFlow are not imported for their versions, which what is installed says too.
    """
    if "keras" not in sys.modules and _chosen() == "tensorflow":
        with contextlib.suppress(metadata.PackageNotFoundError):
            return f"keras {metadata.version('keras')} on tensorflow {metadata.version('tensorflow')}"
    module = keras()
    backend = module.backend.backend()
    return f"keras {module.__version__} on {backend} {sys.modules[backend].__version__}"


def _chosen() -> str:
    """The backend that Keras will take: as the environment says, or its settings, or its default."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        settings = json.loads((home / "keras.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        settings = {}
    named = settings.get("backend") if isinstance(settings, dict) else None
    return str(os.environ.get("KERAS_BACKEND") or named or "tensorflow")


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Hold back what C++ libraries write to file descriptor 2; show it if the block fails."""
    if "keras" in sys.modules:
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        terminal = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


@contextlib.contextmanager
def computing(precision: str) -> Iterator[None]:
    """Layers made in this block keep float32 weights and compute in float32, bfloat16 or float16.

    With int8 they are the float32 layers that an int8 trunk is made of.
    """
    config = keras().config
    before = config.dtype_policy()
    config.set_dtype_policy("float32" if precision in {"float32", "int8"} else f"mixed_{precision}")
    try:
        yield
    finally:
        config.set_dtype_policy(before)


@contextlib.contextmanager
def in_float32(model: Any) -> Iterator[None]:
    """All layers of a model compute in float32, as their weights are, for as long as this block traces it."""
    layers = model._flatten_layers()  # nested ones too: there is no public name for them
    before = [(layer, layer.dtype_policy) for layer in layers]
    try:
        for layer, _ in before:
            layer.dtype_policy = "float32"
        yield
    finally:
        for layer, policy in before:
            layer.dtype_policy = policy


@cache
def strategy() -> Any:
    """How a training is spread: over one device, or over the first $FROSTLINE_DEVICES of the machine.

    GPUs where there are any, else logical CPUs. Models and optimizers must be made in its `scope()`.
    InputError where there are fewer devices.
    """
    keras()
    import tensorflow as tf

    wanted = os.environ.get(DEVICES, "1")
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if not wanted.isdecimal() or not 1 <= int(wanted) <= len(devices):
        raise InputError(f"{DEVICES}: {wanted!r} must be a number from 1 to {len(devices)}, the devices here")
    if wanted == "1":
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy([device.name for device in devices[: int(wanted)]])
