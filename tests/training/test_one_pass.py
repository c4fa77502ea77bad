"""One pass for classifiers that differ in where they are cut: the very rows that each would compute alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from frostline.features import backends, extraction
from frostline.stages import preprocess, weights
from frostline.training import assemble, one_pass, recipe
from frostline.training.recipe import Recipe
from helpers.images import archive, classes
from helpers.networks import KERAS_COPIES
from helpers.params import PRETRAINED, WHOLE, changed

pytestmark = KERAS_COPIES

TUNED = {
    **PRETRAINED["phases"],
    "thaw": {
        "freeze": "conv_pw_1_relu",
        "epochs": 1,
        "batch_size": 5,
        "optimizer": "sgd",
        "learning_rate": 1e-9,
    },
}
ENTRIES = {
    "one": PRETRAINED,
    "early": changed(PRETRAINED, {"network.end_at": "conv_pw_1_relu"}),
    "several": changed(PRETRAINED, {"network.end_at": ["conv_pw_1_relu", "conv_pw_2_relu"]}),
    "tuned": {**PRETRAINED, "phases": TUNED},
}


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Four classifiers on one backbone; the current folder."""
    root = tmp_path_factory.mktemp("project")
    archive(root / "data/shapes.zip", classes({"circle": 9, "square": 8}))
    (root / "dvc.yaml").write_text("stages: {}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        with Path("params.yaml").open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(changed(WHOLE, {"classifiers": ENTRIES}), file)
        weights.run("mobilenet-random")
        preprocess.run("shapes")
        yield root


def read(cache: Path, patch: pytest.MonkeyPatch) -> list[Recipe]:
    """All of them, with a cache of their own."""
    patch.setenv("FROSTLINE_CACHE", str(cache))
    return [recipe.read(name) for name in ENTRIES]


def computed(inputs: Recipe) -> list[np.ndarray]:
    """The rows of both splits below each cut."""
    parts = assemble.cut_phases(inputs.network(), inputs.entry).values()
    return [inputs.rows(part, split)[:] for part in parts for split in one_pass.SPLITS]


@pytest.mark.slow
def test_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the bit, and nothing is left to compute: one pass in the place of five."""
    alone = [computed(inputs) for inputs in read(tmp_path / "alone", monkeypatch)]
    every = read(tmp_path / "together", monkeypatch)
    calls: list[int] = []
    real = backends.Together.__call__

    def counted(self: Any, batch: Any) -> Any:
        calls.append(len(batch))
        return real(self, batch)

    monkeypatch.setattr(backends.Together, "__call__", counted)
    one_pass.fill(every)
    assert len(calls) == 2, "a batch of training images and one of validation images"
    monkeypatch.setattr(extraction, "stream", None)
    monkeypatch.setattr(backends.Forward, "__call__", None)
    together = [computed(inputs) for inputs in every]
    for before, after in zip(alone, together, strict=True):
        for rows, others in zip(before, after, strict=True):
            np.testing.assert_array_equal(rows, others)
    one_pass.fill(every)
    assert len(calls) == 2


def test_other_bits_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept of a pass that gives other bits than one trunk alone."""
    every = read(tmp_path / "other", monkeypatch)
    monkeypatch.setattr(backends.np, "array_equal", lambda *_: False)
    one_pass.fill(every)
    monkeypatch.undo()
    read(tmp_path / "other", monkeypatch)
    assert not list((tmp_path / "other/features").rglob("*.arrow"))


def test_one_alone_needs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds and rates share their trunk: nothing is done before they train."""
    [first, *_] = read(tmp_path / "alone", monkeypatch)
    monkeypatch.setattr(one_pass, "features_together", None)
    one_pass.fill([first, first])
