"""Keras, loaded once, quietly and deterministically."""

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any


def keras(*, seed: int | None = None) -> Any:
    """The Keras module with deterministic operations; with a seed, all its generators are seeded.

    The import takes about ten seconds the first time and prints what no user can act on; that is
    kept back unless the import fails.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _quiet_stderr():
        import keras as module

        if module.backend.backend() == "tensorflow":
            import tensorflow as tf

            tf.config.experimental.enable_op_determinism()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if seed is not None:
        module.utils.set_random_seed(seed)
    return module


def framework() -> str:
    """Name and version of what computes features: part of every key that depends on its arithmetic."""
    module = keras()
    backend = module.backend.backend()
    return f"keras {module.__version__} on {backend} {sys.modules[backend].__version__}"


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
