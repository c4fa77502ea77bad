"""A trained head on a Keras trunk that was converted before: opened from arrays and a graph, without Keras."""

from pathlib import Path
from typing import Any

import numpy as np

from frostline import paths
from frostline.config import ONNX, ClassifierHead
from frostline.features.cut_model import CutModel
from frostline.features.trunks import ConvertedTrunk
from frostline.models.dense_head import Dense, DenseHead, Floats, SolvedHead
from frostline.pipeline import code_digest
from frostline.runtime import conversion, head_graph, known_graphs
from frostline.training import assemble, recipe
from frostline.training.recipe import Recipe

POOL = "pool"  # the last layer of every body: where one that is frozen as a whole is cut


def graph_key(inputs: Recipe, cut: str) -> dict[str, Any]:
    """All that decides the graph of a trunk; models are exported in float32, whatever the training's precision."""
    key = assemble.trunk_key(inputs.entry, weights=inputs.weights, cut=cut)
    size = inputs.entry.image.size.model_dump()
    return {**key, "precision": "float32", **size, "made_by": code_digest.stage("export")}


def load(inputs: Recipe) -> CutModel | None:
    """The trained classifier, cut; None where it takes Keras to open it.

    That is: where more than dense layers train, it was not trained in float32, its trunk was not converted before, or
    the head's file is not what it should be, which Keras then says.
    """
    if not _frozen(inputs) or (graph := known_graphs.known(graph_key(inputs, POOL))) is None:
        return None
    shape = conversion.sides(graph)
    arrays = read(
        inputs.root / paths.classifier(inputs.name) / assemble.KERAS_FILE, inputs.entry.network.head
    )
    if arrays is None or not head_graph.convertible(arrays):
        return None
    head = SolvedHead(shape[0], len(inputs.manifest.classes), tuple(inputs.entry.network.head.dense.values()))
    if not _alike(arrays, head.arrays):
        return None
    head.arrays = arrays
    return CutModel(ConvertedTrunk(graph, shape, lambda: recipe.load_trained(inputs)[1].trunk), head, POOL)


def _frozen(inputs: Recipe) -> bool:
    """Whether all of a Keras backbone stays as it was loaded, in float32."""
    entry = inputs.entry
    of_keras = inputs.weights["backbone"] not in {None, ONNX} and inputs.weights["sha256"] is not None
    return of_keras and entry.precision == "float32" and all(p.freeze == "all" for p in entry.phases.values())


def read(path: Path, head: ClassifierHead) -> DenseHead | None:
    """The arrays in Keras' file of a head; None where there is none, or it holds other layers."""
    import h5py

    try:
        with h5py.File(path) as file:
            variables = [layer["vars"] for layer in file["layers"].values()]
            layers = {
                str(group.attrs["name"]): [np.asarray(group[str(n)]) for n in range(len(group))]
                for group in variables
            }
        hidden = [Dense(*layers.pop(f"dense_{name}")) for name in head.dense]
        logits = Dense(*layers.pop("logits"))
        mean, scale = layers.pop("standardize") if head.standardize else (None, None)
    except (OSError, KeyError, ValueError, TypeError):
        return None
    return None if any(layers.values()) else DenseHead(logits, hidden, mean, scale)


def _alike(found: DenseHead, like: DenseHead) -> bool:
    """Whether the arrays of a head are float32 and of the sizes of another one's; standardisation may be missing."""
    given = [array for array in _all(found) if array is not None]
    wanted = [array.shape for array in _all(like) if array is not None][: len(given)]
    return [array.shape for array in given] == wanted and all(array.dtype == np.float32 for array in given)


def _all(head: DenseHead) -> list[Floats | None]:
    layers = [array for layer in (*head.hidden, head.logits) for array in (layer.kernel, layer.bias)]
    return [*layers, head.mean, head.scale]
