"""A classifier's network, whole: the body (pixels → feature vector) and the head (vector → logits)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frostline.config import Classifier, Pretrained, shapes
from frostline.errors import FrostlineError, InputError, first_line
from frostline.models import backbones, cnn, heads
from frostline.models.keras_backend import computing, keras


@dataclass(frozen=True)
class Network:
    """Two models that share nothing but the feature vector between them: of Keras, or an OnnxTrunk as the body.

    `body`: pixels (N, H, W, 3) 0-255 → features (N, D) in the classifier's precision. Pooling is
    its last layer, so that a wholly frozen body ends in the smallest tensor there is to cache.
    `head`: features (N, D) → logits (N, C), or (N, 1) for two classes.
    """

    body: Any
    head: Any


def build(classifier: Classifier, *, backbone: str | None, weights: Path | None, classes: int) -> Network:
    """Put a classifier's network together; `weights` is the backbone's `weights.h5` (None: from scratch)."""
    with computing(classifier.precision):
        body = _body(classifier, backbone, weights)
    head = heads.build(classifier.network.head, features=body.output.shape[-1], classes=classes)
    return Network(body=body, head=head)


def _body(classifier: Classifier, backbone: str | None, weights: Path | None) -> Any:
    """Pixels → features; its layers keep float32 weights and compute in the classifier's precision."""
    size = classifier.image.size
    if classifier.network.type == "cnn":
        base = cnn.build(classifier.network.blocks, height=size.height, width=size.width)
        end = base.output
    else:
        return ended(_backbone(classifier, backbone or "", weights), classifier.network)
    return _pooled(base, end, classifier.network.head.pooling)


def ended(base: Any, network: Pretrained) -> Any:
    """The body of a backbone that ends where a network says: pixels → what its layers give, pooled, as `pool`."""
    if isinstance(network.end_at, list) and len(network.end_at) > 1:
        ends = [
            heads.pooling(network.head.pooling, name=f"{name}_pool")(layer(base, name).output)
            for name in network.end_at
        ]
        return keras().Model(base.inputs[0], keras().layers.Concatenate(name="pool")(ends), name="body")
    name = network.end_at[0] if isinstance(network.end_at, list) else network.end_at
    return _pooled(base, layer(base, name).output if name else base.output, network.head.pooling)


def _pooled(base: Any, end: Any, kind: str) -> Any:
    return keras().Model(base.inputs[0], heads.pooling(kind)(end), name="body")


def remarks(classifier: Classifier) -> list[str]:
    """What is allowed and yet worth knowing: poolings of a plain network that leave pixels out."""
    if classifier.network.type != "cnn":
        return []
    lines = shapes.remarks(classifier.network.blocks, classifier.image.size)
    return [f"network.blocks.{line}" for line in lines]


def backbone(classifier: Classifier, *, name: str, weights: Path) -> Any:
    """A classifier's backbone, whole, with its pretrained weights: pixels → the output of its last layer."""
    with computing(classifier.precision):
        return _backbone(classifier, name, weights)


def _backbone(classifier: Classifier, name: str, weights: Path | None) -> Any:
    size = classifier.image.size
    own = classifier.image.transform == "backbone"
    model = backbones.build(name, height=size.height, width=size.width, transform=None if own else "rescale")
    if weights is not None:
        try:
            model.load_weights(weights)
        except (ValueError, OSError) as error:
            raise FrostlineError(
                f"{weights} does not hold weights of {name} ({first_line(error)}); "
                f"run `dvc repro --force weights@{weights.parent.name}`"
            ) from None
    return backbones.depthwise(model)


def is_cut(body: Any, candidate: Any) -> bool:
    """Whether the rest of a network can be computed from this layer's output alone."""
    try:
        keras().Model(candidate.output, body.output)
    except ValueError:  # Keras: the output is not connected to the inputs
        return False
    return True


def layer(model: Any, name: str) -> Any:
    """A layer by name; InputError names the nearest ones."""
    import difflib

    names = [candidate.name for candidate in model.layers]
    if name in names:
        return model.get_layer(name)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.3)
    raise InputError(f"no layer '{name}' in {model.name}; near: {', '.join(close or names[-3:])}")
