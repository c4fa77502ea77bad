"""A frozen trunk in int8, calibrated on some training images: made once, kept, and its rows under its own hash.

Calibration is that of exported variants: weights by channel, activations by the range that images show. What rounding
shifts a feature by on average over them is added back (M. Nagel et al., "Data-Free Quantization Through Weight
Equalization and Bias Correction", ICCV 2019, section 4.2): a head on int8 features is used on float32 ones.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import files
from frostline.errors import FrostlineError, first_line
from frostline.features import extraction, onnx_backends, trunks
from frostline.features.extraction import Images
from frostline.features.trunks import OnnxTrunk
from frostline.runtime import conversion, graph_edits, known_graphs, pool, providers, variants
from frostline.runtime.contract import FEATURES
from frostline.runtime.graph_edits import Builder

VERSION = 2  # of what is done here and in `variants`: another makes other trunks

Pixels = npt.NDArray[np.uint8]


def quantized(trunk: Any, key: dict[str, Any], some: Images) -> OnnxTrunk:
    """A float32 trunk (a Keras model from pixels to vectors, or an OnnxTrunk) in int8.

    `key` says what the trunk is, `some` are the images that calibrate it; another order of them makes another graph.
    FrostlineError where OpenVINO is missing, which computes it, or where it cannot be quantised.
    """
    onnx_backends.require("int8")
    decided = {**_made_by(trunk), **key, **some.decode_key, "calibration": files.digest(list(some.ids))}
    keep = known_graphs.keeper(decided, cache=some.cache)
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


def _made(trunk: Any, some: Images) -> bytes:
    """The bytes; FrostlineError of one line where there is no way to them."""
    whole = trunk.content if isinstance(trunk, OnnxTrunk) else _converted(trunk)
    try:
        batches = partial(_batches, some, _size(whole))
        return _corrected(variants.make("int8", whole, calibration=batches), whole, batches)
    except FrostlineError:
        raise
    except Exception as error:  # the quantiser's have no base
        raise FrostlineError(
            f"precision int8: the network cannot be quantised ({first_line(error)}); set `precision` to float32 or "
            "bfloat16"
        ) from error


def _corrected(made: bytes, whole: bytes, batches: Callable[[], Iterator[Pixels]]) -> bytes:
    """The int8 graph with the mean of what the float32 one gives more, by feature, added at its end."""
    import onnx

    exact, small = pool.on_cpu(whole), pool.on_cpu(made)
    more = [np.asarray(exact(some)[FEATURES], np.float64) - small(some)[FEATURES] for some in batches()]
    model = onnx.load_from_string(made)
    last = next(node for node in model.graph.node if FEATURES in node.output)
    last.output[list(last.output).index(FEATURES)] = "shifted"
    build = Builder(model, prefix="corrected")
    build.add(
        "Add", "shifted", build.constant(np.concatenate(more).mean(0).astype(np.float32)), output=FEATURES
    )
    model.graph.node.extend(build.nodes)
    return graph_edits.serialized(model)


def _converted(trunk: Any) -> bytes:
    return conversion.trunk(partial(trunk, training=False), shape=tuple(trunk.input.shape[1:]))


def _size(content: bytes) -> int:
    """How many images at once: a network's own number, where it has one."""
    import onnx

    first = onnx.load_from_string(content).graph.input[0].type.tensor_type.shape.dim[0]
    return int(first.dim_value) or variants.BATCH


def _batches(some: Images, size: int) -> Iterator[Pixels]:
    """Pixels of the images, so many at once; the last ones are repeated where the number must be full."""
    rows = extraction.pixels(some)
    for start in range(0, len(rows), size):
        yield rows[np.arange(start, start + size) % len(rows)]
