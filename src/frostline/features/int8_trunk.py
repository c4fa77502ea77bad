"""A frozen trunk in int8, calibrated on some of the training images: made once, kept, and its rows under its own hash.

Calibration is that of exported variants: weights by channel, activations by the range that images show. Which images
is decided by their contents, so that neither names nor order matter.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache, partial
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import files
from frostline.errors import FrostlineError, first_line
from frostline.features import backends, extraction, trunks
from frostline.features.extraction import Images
from frostline.features.trunks import OnnxTrunk
from frostline.runtime import conversion, known_graphs, providers, variants

CALIBRATED = 64  # images; ranges of activations settle long before
VERSION = 1  # of what is done here and in `variants`: another makes other trunks


def quantized(trunk: Any, key: dict[str, Any], train: Images) -> OnnxTrunk:
    """A float32 trunk (a Keras model from pixels to vectors, or an OnnxTrunk) in int8.

    `key` says what the trunk is, `train` are the images that it may be calibrated on. FrostlineError where OpenVINO
    is missing, which computes it, or where it cannot be quantised.
    """
    backends.require("int8")
    some = _chosen(train)
    decided = {**_made_by(trunk), **key, **some.decode_key, "calibration": files.digest(list(some.ids))}
    keep = known_graphs.keeper(decided, cache=train.cache)
    content = keep(partial(_made, trunk, some))
    return _trunk(content, trunks.values(trunk), trunks.parameters(trunk))


@lru_cache(maxsize=2)
def _trunk(content: bytes, width: int, parameters: int) -> OnnxTrunk:
    """The same object for the same graph, so that it is opened once."""
    return OnnxTrunk(content, width, parameters, "int8")


def _made_by(trunk: Any) -> dict[str, Any]:
    """The kind of graph, and the packages that make it."""
    keras = () if isinstance(trunk, OnnxTrunk) else ("keras", "tf2onnx")
    runtime = providers.distribution()
    return {
        "graph": f"int8, version {VERSION}",
        "onnxruntime": runtime.version,
        **{name: version(name) for name in ("onnx", *keras)},
    }


def _chosen(images: Images) -> Images:
    """Those of the lowest hashes: a sample by content."""
    place = {id_: index for index, id_ in reversed(list(enumerate(images.ids)))}
    ids = sorted(place)[:CALIBRATED]
    return replace(images, paths=[images.paths[place[id_]] for id_ in ids], ids=ids)


def _made(trunk: Any, some: Images) -> bytes:
    """The bytes; FrostlineError of one line where there is no way to them."""
    whole = trunk.content if isinstance(trunk, OnnxTrunk) else _converted(trunk)
    try:
        return variants.make("int8", whole, calibration=partial(_batches, some, _size(whole)))
    except FrostlineError:
        raise
    except Exception as error:  # the quantiser's have no base
        raise FrostlineError(
            f"precision int8: the network cannot be quantised ({first_line(error)}); set `precision` to float32 or "
            "bfloat16"
        ) from error


def _converted(trunk: Any) -> bytes:
    return conversion.trunk(partial(trunk, training=False), shape=tuple(trunk.input.shape[1:]))


def _size(content: bytes) -> int:
    """How many images at once: a network's own number, where it has one."""
    import onnx

    first = onnx.load_from_string(content).graph.input[0].type.tensor_type.shape.dim[0]
    return int(first.dim_value) or variants.BATCH


def _batches(some: Images, size: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Pixels of the images, so many at once; the last ones are repeated where the number must be full."""
    rows = extraction.pixels(some)
    for start in range(0, len(rows), size):
        yield rows[np.arange(start, start + size) % len(rows)]
