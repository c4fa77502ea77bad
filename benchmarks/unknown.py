"""Which rule tells best that an image is unlike the training images, on features of a frozen network.

    python benchmarks/unknown.py CATS_DOGS INTEL DIGITS --project ../pets --weights efficientnet_lite0

Prints the area below the ROC curve (AUROC) of test images against images of other kinds, and of five of INTEL's six
classes against the one left out. CATS_DOGS and INTEL are folders of train and test, DIGITS any folder of images. The
rule that export takes is `nearest`; `energy` and `confidence` are of a logistic regression.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

import frostline
from frostline.training import unlike

Rows = npt.NDArray[np.float32]
Rule = Callable[[Rows], npt.NDArray[np.float64]]  # rows to how unlike they are
STRENGTH = 0.003


def nearest(rows: Rows, _: npt.NDArray[np.str_]) -> Rule:
    """What export puts into a model, before it is made a chance."""
    ids = [f"{number:06d}" for number in np.random.default_rng(0).permutation(len(rows))]
    found = unlike.fit(rows, ids, rows[:0], seed=0)
    assert found is not None
    return lambda some: -found.similarity(some)


def mahalanobis(rows: Rows, labels: npt.NDArray[np.str_], *, width: int) -> Rule:
    """To the nearest class, by one covariance (Ledoit and Wolf's) on the first principal components."""
    scaler = StandardScaler().fit(rows)
    standard = scaler.transform(rows)
    directions = np.linalg.eigh(np.cov(standard.T))[1][:, ::-1][:, :width]
    names, label = np.unique(labels, return_inverse=True)
    inside = standard @ directions
    means = np.stack([inside[label == number].mean(axis=0) for number in range(len(names))])
    values, vectors = np.linalg.eigh(LedoitWolf(assume_centered=True).fit(inside - means[label]).covariance_)
    whitened = directions @ vectors / np.sqrt(values)
    centres = means @ vectors / np.sqrt(values)

    def distance(some: Rows) -> npt.NDArray[np.float64]:
        at = scaler.transform(some) @ whitened
        return np.min([((at - centre) ** 2).sum(axis=1) for centre in centres], axis=0)

    return distance


def residual(rows: Rows, _: npt.NDArray[np.str_], *, width: int) -> Rule:
    """What the first principal components leave."""
    scaler = StandardScaler().fit(rows)
    directions = np.linalg.eigh(np.cov(scaler.transform(rows).T))[1][:, ::-1][:, :width]

    def left(some: Rows) -> npt.NDArray[np.float64]:
        standard = scaler.transform(some)
        return np.asarray((standard**2).sum(axis=1) - ((standard @ directions) ** 2).sum(axis=1))

    return left


def head(rows: Rows, labels: npt.NDArray[np.str_], *, energy: bool) -> Rule:
    """By a head's logits: their energy, or the probability of the best class."""
    scaler = StandardScaler().fit(rows)
    model = LogisticRegression(C=STRENGTH, max_iter=500).fit(scaler.transform(rows), labels)

    def unsure(some: Rows) -> npt.NDArray[np.float64]:
        logits = model.decision_function(scaler.transform(some))
        logits = np.stack([np.zeros_like(logits), logits], axis=1) if logits.ndim == 1 else logits
        total = np.logaddexp.reduce(logits, axis=1)
        return np.asarray(-total if energy else total - logits.max(axis=1))

    return unsure


RULES: dict[str, Callable[[Rows, npt.NDArray[np.str_]], Rule]] = {
    "nearest": nearest,
    "mahalanobis 64": lambda rows, labels: mahalanobis(rows, labels, width=64),
    "mahalanobis 256": lambda rows, labels: mahalanobis(rows, labels, width=256),
    "residual 256": lambda rows, labels: residual(rows, labels, width=256),
    "energy": lambda rows, labels: head(rows, labels, energy=True),
    "confidence": lambda rows, labels: head(rows, labels, energy=False),
}


def area(rule: Rule, like: Rows, unlike_: Rows) -> float:
    """AUROC: how often an image of another kind is further than one like the training images."""
    kinds = np.repeat([0, 1], [len(like), len(unlike_)])
    return float(roc_auc_score(kinds, np.concatenate([rule(like), rule(unlike_)])))


def main() -> None:
    """Two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("cats_dogs", "intel", "digits"):
        parser.add_argument(name)
    parser.add_argument("--project", default=".")
    parser.add_argument("--weights", required=True)
    asked = parser.parse_args()
    pets, scenes, digits = (
        frostline.extract_features(folder, weights=asked.weights, project=asked.project)
        for folder in (asked.cats_dogs, asked.intel, asked.digits)
    )
    parts = {
        name: {split: np.flatnonzero(found.splits == split) for split in ("train", "test")}
        for name, found in (("pets", pets), ("scenes", scenes))
    }
    test = {"pets": pets.features[parts["pets"]["test"]], "scenes": scenes.features[parts["scenes"]["test"]]}
    print(f"{'':16} pets|scenes pets|digits scenes|pets scenes|digits  seconds of processors")
    for name, make in RULES.items():
        start = time.process_time()
        of = {
            key: make(found.features[parts[key]["train"]], found.labels[parts[key]["train"]])
            for key, found in (("pets", pets), ("scenes", scenes))
        }
        spent = time.process_time() - start
        pairs = [
            ("pets", test["scenes"]),
            ("pets", digits.features),
            ("scenes", test["pets"]),
            ("scenes", digits.features),
        ]
        areas = [area(of[key], test[key], others) for key, others in pairs]
        print(f"{name:16}", *(f"{value:11.4f}" for value in areas), f"{spent:8.1f}")
    classes = np.unique(scenes.labels)
    print(f"{'left out':16}", *(f"{name:>9}" for name in classes), "     mean")
    for name, make in RULES.items():
        areas = [left_out(make, scenes, parts["scenes"], one) for one in classes]
        print(f"{name:16}", *(f"{value:9.3f}" for value in [*areas, np.mean(areas)]))


def left_out(
    make: Callable[[Rows, npt.NDArray[np.str_]], Rule],
    found: frostline.Features,
    parts: dict[str, npt.NDArray[np.int64]],
    name: str,
) -> float:
    """Trained on all classes but one: its test images against those of the others."""
    of = {split: found.labels[rows] for split, rows in parts.items()}
    kept = parts["train"][of["train"] != name]
    rule = make(found.features[kept], found.labels[kept])
    return area(
        rule,
        found.features[parts["test"][of["test"] != name]],
        found.features[parts["test"][of["test"] == name]],
    )


if __name__ == "__main__":
    main()
