"""Is what a search chooses as good as it promises, and what of its time are passes through networks?

    python benchmarks/search.py timed intel --minutes 3 --fit mobilenet
    python benchmarks/search.py chosen intel
    python benchmarks/search.py subsets intel --photos 400 --trunks mobilenet,efficientnet_lite0-symmetric

In a project whose dataset is preprocessed. `timed`: a search from an empty cache (name an empty FROSTLINE_CACHE), the
share of its time in passes, candidates per hour, and how many Keras' `fit` from pixels would allow: ten epochs of a
head on a frozen backbone, extrapolated from a few steps. `chosen`, after `dvc repro evaluate@DATASET-search`: the one
look at the test photos, against the best of all candidates, each judged on all training and validation photos, however
long that takes; that one is the best by cross-validation, fitted as training does. `subsets`: ten searches on photos
drawn from training and validation; the accuracy that each promises against that of its choice on all that it did not
see.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from frostline import config, files, paths
from frostline.commands import search, search_plan, search_weights
from frostline.datasets import manifest
from frostline.evaluation import predictions, selection
from frostline.features.extraction import Images
from frostline.features.local_stream import stream
from frostline.training import head_fits, search_rounds
from frostline.training.head_fits import HeadOptions
from frostline.training.search import Search
from frostline.training.search_limits import Clock
from frostline.training.search_rounds import Round, ScoredHead, SearchPhotos

FOREVER, EPOCHS, STEPS, BATCH, SUBSETS = 1e9, 10, 8, 32, 10


def timed(dataset: str, *, minutes: float, fit: str | None, trunks: str | None) -> None:
    """Figures of one search."""
    start = time.monotonic()
    search.STARTED = start
    print("\n".join(search.run(dataset, minutes=minutes, trunks=trunks)))
    wall = time.monotonic() - start
    record = files.read_json(Path("reports/search") / dataset / "search.json", made_by="search")
    candidates, passing = len(record["candidates"]), record["seconds"]["passing"]
    print(f"{wall:.1f} s of {60 * minutes:.0f}; passes {passing:.1f} s, {passing / wall:.1%}")
    print(f"{candidates} candidates, {3600 * candidates / wall:.0f} an hour")
    if fit:
        each = fitted(fit, images=int(record["of"]))
        print(f"Keras fit of {fit}, {EPOCHS} epochs: {each:.0f} s, {3600 / each:.2f} an hour")
        print(f"ratio {candidates / wall * each:.0f}")


def fitted(backbone: str, *, images: int) -> float:
    """Seconds of Keras' `fit` of a head on a frozen backbone from pixels, extrapolated from a few steps of noise."""
    import keras

    whole = getattr(keras.applications, {"mobilenet": "MobileNet", "vgg16": "VGG16"}[backbone])
    base = whole(include_top=False, weights=None, pooling="avg", input_shape=(224, 224, 3))
    base.trainable = False
    model = keras.Sequential([base, keras.layers.Dense(6, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    pixels = rng.random((STEPS * BATCH, 224, 224, 3), dtype=np.float32)
    labels = rng.integers(0, 6, len(pixels))
    model.fit(pixels[:BATCH], labels[:BATCH], batch_size=BATCH, verbose=0)
    start = time.monotonic()
    model.fit(pixels, labels, batch_size=BATCH, verbose=0)
    return (time.monotonic() - start) / len(pixels) * images * EPOCHS


def everything(dataset: str, trunks: str | None) -> tuple[Search, Round, SearchPhotos]:
    """All candidates on all training and validation photos: nothing is halved, nothing left out for its time."""
    settings = config.load()
    seen = search_plan.look(dataset, settings)
    hand = search_weights.at_hand(settings, trunks.split(",") if trunks else ())
    found = Search(Clock(time.monotonic() + FOREVER), paths.cache(), settings.seed, tell=print)
    contenders = [
        search_rounds.Contender(trunk) for trunk in search_plan.trunks(hand, side=seen.side, sizes=())
    ]
    return found, found._round(contenders, seen.photos, {}), seen.photos


def answers(found: Search, one: ScoredHead, known: SearchPhotos, asked: Images) -> np.ndarray:
    """(N,) classes that a candidate, fitted on the known photos, tells of others."""
    opened = found.opened[one.trunk.name]
    end = next(end for end in opened.ends if end.layer == one.end)
    rows = opened.rows(known.images, stream)[:, end.columns]
    mean, scale = rows.mean(0), rows.std(0)
    scale = 1 / np.where(scale > 0, scale, 1)
    with head_fits.quiet():
        (head,) = head_fits.FITS[one.kind](
            (rows - mean) * scale, known.labels, [one.strength], HeadOptions(hidden=(64,))
        )
    return np.asarray(head((opened.rows(asked, stream)[:, end.columns] - mean) * scale).argmax(1))


def chosen(dataset: str, *, trunks: str | None) -> None:
    """The look at the test photos."""
    name = f"{dataset}-search"
    said = predictions.read(paths.classifier(name) / "predictions.parquet", made_by="dvc repro").split("test")
    found, last, photos = everything(dataset, trunks)
    best = last.candidates[last.judged().best]
    rows = manifest.read(paths.dataset(dataset) / "manifest.parquet")
    train = photos.take(np.flatnonzero(np.isin(photos.images.ids, rows.split("train").ids)))
    asked = replace(photos.images, paths=list(said.paths), ids=list(said.ids))
    told = answers(found, best, train, asked)
    print(f"{name}: {(said.predicted == said.labels).mean():.2%} of {len(said)} test photos")
    accuracy = (told == said.labels).mean()
    print(f"best of {len(last.candidates)}: {best.name}, {best.kind} {best.strength:g}: {accuracy:.2%}")
    difference = (said.predicted == said.labels).astype(float) - (told == said.labels)
    error = 1.96 * difference.std(ddof=1) / np.sqrt(len(difference))
    print(f"chosen - best: {difference.mean():+.2%} ± {error:.2%}")


def subsets(dataset: str, *, photos: int, trunks: str | None) -> None:
    """Ten promises, and how often the truth lay within."""
    settings = config.load()
    seen = search_plan.look(dataset, settings).photos
    hand = search_weights.at_hand(settings, trunks.split(",") if trunks else ())
    within = 0
    for seed in range(SUBSETS):
        drawn = np.random.default_rng(seed).permutation(len(seen.labels))
        some, others = seen.take(np.sort(drawn[:photos])), seen.take(np.sort(drawn[photos:]))
        some = replace(some, seed=seed)
        found = Search(Clock(time.monotonic() + FOREVER), paths.cache(), settings.seed)
        found.run(search_plan.trunks(hand, side=224), some)
        judged = search_rounds.decided(found.rounds).judged()
        one = search_rounds.decided(found.rounds).candidates[judged.chosen]
        promise = selection.expected(judged, seed=seed)
        truth = float((answers(found, one, some, others.images) == others.labels).mean())
        inside = promise.low <= truth <= promise.high
        within += inside
        print(
            f"{seed}: {one.name} promised {promise.value:.1%} ({promise.low:.1%} to {promise.high:.1%}), "
            f"{truth:.1%} of {len(others.labels)} others, {'within' if inside else 'outside'}",
            flush=True,
        )
    print(f"within: {within} of {SUBSETS}")


def main() -> None:
    """One of the three."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("timed", "chosen", "subsets"))
    parser.add_argument("dataset")
    parser.add_argument("--trunks")
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--fit", choices=("mobilenet", "vgg16"))
    parser.add_argument("--photos", type=int, default=400)
    asked: dict[str, Any] = vars(parser.parse_args())
    common = (asked["dataset"],)
    if asked["what"] == "timed":
        timed(*common, minutes=asked["minutes"], fit=asked["fit"], trunks=asked["trunks"])
    elif asked["what"] == "chosen":
        chosen(*common, trunks=asked["trunks"])
    else:
        subsets(*common, photos=asked["photos"], trunks=asked["trunks"])


if __name__ == "__main__":
    main()
