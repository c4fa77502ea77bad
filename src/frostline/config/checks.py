"""What params.yaml's keys must be to each other, beyond what each may be alone."""

from collections.abc import Iterator
from pathlib import Path

from frostline.config import shapes
from frostline.config.backbones import NAMED_SOURCES
from frostline.config.schema import Classifier, Params, Splits
from frostline.config.solvers import MlpPhase, SolverPhase
from frostline.config.weights import ONNX
from frostline.errors import nearest


def contradictions(params: Params) -> Iterator[str]:
    """One line for each pair of values that cannot both be meant."""
    for name, weights in params.weights.items():
        if (weights.source == "scratch") != (weights.backbone is None):
            yield f"weights.{name}: source 'scratch' goes with backbone null, and only with it"
        if weights.backbone == ONNX and weights.source in NAMED_SOURCES:
            yield f"weights.{name}.source: '{weights.source}' are weights of Keras; name an ONNX file in pretrained/"
        if "/" in weights.source or weights.source.startswith("."):
            yield (
                f"weights.{name}.source: {weights.source!r} must be imagenet, random, scratch or the name "
                "of a file in pretrained/ (put or link yours there)"
            )
    for name, dataset in params.datasets.items():
        yield from _split_problems(f"datasets.{name}.splits", dataset.splits)
        if dataset.classes and len(set(dataset.classes)) != len(dataset.classes):
            yield f"datasets.{name}.classes: a class is named twice"
        if ".." in Path(dataset.path).parts:
            yield f"datasets.{name}.path: {dataset.path!r} must stay inside data/"
    for name, classifier in params.classifiers.items():
        yield from _classifier_problems(f"classifiers.{name}", classifier, params)


def _split_problems(key: str, splits: Splits) -> Iterator[str]:
    total = splits.train + splits.validation + splits.test
    if abs(total - 1) > 1e-9:
        yield f"{key}: train + validation + test must be 1; is {total:g}"
    for name in ("train", "validation", "test"):
        if getattr(splits, name) == 0:
            yield f"{key}.{name}: must be greater than 0"


def _classifier_problems(key: str, classifier: Classifier, params: Params) -> Iterator[str]:
    if classifier.dataset not in params.datasets:
        yield f"{key}.dataset: no dataset '{classifier.dataset}'{nearest(classifier.dataset, params.datasets)}"
    if classifier.weights not in params.weights:
        yield f"{key}.weights: no weights '{classifier.weights}'{nearest(classifier.weights, params.weights)}"
        return
    scratch = params.weights[classifier.weights].backbone is None
    if classifier.network.type == "cnn":
        for line in shapes.problems(classifier.network.blocks, classifier.image.size):
            yield f"{key}.network.blocks.{line}"
        if not scratch:
            yield f"{key}.weights: a cnn trains from scratch; name weights whose source is scratch"
        if classifier.network.head.standardize:
            yield f"{key}.network.head.standardize: a cnn's features change as it trains; use false"
        if classifier.image.transform == "backbone":
            yield f"{key}.image.transform: a cnn has no backbone; use rescale"
        for name, phase in classifier.phases.items():
            if phase.freeze != "none":
                yield f"{key}.phases.{name}.freeze: a cnn from scratch has nothing to freeze; use none"
    elif scratch:
        yield f"{key}.weights: '{classifier.weights}' is scratch, a pretrained network needs a backbone"
    elif params.weights[classifier.weights].backbone == ONNX:
        yield from _onnx_problems(key, classifier)
    yield from _int8_problems(key, classifier)
    if any(isinstance(phase, SolverPhase) for phase in classifier.phases.values()):
        yield from _solver_problems(key, classifier)


def _int8_problems(key: str, classifier: Classifier) -> Iterator[str]:
    """What int8 is not for: layers that train."""
    for name, phase in classifier.phases.items():
        if classifier.precision == "int8" and phase.freeze != "all":
            yield (
                f"{key}.precision: int8 is for a network that stays frozen, and phases.{name}.freeze is "
                f"'{phase.freeze}'; use float32 or bfloat16, or freeze all"
            )


def _solver_problems(key: str, classifier: Classifier) -> Iterator[str]:
    """What a solver cannot do: it finds a head on standardised features, and only one kind has hidden layers."""
    head, training = classifier.network.head, classifier.training
    first, *later = classifier.phases.values()
    if classifier.network.type == "cnn" or any(isinstance(phase, SolverPhase) for phase in later):
        yield f"{key}.phases: a solver finds a new head on frozen features; its phase can only be the first"
    hidden = isinstance(first, MlpPhase)
    if head.dense and not hidden:
        yield f"{key}.network.head.dense: this solver finds no hidden layers; use {{}}, or solver mlp"
    if hidden and not head.dense:
        yield f"{key}.network.head.dense: solver mlp finds hidden layers; name some, such as {{hidden: 64}}"
    if hidden and training and training.class_weights == "balanced":
        yield f"{key}.training.class_weights: solver mlp weighs all images alike; use equal"
    if not head.standardize:
        yield f"{key}.network.head.standardize: a solver needs features of one scale; use true"
    if classifier.augmentation and classifier.augmentation.views == "live":
        yield f"{key}.augmentation.views: a solver sees all views at once; use a number"
    if not classifier.solved:
        return
    if head.dropout:
        yield f"{key}.network.head.dropout: a solver leaves no features out; use 0.0"
    if training and (training.schedule, training.warmup, training.label_smoothing, training.early_stopping) != (
        "constant", 0, 0, None,
    ):  # fmt: skip
        yield (
            f"{key}.training: of this a solver takes class_weights alone; use schedule constant, warmup 0.0, "
            "label_smoothing 0.0 and early_stopping null"
        )


def _onnx_problems(key: str, classifier: Classifier) -> Iterator[str]:
    """What a network from an ONNX file cannot do, and what to write instead: its taps say where it ends."""
    name, network = classifier.weights, classifier.network
    if network.type == "pretrained" and network.end_at is not None:
        yield f"{key}.network.end_at: '{name}' ends at its taps; use null, and name a tensor in weights.{name}.taps"
    if network.head.pooling != "flatten":
        yield f"{key}.network.head.pooling: the taps of '{name}' say how they are pooled; use flatten"
    if classifier.image.transform != "backbone":
        yield f"{key}.image.transform: weights.{name}.input says how pixels are transformed; use backbone"
    if classifier.precision == "float16":
        yield f"{key}.precision: a network from an ONNX file has float32, bfloat16 and int8; use one of these"
    for phase_name, phase in classifier.phases.items():
        if phase.freeze != "all":
            yield (
                f"{key}.phases.{phase_name}.freeze: the network of '{name}' comes from an ONNX file and cannot be "
                f"thawed; use all, or weights of a Keras backbone"
            )
