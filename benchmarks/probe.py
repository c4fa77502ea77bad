"""Is a classifier as good as a plain logistic regression on the same frozen features?

    python benchmarks/probe.py CLASSIFIER...

In a project whose classifiers are trained. Each must be one head on a wholly frozen trunk, without views. The
very rows that its head was trained on go into scikit-learn's StandardScaler and LogisticRegression; of the
strengths C in STRENGTHS the one with the lowest log loss on validation is taken. Printed: both accuracies on the
test images, their difference with its 95% interval, and McNemar's test.
"""

import argparse
import dataclasses

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from frostline import paths
from frostline.evaluation import comparison, predictions
from frostline.evaluation.comparison import Side
from frostline.evaluation.predictions import Predictions
from frostline.training import recipe

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def probe(name: str, said: Predictions) -> tuple[Predictions, float]:
    """What the regression says of the test images, and the C that it took; `said` are the classifier's answers."""
    inputs = recipe.read(name)
    _, last = recipe.load_trained(inputs)
    features = {
        split: np.asarray(inputs.rows(last, split)[:], np.float64).reshape(len(said.split(split)), -1)
        for split in predictions.SPLITS
    }
    labels = {split: said.split(split).labels for split in predictions.SPLITS}
    tried = {}
    for strength in STRENGTHS:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
        model.fit(features["train"], labels["train"])
        loss = log_loss(labels["validation"], model.predict_proba(features["validation"]))
        tried[strength] = (loss, model)
    best = min(tried, key=lambda strength: tried[strength][0])
    probs = tried[best][1].predict_proba(features["test"]).astype(np.float32)
    return dataclasses.replace(said.split("test"), probs=probs), best


def main() -> None:
    """Compare every classifier named with its own regression."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("classifier", nargs="+")
    for name in parser.parse_args().classifier:
        said = predictions.read(
            paths.classifier(name) / "predictions.parquet", made_by=f"dvc repro train@{name}"
        )
        other, strength = probe(name, said)
        print(
            comparison.pairwise(
                [(Side(name, said.split("test")), Side(f"regression with C {strength:g}", other))]
            )
        )


if __name__ == "__main__":
    main()
