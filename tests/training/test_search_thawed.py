"""The chosen network with a block thawed: what is trained, on what it is judged, and when it is left alone."""

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from frostline import config
from frostline.config import SolverPhase
from frostline.datasets.manifest import SCHEMA, Manifest
from frostline.features.extraction import Images
from frostline.files import sha256
from frostline.training import search_rounds, search_thawed
from frostline.training.search import Search
from frostline.training.search_limits import Clock, LeftOutError
from frostline.training.search_rounds import ScoredHead, SearchPhotos
from frostline.training.search_thawed import ThawedResult
from frostline.training.search_trunks import Trunk
from helpers.images import encoded, folder
from helpers.networks import KERAS_COPIES
from helpers.search import photos, trunk

KERAS = Trunk("m", config.KerasWeights(backbone="mobilenet", source="random"), 32, 32)


def head(one: Trunk, right: np.ndarray, *, kind: str = "logistic", end: str = "") -> ScoredHead:
    """A candidate."""
    return ScoredHead(one, end, 0.1, 1.0, 1.0, right, 0.5, kind)


def searching(root: Path, seconds: float = 1e6) -> Search:
    """A search that has so much time left."""
    return Search(Clock(time.monotonic() + seconds), root / "cache", 7, root=root)


def table(some: SearchPhotos) -> pa.Table:
    """A manifest's rows of photos, and one of a test photo."""
    count = len(some.labels)
    columns = {
        "path": [*some.images.paths, "test.png"],
        "sha256": [*some.images.ids, "0" * 64],
        "label": [*some.labels.tolist(), 0],
        "split": [*["train"] * count, "test"],
        **{name: [32] * (count + 1) for name in ("height", "width", "bytes")},
        "status": ["ok"] * (count + 1),
        **{name: [""] * (count + 1) for name in ("reason", "flags")},
    }
    return pa.table(columns, SCHEMA)


def shown(root: Path, count: int) -> SearchPhotos:
    """Photos of two kinds in a folder."""
    contents = {f"{number}.png": encoded(number, height=32, width=32) for number in range(count)}
    folder(root, contents)
    rule = config.Image(size=config.Size(height=32, width=32), resize="squash", transform="backbone")
    ids = [sha256(content) for content in contents.values()]
    return SearchPhotos(
        Images(root, list(contents), ids, rule), np.arange(count) % 2, np.arange(count), seed=1
    )


def test_the_recipe() -> None:
    """The head that was chosen first, at its one strength; then what is above the freeze point."""
    some = search_thawed.entry(head(KERAS, np.ones(4, bool), kind="mlp"), "conv_pw_12_relu")
    first, second = some.phases.values()
    assert isinstance(first, SolverPhase)
    assert first.strengths == [0.1]
    assert (second.freeze, second.epochs) == ("conv_pw_12_relu", search_thawed.EPOCHS)
    assert some.network.head.dense
    some = search_thawed.entry(head(KERAS, np.ones(4, bool), end="conv_dw_13_relu"), "conv_pw_12_relu")
    assert not some.network.head.dense


def test_only_photos_of_the_search() -> None:
    """Those that are held out are validation; test photos are none of it."""
    some = photos(10)
    named = SearchPhotos(
        Images(Path(), [f"{number}.png" for number in range(10)], some.images.ids, some.images.rule),
        some.labels, some.groups, 1,
    )  # fmt: skip
    held = np.arange(10) < 3
    found = search_thawed._split(Manifest("", ("a", "b"), table(named)), named, held)
    assert found.split("validation").paths == ["0.png", "1.png", "2.png"]
    assert len(found.split("train").paths) == 7
    assert found.split("test").paths == []


@pytest.mark.parametrize(
    ("right", "better"), [(195, True), (151, False), (140, False)], ids=["better", "by chance", "worse"]
)
def test_better_beyond_chance(right: int, better: bool) -> None:
    """By McNemar's test on the same photos."""
    found = ThawedResult("a", np.arange(200) < right, np.arange(200) < 150, 2)
    assert found.better is better
    assert f"{right / 200:.1%} of the 200 photos" in found.line


def test_left_alone(tmp_path: Path) -> None:
    """ONNX networks cannot be thawed; without time nothing begins."""
    some, whole = photos(10), Manifest("", ("a", "b"), table(photos(10)))
    with pytest.raises(LeftOutError, match="ONNX"):
        search_thawed.tried(searching(tmp_path), head(trunk("net"), np.ones(10, bool)), some, whole)
    with pytest.raises(LeftOutError, match="time"):
        search_thawed.tried(searching(tmp_path, -1), head(KERAS, np.ones(10, bool)), some, whole)


@pytest.mark.slow
@KERAS_COPIES
def test_it_is_judged_on_the_folds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all folds where there is time, beside the frozen one's answers there; an estimate beyond the time stops it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    some = shown(tmp_path / "data", 20)
    whole = Manifest("data", ("a", "b"), table(some))
    one = head(KERAS, np.arange(20) % 3 > 0, end="conv_dw_13_relu")
    found = searching(tmp_path)
    found.opened[KERAS.name] = type("Opened", (), {"milliseconds": 1.0})()  # type: ignore[assignment]
    result = search_thawed.tried(found, one, some, whole)
    assert result.folds == search_rounds.FOLDS
    assert len(result.right) == 20
    assert result.frozen.sum() == (np.arange(20) % 3 > 0).sum()
    assert result.freeze == "conv_pw_12_relu"
    drawn = search_rounds.drawn(some)
    first = (np.arange(20) % 3 > 0)[drawn == drawn.min()]
    assert result.frozen[: len(first)].tolist() == first.tolist()
    found.opened[KERAS.name] = type("Opened", (), {"milliseconds": 1e9})()  # type: ignore[assignment]
    with pytest.raises(LeftOutError, match="would take about"):
        search_thawed.tried(found, one, some, whole)
