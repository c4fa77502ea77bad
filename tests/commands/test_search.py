"""`frostline search`: what is chosen, what is written, and what is never looked at."""

import csv
import io
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from ruamel.yaml import YAML

from frostline import config, paths, tracking
from frostline.commands import search, search_plan
from frostline.config import Classifier, entries
from frostline.datasets import manifest
from frostline.datasets.manifest import Manifest
from frostline.errors import InputError
from frostline.evaluation import history
from frostline.features import extraction
from frostline.stages import evaluate, export, preprocess, train, weights
from frostline.template import onnx_weights
from frostline.tracking.session import session
from frostline.training import phases, search_thawed
from frostline.training.recipe import Recipe
from frostline.training.search_thawed import ThawedResult
from helpers.images import encoded, folder
from helpers.networks import KERAS_COPIES
from helpers.onnx_networks import written
from helpers.params import LENIENT, PRETRAINED, WHOLE, changed
from helpers.servers import sqlite

TAP = {"vector": {"pooling": "none", "prefix_tokens": 0}}
NET = {
    "backbone": "onnx",
    "source": "net.onnx",
    "input": {"channels": "RGB", "scale": 1 / 255, "mean": [0.5] * 3, "std": [0.25] * 3},
    "taps": TAP,
}


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two tiny networks and given splits, preprocessed; it is the current folder."""
    for split, count in (("train", 14), ("validation", 5), ("test", 6)):
        pictures = {
            f"{split}/{name}/{split}-{number}.png": encoded(
                (0 if name == "flat" else 5000) + hash_of(split) + number, height=30 if name == "flat" else 60
            )
            for name in ("flat", "tall")
            for number in range(count)
        }
        folder(tmp_path / "data/shapes", pictures)
    written(tmp_path / "pretrained/net.onnx", size=None)
    written(tmp_path / "pretrained/other.onnx", size=(32, 40), seed=3)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(tmp_path)
    settings = changed(
        WHOLE,
        {
            "weights": {"net": NET},
            "classifiers": {
                "mine": changed(
                    PRETRAINED, {"weights": "net", "network.end_at": None, "network.head.pooling": "flatten"}
                )
            },
            "datasets.shapes.path": "data/shapes",
            "datasets.shapes.audit": LENIENT,
        },
    )
    with Path("params.yaml").open("w", encoding="utf-8") as file:
        file.write("# Mine.\n")
        YAML(typ="safe").dump(settings, file)
    monkeypatch.setattr(search, "STARTED", time.monotonic())
    preprocess.run("shapes")
    sqlite(tmp_path / ".frostline/mlflow")
    return tmp_path


def hash_of(split: str) -> int:
    """Other pictures for each split."""
    return {"train": 0, "validation": 100, "test": 200}[split]


def rows(out: Path) -> list[dict[str, str]]:
    """The table that was written."""
    return list(csv.DictReader((out / "shapes/search.csv").read_text().splitlines()))


def test_what_is_chosen_is_written(tmp_path: Path) -> None:
    """Table, page, picture, JSON, params.yaml with its comments, MLflow: all say the same."""
    out = tmp_path / "out"
    lines = search.run("shapes", minutes=9, sizes="32", out=out)
    record = json.loads((out / "shapes/search.json").read_text())
    name = record["classifiers"]["shapes-search"]
    assert any(line.startswith("chosen: ") and name in line for line in lines)
    assert name in (out / "shapes/search.html").read_text()
    assert (out / "shapes/search.png").read_bytes()[1:4] == b"PNG"
    assert record["photos"] == record["of"] == 38
    assert 0 < record["seconds"]["passing"] < record["seconds"]["all"]
    assert {row["head"] for row in rows(out)} == {"logistic", "lda", "mlp"}
    assert 0 <= record["neighbours"] <= 1
    assert record["curve"]["photos"][-1] == 30
    assert (out / "shapes/learning.png").is_file()
    assert len(rows(out)) == len(record["candidates"])
    assert {row["classifier"] for row in rows(out)} == {
        "net 32",
        *(f"other-{kind} 32x40" for kind in onnx_weights.USUAL),
    }
    text = Path("params.yaml").read_text()
    assert text.startswith("# Mine.\n")
    settings = config.load()
    assert {"mine", "shapes-search"} <= settings.classifiers.keys()
    entry = settings.classifiers["shapes-search"]
    assert f"{entry.weights} " in name
    assert settings.weights[entry.weights].source in {"net.onnx", "other.onnx"}
    with session(tracking.store()) as client:
        runs = client.search_runs([client.get_experiment_by_name("shapes").experiment_id])
    names = {run.info.run_name for run in runs}
    tried = {row["classifier"] for row in rows(out)}
    others = {one for one in tried if one.startswith("other-")}
    assert {"shapes-search: search", "shapes-search: net 32", f"shapes-search: {name}"} <= names
    assert names <= {"shapes-search: search", *(f"shapes-search: {one}" for one in tried)}
    assert len(names & {f"shapes-search: {one}" for one in others}) == 1  # only one input can be right
    search.run("shapes", minutes=9, sizes="32", out=out)  # what a search wrote, the next one writes anew
    text = Path("params.yaml").read_text()
    assert text.startswith("# Mine.\n")
    assert text.count("\n  shapes-search:\n") == 1
    assert config.load().classifiers["mine"] == settings.classifiers["mine"]


FIGURES = ("classifier", "head", "strength", "accuracy", "loss", "photos")


def test_test_photos_are_not_read(tmp_path: Path) -> None:
    """Their files may be gone and their labels others: the same candidates with the same figures."""
    search.run("shapes", minutes=9, sizes="32", out=tmp_path / "one")
    shutil.rmtree("data/shapes/test")
    path = paths.dataset("shapes") / "manifest.parquet"
    whole = manifest.read(path)
    tested = np.array([split == "test" for split in whole.table["split"].to_pylist()])
    labels = np.where(tested, 1 - whole.table["label"].to_numpy(), whole.table["label"].to_numpy())
    at = whole.table.schema.get_field_index("label")
    swapped = whole.table.set_column(at, "label", pa.array(labels, pa.int32()))
    manifest.write(Manifest(whole.root, whole.classes, swapped), path)
    shutil.rmtree(paths.cache() / "features")
    search.run("shapes", minutes=9, sizes="32", out=tmp_path / "two")
    one, two = (
        # Heads of the other kinds stand on the best networks, of equals on the faster ones, as measured.
        [[row[name] for name in FIGURES] for row in rows(tmp_path / folder) if row["head"] == "logistic"]
        for folder in ("one", "two")
    )
    assert len(one) > 5
    assert one == two


def test_a_guess_gives_way_to_what_fits(root: Path, tmp_path: Path) -> None:
    """An entry as `init` writes it where a file does not say its input: the description that fits takes its place."""
    network = onnx_weights.read(root / "pretrained/other.onnx")
    text = onnx_weights.entry("other", "other.onnx", network)
    Path("params.yaml").write_text(entries.added(Path("params.yaml").read_text(), "weights", text))
    lines = search.run("shapes", minutes=9, sizes="32", out=tmp_path / "out", guessed="other")
    tried = [row for row in rows(tmp_path / "out") if row["classifier"].startswith("other")]
    names = {row["classifier"] for row in tried}
    assert names == {"other 32x40", "other-symmetric 32x40", "other-raw 32x40"}
    linear = [row for row in tried if row["head"] == "logistic"]
    best = min(linear, key=lambda row: float(row["loss"]))["classifier"].removesuffix(" 32x40")
    kind = best.removeprefix("other").removeprefix("-") or "torchvision"
    settings = config.load()
    assert settings.weights.keys() == {"net", "other"}
    found = settings.weights["other"]
    assert isinstance(found, config.OnnxWeights)
    assert found.input.mean == onnx_weights.USUAL[kind].mean
    assert found.input.scale == pytest.approx(onnx_weights.USUAL[kind].scale)
    assert settings.classifiers["shapes-search"].weights in {"net", "other"}
    assert any("weights.other takes" in line for line in lines) == (kind != "torchvision")


def test_a_second_search_computes_nothing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was extracted stays, also where the search was killed; new photos alone pass the trunks."""
    search.run("shapes", minutes=9, sizes="32", trunks="net", out=tmp_path / "one")
    passed: list[int] = []
    real = extraction._computed

    def counted(blocks: Any, ids: Any, unreadable: Any) -> Any:
        passed.append(len(ids))
        return real(blocks, ids, unreadable)

    monkeypatch.setattr(extraction, "_computed", counted)
    search.run("shapes", minutes=9, sizes="32", trunks="net", out=tmp_path / "two")
    assert passed == []
    folder(root / "data/shapes", {"train/flat/new.png": encoded(777)})
    preprocess.run("shapes")
    search.run("shapes", minutes=9, sizes="32", trunks="net", out=tmp_path / "three")
    assert passed == [1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trunks": "nett"}, "net"),
        ({"sizes": "big"}, "--sizes"),
        ({"max_mb": 1e-9, "sizes": "32"}, "MB"),
        ({"max_ms": 1e-9, "sizes": "32"}, "ms per image"),
    ],
)
def test_nothing_to_search(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    """One line says why; params.yaml is as it was."""
    before = Path("params.yaml").read_text()
    with pytest.raises(InputError, match=message):
        search.run("shapes", minutes=9, out=tmp_path / "out", **options)
    assert Path("params.yaml").read_text() == before
    assert not (tmp_path / "out").exists()


def test_copies_lie_in_one_group(root: Path) -> None:
    """A photo saved twice as JPEG is no second piece of evidence."""
    photo = encoded(4242, kind="png", height=120, width=160)
    buffer = io.BytesIO()
    Image.open(io.BytesIO(photo)).resize((150, 112)).save(buffer, "JPEG", quality=80)
    folder(root / "data/shapes", {"train/flat/a.png": photo, "train/flat/b.jpg": buffer.getvalue()})
    preprocess.run("shapes")
    seen = search_plan.look("shapes", config.load())
    places = {name: row for row, name in enumerate(seen.photos.images.paths)}
    groups = seen.photos.groups
    assert groups[places["train/flat/a.png"]] == groups[places["train/flat/b.jpg"]]
    assert len(set(groups.tolist())) == len(groups) - 1


def test_groups_of_a_table_are_one_cluster(root: Path) -> None:
    """Photos of one patient are no independent evidence, and lie in one fold."""
    names = sorted(path.relative_to(root / "data/shapes") for path in (root / "data/shapes").rglob("*.png"))
    lines = [
        f"{name},{name.parts[1]},{name.parts[0]},{name.parts[0]}-{name.parts[1]}-{number // 2}"
        for number, name in enumerate(names)
    ]
    (root / "data/shapes/labels.csv").write_text("\n".join(["path,label,split,group", *lines]) + "\n")
    preprocess.run("shapes")
    seen = search_plan.look("shapes", config.load())
    counts = np.bincount(seen.photos.groups)
    assert len(seen.photos.labels) == 38
    assert counts.max() == 2
    assert len(counts) < 25


@pytest.mark.slow
@KERAS_COPIES
def test_what_was_thawed_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its entry is the recipe that was judged; every stage runs from it, and MLflow has it beside the frozen ones."""
    monkeypatch.setattr(ThawedResult, "better", property(lambda _: True))
    judged: list[Classifier] = []
    trial = phases.trial

    def watched(inputs: Recipe, *rest: Any) -> Any:
        judged.append(inputs.entry)
        return trial(inputs, *rest)

    monkeypatch.setattr(phases, "trial", watched)
    options = {"sizes": "32", "trunks": "mobilenet-random", "out": tmp_path / "out"}
    settings = YAML(typ="safe").load(Path("params.yaml"))
    settings["weights"]["mobilenet-random"] = {"backbone": "mobilenet", "source": "random"}
    with Path("params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(settings, file)
    lines = search.run("shapes", minutes=30, include_thawed=True, **options)
    assert any("written as shapes-search-thawed" in line for line in lines)
    name, written_ = "shapes-search-thawed", config.load().classifiers["shapes-search-thawed"]
    for part in ("image", "network", "phases"):
        assert getattr(written_, part) == getattr(judged[-1], part)
    weights.run("mobilenet-random")
    train.run(name, live=tracking.live)
    evaluate.run(name)
    export.run(name)
    epochs = history.read(paths.classifier(name) / "history.csv", made_by="train")
    assert epochs.phases.count("thaw") == search_thawed.EPOCHS
    with session(tracking.store()) as client:
        runs = client.search_runs([client.get_experiment_by_name("shapes").experiment_id])
    (child,) = [run for run in runs if "thawed above" in run.info.run_name]
    assert child.data.params["folds"] == "5"
    assert {"val_accuracy", "val_accuracy_frozen", "p_value"} <= child.data.metrics.keys()
