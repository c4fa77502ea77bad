"""The proof of an export: the files' answers on images of all splits against the trained network's."""

import contextlib
import dataclasses
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import files, paths, store
from frostline.errors import FrostlineError
from frostline.evaluation import predictions
from frostline.evaluation import temperature as calibration
from frostline.evaluation.predictions import Predictions
from frostline.features import extraction, trunks
from frostline.features.cut_model import CutModel
from frostline.runtime import agreement, parts, providers
from frostline.store import Store
from frostline.training import assemble
from frostline.training.recipe import Recipe
from frostline.training.steps import RowsLike

PROOF_IMAGES = 64
OTHER_ANSWERS = 1 / 20  # of the proof's images, where training computed in 16 bits

Files = dict[str, bytes]  # what is written, by name
Arrays = dict[str, npt.NDArray[Any]]
_WAYS = ("batched", "alone", "inside", "apart")  # how the trunk was run on an image


def prove(
    inputs: Recipe, last: CutModel, written: Files, predicted: Predictions, *, temperature: float
) -> dict[str, Any]:
    """What was compared, as plain values; FrostlineError where the model says something else.

    The model computes in float32. A network that was trained in less is compared with itself in
    float32, and then must give the same answers as it did in training, but for a few near ties. The network's
    probabilities, `predicted` and anew, are compared after the temperature.
    """
    with _kept_rows(inputs, last, written, predicted) as kept:
        return _compared(inputs, last, written, predicted, temperature, kept)


def _compared(  # noqa: PLR0913  # what is compared with what
    inputs: Recipe,
    last: CutModel,
    written: Files,
    predicted: Predictions,
    temperature: float,
    kept: Arrays | None,
) -> dict[str, Any]:
    """As `prove`, with what the trunk's file gave of these images before."""
    model = written["model.onnx"]
    chosen = _chosen(predicted)
    pixels, probs = _pixels(inputs, predicted, chosen), predicted.probs[chosen]
    if inputs.entry.precision == "float32":
        features = _features(inputs, last) if last.trunk is not None else None
        proof = agreement.prove(
            model,
            pixels=pixels,
            pixel_probs=probs,
            features=features,
            probs=predicted.probs,
            head=written.get(parts.HEAD),
            kept=kept,
        )
        return {**dataclasses.asdict(proof), **_parts(written, pixels, kept)}
    network = np.asarray(assemble.whole(last)(pixels)["probs"])
    exact = calibration.apply(network, temperature)
    proof = agreement.prove(model, pixels=pixels, pixel_probs=exact, features=None, probs=predicted.probs)
    precision = _rounded(inputs, exact, probs)
    return {**dataclasses.asdict(proof), "precision": precision, **_parts(written, pixels, kept)}


def _chosen(predicted: Predictions) -> list[int]:
    """Images of all splits, by content: few others are chosen when some come."""
    return heapq.nsmallest(PROOF_IMAGES, range(len(predicted)), key=predicted.ids.__getitem__)


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


def _pixels(inputs: Recipe, predicted: Predictions, chosen: Any) -> Any:
    """The chosen images decoded, (n, H, W, 3) uint8."""
    every = dataclasses.replace(inputs.images("train"), paths=predicted.paths, ids=predicted.ids)
    return extraction.pixels(subset(every, chosen))[:]


@contextlib.contextmanager
def _kept_rows(
    inputs: Recipe, last: CutModel, written: Files, predicted: Predictions
) -> Iterator[Arrays | None]:
    """What the trunk's file gave of each of the proof's images before, NaN where it is not known; what is put in then
    is kept, if the block ends well. None where its rows are no vectors.
    """
    if last.trunk is None or inputs.entry.precision != "float32" or len(trunks.shape(last.trunk)) != 1:
        yield None
        return
    images, shape = inputs.images("test"), trunks.shape(last.trunk)
    key = {
        "trunk": files.sha256(written[parts.TRUNK]), **images.decode_key, "runtime": providers.runtime("cpu")
    }  # fmt: skip
    ids = np.array([predicted.ids[row] for row in _chosen(predicted)])
    rows: Arrays = {}
    stores: dict[str, tuple[Store, npt.NDArray[np.bool_]]] = {}
    for way in _WAYS:
        kept = store.open_store(
            "proofs", key | {"way": way}, shape=shape, dtype="float32", cache=images.cache or paths.cache()
        )
        known = ~np.isin(ids, kept.missing(ids.tolist()))
        rows[way] = np.full((len(ids), *shape), np.nan, np.float32)
        if known.any():
            rows[way][known] = kept.rows(ids[known].tolist())[:]
        stores[way] = kept, known
    yield rows
    for way, (kept, known) in stores.items():
        new = np.flatnonzero(~known & ~agreement.unknown(rows[way]))
        kept.append(ids[new].tolist(), rows[way][new])


def _parts(written: Files, pixels: Any, kept: Arrays | None) -> dict[str, Any]:
    """How far trunk and head together are from the model on the proof's images, and which they are."""
    if parts.TRUNK not in written:
        return {}
    trunk, head = written[parts.TRUNK], written[parts.HEAD]
    difference = parts.difference(written["model.onnx"], trunk, head, pixels, kept=kept)
    return {"trunk": files.sha256(trunk), "head": files.sha256(head), "parts_difference": difference}


def subset(images: extraction.Images, chosen: Any) -> extraction.Images:
    """These of some images."""
    return dataclasses.replace(
        images, paths=[images.paths[i] for i in chosen], ids=[images.ids[i] for i in chosen]
    )


@dataclass(frozen=True)
class _Joined:
    """Rows of several splits, one after the other; a slice reads what it asks for, so that memory stays flat."""

    splits: Sequence[RowsLike]

    def __len__(self) -> int:
        return sum(map(len, self.splits))

    def __getitem__(self, chosen: slice) -> npt.NDArray[Any]:
        start, stop, _ = chosen.indices(len(self))
        found, before = [], 0
        for rows in self.splits:
            first, end = max(start - before, 0), min(stop - before, len(rows))
            if first < end:
                found.append(rows[first:end])
            before += len(rows)
        return np.concatenate(found)


def _features(inputs: Recipe, last: CutModel) -> _Joined:
    """The cached features of every image, in the order of the predictions."""
    return _Joined([inputs.rows(last, split) for split in predictions.SPLITS])
