"""Stage `export@NAME`: the trained classifier as one ONNX file, proven to agree before it is written."""

import dataclasses
from typing import Any

import numpy as np

import frostline
from frostline import files, images, paths
from frostline.errors import FrostlineError
from frostline.frost import features, joined, recipe
from frostline.frost.recipe import Recipe
from frostline.frost.trunk import Split
from frostline.onnx import agreement, contract, convert
from frostline.onnx.contract import Contract, WeightsSource
from frostline.records import predictions, reports
from frostline.records.predictions import Predictions

PROOF_IMAGES = 64
OTHER_ANSWERS = 1 / 20  # of the proof's images, where training computed in 16 bits


def run(name: str) -> None:
    """Write `model.onnx` and `agreement.json` of one classifier."""
    inputs = recipe.read(name)
    record = paths.classifier(name) / "record.json"
    key = reports.read(record, keys=("key",), made_by=f"dvc repro train@{name}")["key"]
    last = _trained(inputs.changed(precision="float32"))  # the weights are float32 at every precision
    size = inputs.entry.image.size
    model = convert.convert(
        *joined.halves(last),
        height=size.height,
        width=size.width,
        metadata=contract.to_json(_contract(inputs)),
    )
    said = predictions.read(paths.classifier(name) / "predictions.parquet", made_by=f"dvc repro train@{name}")
    proof = _prove(inputs, last, model, said)
    folder = paths.model(name)
    with files.writing(folder / "model.onnx") as temporary:
        temporary.write_bytes(model)
    files.write_json(folder / "agreement.json", {"key": key, "model": files.sha256(model), **proof})
    print(
        f"{name}: {folder / 'model.onnx'}, {len(model) / 1e6:.1f} MB; differs from the trained network by at most "
        f"{max(proof['image_difference'], proof['feature_difference']):.1g} in any probability"
    )


def _trained(inputs: Recipe) -> Split:
    """The network split at its last freeze point, with the trained weights above it in place."""
    last = list(joined.splits(inputs.network(), inputs.entry).values())[-1]
    path = paths.classifier(inputs.name) / "trained.weights.h5"
    if not path.is_file():
        raise FrostlineError(f"{path} is missing; run `dvc repro train@{inputs.name}`")
    joined.load(last.upper, path)
    return last


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


def _prove(inputs: Recipe, last: Split, model: bytes, said: Predictions) -> dict[str, Any]:
    """What was compared, as plain values; FrostlineError where the model says something else.

    The model computes in float32. A network that was trained in less is compared with itself in
    float32, and then must give the same answers as it did in training, but for a few near ties.
    """
    chosen = np.unique(np.linspace(0, len(said) - 1, PROOF_IMAGES).astype(int))
    pixels, probs = _pixels(inputs, said, chosen), said.probs[chosen]
    if inputs.entry.precision == "float32":
        features = _features(inputs, last) if last.trunk is not None else None
        proof = agreement.prove(model, pixels=pixels, pixel_probs=probs, features=features, probs=said.probs)
        return dataclasses.asdict(proof)
    exact = np.asarray(joined.joined(last)(pixels)["probs"])
    proof = agreement.prove(model, pixels=pixels, pixel_probs=exact, features=None, probs=said.probs)
    return {**dataclasses.asdict(proof), "precision": _rounded(inputs, exact, probs)}


def _rounded(inputs: Recipe, exact: Any, probs: Any) -> dict[str, Any]:
    """How far training's precision is from the model's float32 on the same images."""
    other = int((exact.argmax(1) != probs.argmax(1)).sum())
    if other > OTHER_ANSWERS * len(probs):
        raise FrostlineError(
            f"in float32, as models compute, {other} of {len(probs)} images get another answer than in training at "
            f"{inputs.entry.precision}; set classifiers.{inputs.name}.precision to float32"
        )
    difference = float(np.abs(exact.astype(np.float64) - probs).max())
    return {"trained": inputs.entry.precision, "other_answers": other, "probability_difference": difference}


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
