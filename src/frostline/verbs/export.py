"""Stage `export@NAME`: the trained classifier as one ONNX file, proven to agree before it is written."""

import dataclasses
from typing import Any

import numpy as np

import frostline
from frostline import files, images, paths
from frostline.frost import features, joined, recipe, trained
from frostline.frost.recipe import Recipe
from frostline.frost.trunk import Split
from frostline.onnx import agreement, contract, convert
from frostline.onnx.contract import Contract, WeightsSource
from frostline.records import predictions, reports
from frostline.records.predictions import Predictions

PROOF_IMAGES = 64


def run(name: str) -> None:
    """Write `model.onnx` and `agreement.json` of one classifier."""
    inputs = recipe.read(name)
    record = paths.classifier(name) / "record.json"
    key = reports.read(record, keys=("key",), made_by=f"dvc repro train@{name}")["key"]
    _, last = trained.load(inputs)
    size = inputs.entry.image.size
    model = convert.convert(
        *joined.halves(last),
        height=size.height,
        width=size.width,
        metadata=contract.to_json(_contract(inputs)),
    )
    proof = _prove(inputs, last, model)
    folder = paths.model(name)
    with files.writing(folder / "model.onnx") as temporary:
        temporary.write_bytes(model)
    files.write_json(
        folder / "agreement.json", {"key": key, "model": files.sha256(model), **dataclasses.asdict(proof)}
    )
    print(
        f"{name}: {folder / 'model.onnx'}, {len(model) / 1e6:.1f} MB; differs from the trained network by at most "
        f"{max(proof.image_difference, proof.feature_difference):.1g} in any probability"
    )


def _contract(inputs: Recipe) -> Contract:
    size = inputs.entry.image.size
    return Contract(
        classes=inputs.manifest.classes,
        height=size.height,
        width=size.width,
        resize=inputs.entry.image.resize,
        decode=images.DECODE_VERSION,
        backbone=inputs.weights["backbone"],
        weights=WeightsSource(**{key: inputs.weights[key] for key in ("name", "source", "sha256")}),
        classifier=inputs.name,
        recipe=files.digest(inputs.plain),
        dataset=inputs.manifest.digest,
        frostline=frostline.__version__,
    )


def _prove(inputs: Recipe, last: Split, model: bytes) -> agreement.Agreement:
    said = predictions.read(
        paths.classifier(inputs.name) / "predictions.parquet", made_by=f"dvc repro train@{inputs.name}"
    )
    chosen = np.unique(np.linspace(0, len(said) - 1, PROOF_IMAGES).astype(int))
    return agreement.prove(
        model,
        pixels=_pixels(inputs, said, chosen),
        pixel_probs=said.probs[chosen],
        features=_features(inputs, last) if last.trunk is not None else None,
        probs=said.probs,
    )


def _pixels(inputs: Recipe, said: Predictions, chosen: Any) -> Any:
    """The chosen images decoded, (n, H, W, 3) uint8."""
    some = dataclasses.replace(
        inputs.images("train"), paths=[said.paths[i] for i in chosen], ids=[said.ids[i] for i in chosen]
    )
    return features.pixels(some)[:]


def _features(inputs: Recipe, last: Split) -> Any:
    """The cached features of every image, in the order of the predictions."""
    every = {split: inputs.rows(last, split) for split in predictions.SPLITS}
    return np.concatenate([rows[:] for rows in every.values()])
