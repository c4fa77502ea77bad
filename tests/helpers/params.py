"""Whole params files for tests, small enough to train in a second, with changes by dotted key."""

import copy
from typing import Any

HALVING: dict[str, Any] = {"kind": "max", "size": 2, "stride": 2}
BLOCK: dict[str, Any] = {
    "convolutions": 1, "filters": 4, "kernel": 3, "stride": 1, "padding": 1, "l2": 0.0, "pooling": HALVING,
    "dropout": 0.0,
}  # fmt: skip
CNN: dict[str, Any] = {
    "dataset": "shapes",
    "weights": "scratch",
    "image": {"size": {"height": 32, "width": 40}, "resize": "squash", "transform": "rescale"},
    "network": {
        "type": "cnn",
        "blocks": {
            "first": BLOCK,
            "second": {
                **BLOCK,
                "filters": 6,
                "kernel": 5,
                "padding": 2,
                "pooling": {**HALVING, "kind": "average"},
            },
        },
        "head": {"pooling": "flatten", "standardize": False, "dense": {"hidden": 8}, "dropout": 0.2},
    },
    "augmentation": None,
    "precision": "float32",
    "training": None,
    "variants": None,
    "phases": {
        "all": {"freeze": "none", "epochs": 2, "batch_size": 8, "optimizer": "adam", "learning_rate": 0.01}
    },
}
PRETRAINED: dict[str, Any] = {
    **CNN,
    "weights": "mobilenet-random",
    "image": {"size": {"height": 32, "width": 40}, "resize": "crop", "transform": "backbone"},
    "network": {
        "type": "pretrained",
        "end_at": "conv_pw_2_relu",
        "head": {"pooling": "average", "standardize": True, "dense": {}, "dropout": 0.0},
    },
    "phases": {
        "head": {"freeze": "all", "epochs": 2, "batch_size": 8, "optimizer": "rmsprop", "learning_rate": 0.01}
    },
}
STRICT: dict[str, Any] = {
    **dict.fromkeys(("unreadable", "truncated", "oversized", "duplicate", "conflict", "leak"), "fail"),
    **dict.fromkeys(("misnamed", "animated", "tiny", "elongated", "blurred", "dark", "bright"), "keep"),
    **dict.fromkeys(("near_duplicate", "imbalance"), "keep"),
}
LENIENT = {kind: "quarantine" if policy == "fail" else policy for kind, policy in STRICT.items()}
WHOLE: dict[str, Any] = {
    "seed": 11,
    "weights": {
        "scratch": {"backbone": None, "source": "scratch"},
        "mobilenet-random": {"backbone": "mobilenet", "source": "random"},
    },
    "datasets": {
        "shapes": {
            "path": "data/shapes.zip",
            "splits": {"train": 0.6, "validation": 0.2, "test": 0.2},
            "classes": None,
            "audit": STRICT,
        }
    },
    "classifiers": {"cnn": CNN},
    "promotion": {"margin": 0.02, "level": 0.05, "milliseconds": 500.0, "megabytes": 700.0},
    "drift": dict.fromkeys(("size", "brightness", "sharpness", "embedding", "answers", "confidence"), 0.25),
}


def changed(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy with the values at dotted keys replaced (missing sections are made)."""
    result = copy.deepcopy(values)
    for key, value in changes.items():
        *sections, last = key.split(".")
        here = result
        for section in sections:
            here = here.setdefault(section, {})
        here[last] = copy.deepcopy(value)
    return result
