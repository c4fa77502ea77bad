"""`frostline net describe CLASSIFIER`: its network layer by layer, from params.yaml alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

from frostline import config, files, paths
from frostline.config import Classifier, OnnxWeights, Params
from frostline.datasets import labels
from frostline.datasets import manifest as manifests
from frostline.datasets.source import open_source
from frostline.errors import FrostlineError, InputError
from frostline.evaluation import network_picture, style
from frostline.evaluation.network_picture import Row
from frostline.features import trunks
from frostline.features.trunks import OnnxTrunk
from frostline.models import heads, keras_backend, layers, network
from frostline.models.layers import Layer
from frostline.models.network import Network
from frostline.progress import announce
from frostline.runtime import graph_costs
from frostline.training import assemble


@dataclass(frozen=True)
class PhaseCounts:
    """How many numbers one phase trains in each layer."""

    name: str
    counts: list[int]


def run(name: str, *, classes: int | None = None, picture: Path | None = None) -> list[str]:
    """The lines of the layer table of a classifier of params.yaml; write it as a PNG where `picture` is given.

    Weights are not read. The number of classes is `classes`, or that of the dataset as far as it is here.
    """
    if picture is not None and picture.suffix.lower() != ".png":
        raise InputError(f"--picture {files.printable(picture)}: must end in .png")
    settings = config.load()
    entry = config.entry(settings.classifiers, name, what="classifier")
    count = classes or _classes(settings, entry)
    announce(f"building {name}", about=keras_backend.LOADING)
    keras_backend.keras(seed=settings.seed)
    net = _network(settings, entry, count)
    below = [_trunk(net.body)] if isinstance(net.body, OnnxTrunk) else layers.read(net.body)
    every_layer = [*below, *layers.read(net.head, sees=layers.IMAGE)[1:]]  # without its input
    phases = _phases(net, entry, every_layer)
    rows = _rows(every_layer, phases)
    lines = [
        network_picture.table(rows),
        f"{count} classes",
        *_totals(every_layer, phases),
        *network.remarks(entry),
    ]
    if picture is None:
        return lines
    with files.writing(picture) as temporary:
        temporary.write_bytes(style.png(network_picture.picture(rows, classifier=name)))
    return [*lines, f"Wrote {files.printable(picture)}"]


def _network(settings: Params, entry: Classifier, classes: int) -> Network:
    weights = settings.weights[entry.weights]
    if not isinstance(weights, OnnxWeights):
        return network.build(entry, backbone=weights.backbone, weights=None, classes=classes)
    made = trunks.make(entry.weights, weights)
    body = trunks.opened(made, weights=entry.weights, size=entry.image.size)
    return Network(body, heads.build(entry.network.head, features=body.width, classes=classes))


def _trunk(trunk: OnnxTrunk) -> Layer:
    """The network of an ONNX file as one layer that sees all of the image."""
    costs = graph_costs.of(trunk.content)
    return Layer(
        name="trunk",
        kind=f"ONNX, {costs.nodes} nodes",
        shape=(trunk.width,),
        fields=layers.IMAGE,
        operations=costs.operations,
        variables=(),
        held=trunk.parameters,
        given=costs.values,
    )


def _classes(settings: Params, entry: Classifier) -> int:
    """How many classes the dataset has: by its manifest, else by its folders."""
    manifest = paths.dataset(entry.dataset) / "manifest.parquet"
    if manifest.exists():
        return len(manifests.read(manifest).classes)
    root = Path(settings.datasets[entry.dataset].path)
    try:
        with open_source(root) as source:
            return len({image.label for image in labels.read(source, root)})
    except (FrostlineError, OSError):
        raise InputError(
            f"{root} is not here to count its classes; say how many there are with --classes"
        ) from None


def _phases(net: Network, entry: Classifier, found: list[Layer]) -> list[PhaseCounts]:
    result = []
    for name, parts in assemble.cut_phases(net, entry).items():
        trains = {id(weight) for weight in parts.upper.trainable_weights}
        counts = [
            sum(prod(variable.shape) for variable in layer.variables if id(variable) in trains)
            for layer in found
        ]
        result.append(PhaseCounts(name, counts))
    return result


def _rows(found: list[Layer], phases: list[PhaseCounts]) -> list[Row]:
    return [
        Row(
            name=layer.name,
            kind=layer.kind,
            shape=layer.shape,
            field=_field(layer),
            parameters=layer.parameters,
            trains=tuple(phase.name for phase in phases if phase.counts[place]),
            values=layer.values,
            operations=layer.operations,
        )
        for place, layer in enumerate(found)
    ]


def _field(layer: Layer) -> str:
    height, width = layer.fields
    return "image" if height is None or width is None else f"{height.size}x{width.size}"


def _totals(found: list[Layer], phases: list[PhaseCounts]) -> Iterator[str]:
    parameters = sum(layer.parameters for layer in found)
    constants = sum(layer.parameters for layer in found if layer.kind == "Standardize")
    standardized = f", {constants:,} of them constants of the standardisation" if constants else ""
    yield f"{parameters:,} parameters{standardized}"
    for phase in phases:
        trained = sum(phase.counts)
        yield f"phase {phase.name}: {trained:,} trainable, {parameters - constants - trained:,} frozen"
    values = sum(layer.values for layer in found)
    yield f"{values:,} activations per image, {network_picture.size(4 * values)} in float32"
    operations = network_picture.count(sum(layer.operations for layer in found))
    yield f"{operations}FLOPs per image (a multiplication and an addition are two)"
