"""Stage `export@NAME`: the trained classifier as one ONNX file, proven to agree before it is written."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import frostline
from frostline import files, images, paths, store
from frostline.errors import FrostlineError
from frostline.evaluation import predictions, stage_outputs
from frostline.evaluation.predictions import Predictions
from frostline.features import extraction
from frostline.features.cut_model import CutModel
from frostline.features.trunks import ConvertedTrunk, OnnxTrunk
from frostline.models import heads
from frostline.models.neighbours import Neighbours
from frostline.progress import say
from frostline.runtime import (
    agreement,
    answers,
    answers_graph,
    contract,
    conversion,
    known_graphs,
    parts,
    sessions,
    variants,
)
from frostline.runtime.contract import Contract, WeightsSource
from frostline.scoring import answer_fit, drift_baseline, drift_stats
from frostline.scoring.answer_fit import AnswerFit
from frostline.training import assemble, converted, export_proof, recipe, unlike
from frostline.training.export_proof import Files
from frostline.training.recipe import Recipe

CALIBRATION_IMAGES = 64  # of the training split: ranges of activations settle long before
SCORING_BATCH = 32  # images at once


def run(name: str) -> str:
    """Write `model.onnx` and `agreement.json` of one classifier, its trunk and head where anything is frozen, and
    the variants that its params name."""
    inputs = recipe.read(name)
    record = paths.classifier(name) / "record.json"
    key = stage_outputs.read(record, keys=("key",), made_by=f"dvc repro train@{name}")["key"]
    # The weights are float32 at every precision.
    last = converted.load(inputs) or recipe.load_trained(inputs.changed(precision="float32"))[1]
    fitted = answer_fit.fit(_trained(inputs), _neighbours(inputs, last))
    model = _model(inputs, last, fitted)
    written = {"model.onnx": model}
    if last.trunk is not None:
        written[parts.TRUNK], written[parts.HEAD] = parts.make(model)
    proof = export_proof.prove(inputs, last, written, fitted.predicted, temperature=fitted.temperature.value)
    said = {**fitted.values(), **_unknown(inputs, last, written, fitted)}
    folder = paths.model(name)
    for file, content in written.items():
        with files.writing(folder / file) as temporary:
            temporary.write_bytes(content)
    of_model = {"key": key, "model": files.sha256(model)}
    files.write_json(folder / "agreement.json", {**of_model, **proof})
    files.write_json(folder / "answers.json", {**of_model, **said})
    _variants(inputs, model, fitted.predicted, folder)
    return (
        f"Wrote {folder / 'model.onnx'}, {len(model) / 1e6:.1f} MB; differs from the trained network by at most "
        f"{max(proof['image_difference'], proof['feature_difference']):.1g} in any probability"
    )


def _model(inputs: Recipe, last: CutModel, fitted: AnswerFit) -> bytes:
    """The whole classifier, its contract and the baseline of its drift in it, with calibrated answers."""
    more = {
        **_baseline(inputs, last, fitted.predicted),
        answers.KEY: answers.to_json(fitted.answers),
    }
    finish = partial(answers_graph.add, temperature=fitted.temperature.value, neighbours=fitted.neighbours)
    return _converted(inputs, last, more, finish)


def _neighbours(inputs: Recipe, last: CutModel) -> Neighbours | None:
    """What tells images unlike the training ones, of the features that training kept; None where nothing is frozen."""
    return None if last.trunk is None else unlike.of(inputs, _as_trained(inputs, last))


def _unknown(inputs: Recipe, last: CutModel, written: Files, fitted: AnswerFit) -> dict[str, Any]:
    """How many held-out images the model's `unknown` compares with; on test it is proven to be what was fitted."""
    if fitted.neighbours is None:
        return {"unknown": None}
    if len(inputs.images("test").ids):
        rows = inputs.rows(_as_trained(inputs, last), "test")
        agreement.prove_unknown(written[parts.HEAD], fitted.neighbours, rows)
    return {"unknown": {"images": fitted.answers.unknown_images}}


def _as_trained(inputs: Recipe, last: CutModel) -> CutModel:
    """The network in training's precision, of which rows are cached."""
    return last if inputs.entry.precision == "float32" else recipe.load_trained(inputs)[1]


def _converted(inputs: Recipe, last: CutModel, more: Mapping[str, str], finish: conversion.Finish) -> bytes:
    """The trained network with an edit of its graph, and more texts beside the contract."""
    metadata = contract.to_json(_contract(inputs))
    if isinstance(last.trunk, OnnxTrunk | ConvertedTrunk):
        return conversion.on_trunk(
            last.trunk.content,
            heads.arrays(last.upper),
            metadata=metadata,
            more=more,
            converted=isinstance(last.trunk, ConvertedTrunk),
            finish=finish,
        )
    size = inputs.entry.image.size
    below, above = assemble.below_and_above(last)
    return conversion.convert(
        below,
        above,
        height=size.height,
        width=size.width,
        metadata=metadata,
        more=more,
        keep=_known_trunk(inputs, last),
        finish=finish,
    )


def _known_trunk(inputs: Recipe, last: CutModel) -> Callable[[Callable[[], bytes]], bytes] | None:
    """What keeps the converted trunk for the next head on it; None where nothing is frozen."""
    if last.trunk is None or inputs.weights["sha256"] is None:
        return None
    return known_graphs.keeper(converted.graph_key(inputs, str(last.cut)))


def _baseline(inputs: Recipe, last: CutModel, predicted: Predictions) -> dict[str, str]:
    """Statistics of the test images and of their predictions, for the model's metadata; nothing without test images.

    The features are those that training kept, whatever its precision: no image goes through the trunk again.
    """
    test, images = predicted.split("test"), inputs.images("test")
    if not len(test):
        return {}
    _same_images(inputs, images, test)
    # By content, so that few others are chosen when some come; in the order of the manifest.
    chosen = np.sort(np.argsort(np.array(images.ids))[: drift_baseline.MOST])
    sizes = inputs.manifest.sizes("test")[chosen]
    stats = _pixel_stats(export_proof.subset(images, chosen))
    sample = drift_stats.sample(
        probs=test.probs[chosen],
        stats={"height": sizes[:, 0], "width": sizes[:, 1], **stats},
        embedding=_embedding(inputs, last, chosen),
    )
    return {
        drift_baseline.KEY: drift_baseline.to_json(drift_baseline.make(sample, classes=len(test.classes)))
    }


def _pixel_stats(images: extraction.Images) -> dict[str, Any]:
    """Brightness and sharpness, (n,) float32 each, as `drift_stats.pixel_stats`; kept by content."""
    key = images.decode_key | {"packages": {"numpy": version("numpy")}}
    kept = store.open_store(
        "pixel_stats", key, shape=(2,), dtype="float32", cache=images.cache or paths.cache()
    )
    missing = set(kept.missing(list(images.ids)))
    new = {content: place for place, content in enumerate(images.ids) if content in missing}
    if new:
        decoded = extraction.pixels(export_proof.subset(images, list(new.values())))
        starts = range(0, len(new), SCORING_BATCH)
        each = [
            drift_stats.pixel_stats(image)
            for start in starts
            for image in decoded[start : start + SCORING_BATCH]
        ]
        kept.append(list(new), np.array([[one["brightness"], one["sharpness"]] for one in each], np.float32))
    brightness, sharpness = kept.rows(list(images.ids))[:].T
    return {"brightness": brightness, "sharpness": sharpness}


def _embedding(inputs: Recipe, last: CutModel, chosen: Any) -> Any:
    """Projections of the chosen test images' features; None where nothing is frozen."""
    if last.trunk is None:
        return None
    rows = inputs.rows(_as_trained(inputs, last), "test")
    parts = np.array_split(chosen, -(-len(chosen) // SCORING_BATCH))
    return np.concatenate([drift_stats.project(np.asarray(rows[some])) for some in parts])


def _same_images(inputs: Recipe, images: extraction.Images, predicted: Predictions) -> None:
    if list(images.ids) != list(predicted.ids):
        raise FrostlineError(
            f"the predictions are of other images; run `dvc repro train@{inputs.name}` again"
        )


def _variants(inputs: Recipe, model: bytes, predicted: Predictions, folder: Path) -> None:
    """`model.int8.onnx` and the like, and what each costs on the test split; beyond its limit none is written."""
    costs: dict[str, Any] = {}
    for precision, limit in sorted((inputs.entry.variants or {}).items()):
        made = variants.make(precision, model, calibration=partial(_calibration, inputs))
        loss = _loss(inputs, made, predicted.split("test"), precision)
        if loss.points > limit:
            raise FrostlineError(
                f"{inputs.name}: in {precision} the model loses {loss.points:.3g} points of accuracy on {loss.images} "
                f"test images ({loss.only_exact} only right without, {loss.only_variant} only with it), allowed are "
                f"{limit:g}; take {precision} out of classifiers.{inputs.name}.variants or raise its limit"
            )
        with files.writing(sessions.variant(folder / "model.onnx", precision)) as temporary:
            temporary.write_bytes(made)
        costs[precision] = {"model": files.sha256(made), "limit": limit, **dataclasses.asdict(loss)}
        say(
            f"{inputs.name}: {precision} loses {loss.points:+.2f} points; {loss.agree:.1%} of answers the same"
        )
    if costs:
        files.write_json(folder / "variants.json", costs)


def _calibration(inputs: Recipe) -> Iterator[Any]:
    """Training images spread over the split, in batches (n, H, W, 3) uint8."""
    rows = extraction.pixels(inputs.images("train"))
    chosen = np.unique(np.linspace(0, len(rows) - 1, CALIBRATION_IMAGES).astype(int))
    for start in range(0, len(chosen), variants.BATCH):
        yield rows[chosen[start : start + variants.BATCH]]


def _loss(inputs: Recipe, made: bytes, predicted: Predictions, precision: str) -> variants.Loss:
    """The variant on every test image, against what the exact model gives of it, `predicted`."""
    session = sessions.open_session(made, device="cpu", precision=precision)
    images = inputs.images("test")
    rows = extraction.pixels(images)
    _same_images(inputs, images, predicted)
    probs = [session.run(rows[at : at + SCORING_BATCH])["probs"] for at in range(0, len(rows), SCORING_BATCH)]
    return variants.compared(predicted.probs, np.concatenate(probs), predicted.labels)


def _trained(inputs: Recipe) -> Predictions:
    """What the trained network predicted of every image."""
    return predictions.read(
        paths.classifier(inputs.name) / "predictions.parquet", made_by=f"dvc repro train@{inputs.name}"
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
