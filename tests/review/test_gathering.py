"""From a project to its list: whose predictions, and which new photos."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from frostline import config, files, paths
from frostline.datasets.decisions import PhotoDecision
from frostline.datasets.source import open_source
from frostline.errors import InputError
from frostline.evaluation import temperature
from frostline.review import gathering
from frostline.training import features
from frostline.training.frozen import LayerSelection
from helpers.images import encoded, folder
from helpers.params import LENIENT
from helpers.projects import pets
from helpers.reviews import answers, project


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path))


def test_the_best_classifier_on_validation_is_asked() -> None:
    """Unless another is named; none where none is trained."""
    settings = config.load()
    good, bad = list(settings.classifiers)[:2]
    assert gathering.trained("pets", settings, None) == ""
    manifest = answers(good, wrong={})
    wrong = {
        path: "cat"
        for path, split in zip(manifest.paths, manifest.splits, strict=True)
        if split == "validation"
    }
    answers(bad, wrong={path: "bird" if path.startswith("cat") else "cat" for path in wrong})
    assert gathering.trained("pets", settings, None) == good
    assert gathering.trained("pets", settings, bad) == bad
    with pytest.raises(InputError, match="nobody"):
        gathering.trained("pets", settings, "nobody")


def test_what_the_audit_would_fail_for_can_be_reviewed() -> None:
    """Otherwise nobody could decide about it."""
    pets(Path(), audit={**LENIENT, "conflict": "fail", "imbalance": "fail"})
    with open_source(Path("data/pets")) as source:
        found = gathering.of_dataset("pets", config.load(), source, classifier=None)
    assert found.candidates[0].kind == "conflict"
    assert "dvc repro" in found.remarks[0]


def test_mistakes_have_calibrated_probabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the report and the exported model give them."""
    settings = config.load()
    name = next(iter(settings.classifiers))
    path = next(path for path in answers(name, wrong={}).paths if path.startswith("cat"))
    made = answers(name, wrong={path: "bird"})
    soft = replace(made, probs=temperature.apply(made.probs, 2.0))
    (paths.classifier(name) / "out_of_fold.parquet").unlink()
    monkeypatch.setattr(temperature, "calibrated", lambda _: soft)
    with open_source(Path("data/pets")) as source:
        found = gathering.of_dataset("pets", settings, source, classifier=name)
    [mistake] = [one for one in found.candidates if one.kind == "mistake"]
    assert (mistake.path, mistake.suggestion) == (path, "bird")
    assert mistake.probability == pytest.approx(soft.confidence[soft.paths.index(path)])
    assert mistake.probability < made.confidence[made.paths.index(path)] - 0.05


@pytest.fixture
def _features(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frozen layers that see the mean colour and nothing else; one photo is unreadable."""

    def rows_of(names: Any, read: Any, *_: Any) -> Any:
        bad = {name: "broken" for name in names if "bad" in name}
        good = [name for name in names if name not in bad]
        rows = [np.random.default_rng(int(files.sha256(read(name))[:8], 16)).normal(size=8) for name in good]
        return np.array(rows, np.float32).reshape(len(good), 8), bad

    monkeypatch.setattr(features, "rows_of", rows_of)
    monkeypatch.setattr(LayerSelection, "open", lambda _: SimpleNamespace())


def to_label(count: int, decided: dict[str, PhotoDecision] | None = None) -> gathering.Gathered:
    settings = config.load()
    with open_source(Path("data/pets")) as source, open_source(Path("new")) as new:
        return gathering.to_label(
            "pets", settings, source, new, classifier=None, count=count, decided=decided or {}
        )


@pytest.mark.usefixtures("_features")
def test_new_photos_once_each() -> None:
    """Not what the dataset has, not what cannot be read, of two copies one."""
    held = next(Path("data/pets/dog").iterdir()).read_bytes()
    photos = {f"{number}.png": encoded(700 + number) for number in range(12)}
    folder(Path("new"), {**photos, "held.png": held, "bad.png": b"x", "copy.png": photos["3.png"]})
    found = to_label(100)
    assert len(found.candidates) == 12
    assert {one.kind for one in found.candidates} == {"next"}
    assert {one.label for one in found.candidates} == {""}
    assert not {one.path for one in found.candidates} & {"held.png", "bad.png"}
    assert all(
        one.suggestion in found.classes and 0 < (one.probability or 0) <= 1 for one in found.candidates
    )
    assert len(to_label(5).candidates) == 5


@pytest.mark.usefixtures("_features")
def test_it_learns_from_what_was_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class that a person gave counts, a photo that was left out does not, and no test photo is read."""
    folder(Path("new"), {"1.png": encoded(700), "2.png": encoded(701)})
    seen: dict[str, np.ndarray] = {}

    def fitted(_: np.ndarray, labels: np.ndarray, others: np.ndarray) -> np.ndarray:
        seen["labels"] = labels
        return np.full((len(others), 3), 1 / 3, np.float32)

    monkeypatch.setattr("frostline.training.next_to_label.fitted", fitted)
    plain = to_label(2).manifest
    before = np.bincount(seen["labels"], minlength=3)
    usable = plain.table.to_pylist()
    assert before.sum() == sum(row["split"] in {"train", "validation"} for row in usable)
    train = [row for row in usable if row["split"] == "train" and row["label"] == 2]
    one, two = (
        PhotoDecision("2026", "Ada", "pets", action, "dog", new, row["path"], row["sha256"])
        for row, action, new in zip(train, ("label", "leave out"), ("cat", ""), strict=False)
    )
    to_label(2, {one.sha256: one, two.sha256: two})
    after = np.bincount(seen["labels"], minlength=3)
    assert (after - before).tolist() == [0, 1, -2]


@pytest.mark.usefixtures("_features")
def test_nothing_new_is_said() -> None:
    """Before a page opens."""
    folder(Path("new"), {"held.png": next(Path("data/pets/dog").iterdir()).read_bytes()})
    with pytest.raises(InputError, match="none of these photos is new"):
        to_label(5)
    assert not paths.DECISIONS.exists()
