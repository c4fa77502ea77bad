"""From weights to comparison: real trainings of tiny classifiers, their outputs, and the same again."""

import functools
import json
import os
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest
from onnx import numpy_helper
from ruamel.yaml import YAML

from frostline import config, files, images, tracking
from frostline.datasets import manifest
from frostline.datasets.source import open_source
from frostline.errors import FrostlineError, InputError
from frostline.evaluation import history, predictions, unlike_training
from frostline.models import backbones
from frostline.pipeline import code_digest, code_file
from frostline.runtime import conversion, parts, sessions, variants
from frostline.scoring import drift_baseline, drift_stats
from frostline.stages import compare, evaluate, export, preprocess, train, weights
from frostline.training import recipe
from helpers.images import archive, classes
from helpers.networks import KERAS_COPIES
from helpers.params import CNN, LENIENT, PRETRAINED, WHOLE, changed

pytestmark = KERAS_COPIES

THAW = {"freeze": "conv_pw_1_relu", "epochs": 1, "batch_size": 5, "optimizer": "sgd", "learning_rate": 0.001}
VIEWS = {
    "rotation": 20.0, "width_shift": 0.1, "height_shift": 0.1, "shear": 5.0, "zoom": 0.1,
    "horizontal_flip": True, "views": 2,
}  # fmt: skip
ENTRIES = {
    "cnn": CNN,
    "thawed": changed(PRETRAINED, {"phases.thaw": THAW}),
    "viewed": changed(
        PRETRAINED,
        {
            "augmentation": VIEWS,
            "image.transform": "rescale",
            "image.resize": "pad",
            "network.head.pooling": "max",
            "network.head.dense": {"wide": 7},
            "network.head.dropout": 0.1,
            "phases.head.epochs": 3,
        },
    ),
}
NAMES = tuple(ENTRIES)
COUNTS = {"circle": 15, "square": 14, "étoile": 13}
SETTINGS = changed(
    WHOLE, {"classifiers": ENTRIES, "datasets.shapes.audit": LENIENT}
)  # fmt: skip
TRAINED = {
    "trained.weights.h5", "history.csv", "predictions.parquet", "record.json", "explanations.npz", "neighbours.json",
    "unknown.parquet",
}  # fmt: skip
REPORTED = {
    "report.html",
    "coverage.csv",
    "reliability.csv",
    "sets.csv",
    "slices.csv",
}  # thresholds: of two classes


def settle(values: dict[str, Any] = SETTINGS, *, root: Path = Path()) -> None:
    """Write params.yaml, into the current folder or another."""
    with (root / "params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(values, file)


def new_project(root: Path) -> Path:
    """A folder with params, an archive of photos (one broken), and no more."""
    archive(root / "data/shapes.zip", {**classes(COUNTS), "circle/broken.png": b"\x89PNG and no more"})
    (root / "dvc.yaml").write_text("stages: {}\n")
    return root


def outputs(root: Path = Path()) -> dict[str, str]:
    """Hashes of all stage outputs by path."""
    tops = ("artifacts", "metrics", "plots", "reports")
    found = [path for top in tops for path in (root / top).rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): files.sha256_file(path) for path in found}


def trained(root: Path = Path()) -> dict[str, str]:
    """Hashes of what train and export leave."""
    return {
        path: found
        for path, found in outputs(root).items()
        if path.startswith(("artifacts/classifiers", "artifacts/models"))
    }


def fit(*names: str) -> None:
    """Train and export classifiers of the current project."""
    for name in names:
        train.run(name, live=tracking.live)
        export.run(name)


STORED: dict[str, dict[str, list[int]]] = {}  # what each classifier's first training and export brought


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project that every stage has run in, once, in this process; it is the current folder."""
    root = new_project(tmp_path_factory.mktemp("project"))
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("MLFLOW_", "DVC_", "FROSTLINE_"))]:
            patch.delenv(name)
        patch.chdir(root)
        settle()
        for name in SETTINGS["weights"]:
            weights.run(name)
        preprocess.run("shapes")
        for name in NAMES:
            before = stores()
            fit(name)
            STORED[name] = stored_rows(stores() - before)
        for name in NAMES:
            evaluate.run(name)
        compare.run()
        yield root


@pytest.fixture(autouse=True)
def settled(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test writes into params.yaml, the next one finds the first again."""
    root = request.getfixturevalue("project") if "project" in request.fixturenames else None
    yield
    if root:  # by name: a run that is interrupted may have left the folder already
        settle(root=root)


def record(name: str) -> dict[str, Any]:
    """train's record."""
    return json.loads(Path(f"artifacts/classifiers/{name}/record.json").read_text())


def said(name: str) -> predictions.Predictions:
    """train's predictions."""
    return predictions.read(Path(f"artifacts/classifiers/{name}/predictions.parquet"), made_by="train")


def images_of(name: str = "shapes") -> manifest.Manifest:
    """preprocess' manifest."""
    return manifest.read(Path(f"artifacts/datasets/{name}/manifest.parquet"))


@pytest.mark.usefixtures("project")
def test_outputs_are_these_files_and_no_others() -> None:
    """Every stage leaves what it says, and nothing half-written or left over."""
    expected = {"artifacts/weights/scratch/source.json"}
    expected |= {
        f"artifacts/weights/mobilenet-random/{file}" for file in ("source.json", "backbone.weights.h5")
    }
    expected |= {f"artifacts/datasets/shapes/{file}" for file in ("manifest.parquet", "summary.json")}
    for name in NAMES:
        expected |= {f"artifacts/classifiers/{name}/{file}" for file in TRAINED}
        exported = {"model.onnx", "agreement.json", "answers.json"} | (
            set() if name == "cnn" else {"trunk.onnx", "head.onnx"}
        )
        expected |= {f"artifacts/models/{name}/{file}" for file in exported}
        expected |= {
            f"plots/{name}/{kind}.{end}" for kind in ("confusion", "curves") for end in ("csv", "png")
        }
        expected |= {f"plots/{name}/mistakes.png", f"plots/{name}/classes.csv"}
        expected |= {f"metrics/{name}.json", f"metrics/headline/{name}.json"}
        expected |= {f"plots/{name}/{plot}.png" for plot in ("abstaining", "ranking", "reliability")}
        expected |= {f"reports/classifiers/{name}/{file}" for file in REPORTED}
        if name != "cnn":  # nothing of it is frozen
            expected |= {f"reports/classifiers/{name}/unknown.{end}" for end in ("csv", "png")}
    # Labels can be doubted where the trunk is wholly frozen.
    expected |= {
        "artifacts/classifiers/viewed/out_of_fold.parquet",
        "reports/classifiers/viewed/label_issues.csv",
    }
    expected |= {f"reports/comparison/comparison.{end}" for end in ("json", "md", "png", "txt")}
    expected |= {"reports/comparison/report.html", "reports/data/shapes.html"}
    assert outputs().keys() == expected


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", NAMES)
def test_record(name: str) -> None:
    """All that the training was: keys, recipe as written, data and weights by content, no time or place."""
    found = record(name)
    assert found.keys() == {
        "key", "classifier", "dataset", "dataset_digest", "classes", "weights", "recipe", "code", "packages",
        "parameters",
    }  # fmt: skip
    assert len(found["key"]) == len(found["code"]) == 64
    plain = config.load().classifiers[name].model_dump()
    assert plain.pop("variants") is None, "variants of the exported model are no part of a training"
    assert found["recipe"] == {"seed": 11, **plain}
    assert found["dataset_digest"] == images_of().digest
    assert found["classes"] == ["circle", "square", "étoile"] == list(images_of().classes)
    source = Path(f"artifacts/weights/{ENTRIES[name]['weights']}/source.json")
    assert found["weights"] == json.loads(source.read_text())
    assert (found["weights"]["sha256"] is None) == (name == "cnn")
    assert found["packages"].items() >= code_digest.stage("train")["packages"].items()
    assert found["code"] == code_digest.stage("train")["code"]
    text = json.dumps(found)
    assert str(Path.cwd()) not in text
    assert os.uname().nodename not in text.split('"')


# cnn: convolutions 3*3*3*4+4 and 5*5*4*6+6; 480 features (8 x 10 x 6) into 8, 8 into 3.
CNN_COUNT = 112 + 606 + (480 * 8 + 8) + (8 * 3 + 3)
# MobileNet up to conv_pw_2_relu: convolutions, and four numbers a channel for each normalisation.
STEM = 3 * 3 * 3 * 32 + 4 * 32
FIRST = 3 * 3 * 32 + 4 * 32 + 32 * 64 + 4 * 64
SECOND = 3 * 3 * 64 + 4 * 64 + 64 * 128 + 4 * 128
THAWED = 3 * 3 * 64 + 64 * 128  # of SECOND, the convolutions: batch normalisation stays frozen


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("name", "trainable", "frozen", "constants"),
    [
        ("cnn", CNN_COUNT, 0, 0),
        ("thawed", 128 * 3 + 3 + THAWED, STEM + FIRST + SECOND - THAWED, 2 * 128),
        ("viewed", 128 * 7 + 7 + 7 * 3 + 3, STEM + FIRST + SECOND, 2 * 128),
    ],
)
def test_parameters(name: str, trainable: int, frozen: int, constants: int) -> None:
    """Counts of parameters, with the arithmetic shown."""
    expected = {"trainable": trainable, "frozen": frozen, "constants": constants}
    assert record(name)["parameters"] == expected


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", NAMES)
def test_every_image_is_predicted_once(name: str) -> None:
    """Train, validation and test rows in manifest order; the quarantined image has none."""
    found, expected = said(name), images_of()
    parts = [expected.split(split) for split in ("train", "validation", "test")]
    assert list(found.paths) == [path for part in parts for path in part.paths]
    assert list(found.ids) == [each for part in parts for each in part.ids]
    np.testing.assert_array_equal(found.labels, np.concatenate([part.labels for part in parts]))
    assert len(found) == sum(COUNTS.values())
    assert "circle/broken.png" not in found.paths
    assert found.classes == expected.classes
    assert len(np.unique(found.probs, axis=0)) > 10  # images are distinguished


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("name", "phases"),
    [("cnn", ("all", "all")), ("thawed", ("head", "head", "thaw")), ("viewed", ("head", "head", "head"))],
)
def test_history(name: str, phases: tuple[str, ...]) -> None:
    """One row an epoch through all phases, finite figures, accuracies that are counts of images."""
    found = history.read(Path(f"artifacts/classifiers/{name}/history.csv"), made_by="train")
    assert found.phases == phases
    assert np.isfinite([found.loss, found.val_loss]).all()
    sizes = {split: len(images_of().split(split).paths) for split in ("train", "validation")}
    for accuracy, size in ((found.accuracy, sizes["train"]), (found.val_accuracy, sizes["validation"])):
        counts = accuracy * size
        np.testing.assert_allclose(counts, np.round(counts), atol=1e-4)
    assert len(set(found.loss)) == len(phases)
    last = np.log(said(name).split("validation").probs)
    labels = said(name).split("validation").labels
    np.testing.assert_allclose(
        found.val_loss[-1], -last[np.arange(len(labels)), labels].mean(), rtol=1e-4
    )  # fmt: skip


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", NAMES)
def test_the_model_says_what_was_predicted(name: str) -> None:
    """The exported file, given every image from the archive, repeats train's predictions."""
    folder = Path(f"artifacts/models/{name}")
    session = sessions.open_session(folder / "model.onnx", device="cpu")
    promised = session.contract
    assert (promised.classifier, promised.classes) == (name, images_of().classes)
    assert (promised.height, promised.width, promised.resize) == (32, 40, ENTRIES[name]["image"]["resize"])
    assert (promised.dataset, promised.weights.source) == (
        images_of().digest,
        record(name)["weights"]["source"],
    )
    assert promised.recipe == files.digest(record(name)["recipe"])
    with open_source(Path("data/shapes.zip")) as source:
        pixels = [
            images.decode(source.read(path), height=32, width=40, resize=promised.resize)
            for path in said(name).paths
        ]
    outputs = session.run(np.stack(pixels))
    np.testing.assert_allclose(outputs["probs"], said(name).probs, atol=1e-5)
    _same_unknown(name, outputs.get("unknown"))
    proof = json.loads((folder / "agreement.json").read_text())
    assert proof["key"] == record(name)["key"]
    assert proof["model"] == files.sha256_file(folder / "model.onnx") == session.sha256
    assert proof["images"] == sum(COUNTS.values())  # fewer than 64, so all of them
    assert proof["features"] == (0 if name == "cnn" else sum(COUNTS.values()))
    assert 0 <= max(proof["image_difference"], proof["feature_difference"]) <= proof["tolerance"]
    if name != "cnn":
        assert proof["parts_difference"] <= parts.TOLERANCE
        assert all(proof[part] == files.sha256_file(folder / f"{part}.onnx") for part in ("trunk", "head"))


def _same_unknown(name: str, found: np.ndarray | None) -> None:
    """What train leaves of the test images is what the exported file says of them: a rank may be off by one, where two
    similarities are equal but for rounding.
    """
    every = said(name)
    tested = every.split("test")
    left = unlike_training.read(
        Path(f"artifacts/classifiers/{name}/unknown.parquet"), tested, made_by="train"
    )
    assert (left is None) == (found is None) == (name == "cnn")
    if left is not None and found is not None:
        compared = json.loads(Path(f"artifacts/models/{name}/answers.json").read_text())["unknown"]["images"]
        rows = [every.paths.index(path) for path in tested.paths]
        np.testing.assert_allclose(found[rows], left, atol=1.01 / (compared + 1))
        assert len(set(left.tolist())) > 1


@pytest.mark.usefixtures("project")
def test_another_head_measures_no_test_image_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Brightness and sharpness are kept by content."""
    model = Path("artifacts/models/cnn/model.onnx")
    before = model.read_bytes()
    monkeypatch.setattr(drift_stats, "pixel_stats", lambda _: pytest.fail("measured again"))
    export.run("cnn")
    assert model.read_bytes() == before


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", NAMES)
def test_the_model_carries_how_its_test_images_were(name: str) -> None:
    """Counted from the archive by what scores: the same bins, but for a last digit of a feature at an edge."""
    session = sessions.open_session(
        Path(f"artifacts/models/{name}/model.onnx"), device="cpu", features=name != "cnn"
    )
    kept = drift_baseline.from_json(session.metadata[drift_baseline.KEY])
    tested = said(name).split("test")
    measured, probs, embedding = [], [], []
    with open_source(Path("data/shapes.zip")) as source:
        for path in tested.paths:
            content = source.read(path)
            pixels = images.decode(content, height=32, width=40, resize=session.contract.resize)
            measured.append(drift_stats.image_stats(content, pixels))
            outputs = session.run(pixels[None])
            probs.append(outputs["probs"][0])
            embedding.append(outputs.get("features"))
    found = kept.count(
        drift_stats.sample(
            probs=np.stack(probs),
            stats={
                key: np.array([one[key] for one in measured], np.float32) for key in drift_stats.IMAGE_STATS
            },
            embedding=None if name == "cnn" else drift_stats.project(np.concatenate(embedding)),
        )
    )
    assert kept.images == len(tested)
    assert (
        found.keys()
        == kept.histograms.keys()
        == drift_baseline.INDICES.keys() - ({"embedding"} if name == "cnn" else set())
    )
    for question, some in found.items():
        for counts, histogram in zip(some, kept.histograms[question], strict=True):
            moved = np.abs(counts - np.array(histogram.counts)).sum()
            assert moved <= (4 if question in {"embedding", "confidence"} else 0), question


@pytest.mark.usefixtures("project")
def test_keys_are_different() -> None:
    """Three recipes, three keys; what a classifier is called is part of its own."""
    assert len({record(name)["key"] for name in NAMES}) == 3


@pytest.mark.usefixtures("project")
def test_random_weights_say_so() -> None:
    """Beside the number, wherever one is shown; a network from scratch has no such remark."""
    notes = {name: json.loads(Path(f"metrics/{name}.json").read_text())["note"] for name in NAMES}
    smoke = "random weights: smoke test only"
    assert notes == {"cnn": "", "thawed": smoke, "viewed": smoke}
    assert smoke in Path("reports/comparison/comparison.md").read_text()


def stores() -> set[Path]:
    """The stores of rows in the project's cache."""
    return {key.parent for key in Path(".frostline/cache").glob("*/*/key.json")}


def stored_rows(places: set[Path]) -> dict[str, list[int]]:
    """Rows in each of some stores, by kind."""
    found: dict[str, list[int]] = {}
    for place in sorted(places):
        shards = [pa.ipc.open_file(path.read_bytes()).read_all() for path in place.glob("*.arrow")]
        found.setdefault(place.parent.name, []).append(sum(map(len, shards)))
    return found


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("cnn", []),
        # The whole body's features, which only fitting reads, and those at the second phase's cut.
        ("thawed", [("train", "validation"), ("train", "validation", "test")]),
        # Epochs 1 and 3 show each image as it is, epoch 2 a rendering: two views, one of them all predictions'.
        ("viewed", [("train", "train", "validation", "test")]),
    ],
)
def test_each_row_is_computed_once(name: str, features: list[tuple[str, ...]]) -> None:
    """What training and export brought into a cache that had none of theirs."""
    sizes = {split: len(images_of().split(split).paths) for split in ("train", "validation", "test")}
    rows = STORED[name]
    assert sorted(rows.get("features", [])) == sorted(
        sum(sizes[split] for split in splits) for splits in features
    )
    assert rows["pixels"] == [sum(COUNTS.values())]  # for training, or for the proof of the export


@pytest.mark.usefixtures("project")
def test_warm_cache_in_the_same_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained and exported again from the cache alone: nothing is decoded, and all bytes are the same."""
    before = trained()

    def decode(*_: Any, **__: Any) -> Any:
        raise AssertionError("an image was decoded although its row is stored")

    monkeypatch.setattr(images, "decode", decode)
    fit(*NAMES)
    assert trained() == before


@pytest.mark.usefixtures("project")
def test_a_head_on_a_converted_trunk_is_exported_without_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second export of a frozen Keras network neither builds it nor runs its trunk, to the same bytes."""
    before = trained()
    monkeypatch.setattr(recipe, "load_trained", lambda *_: pytest.fail("the network was built"))
    monkeypatch.setattr(parts, "_computed", lambda *_: pytest.fail("the trunk was run"))
    export.run("viewed")
    assert trained() == before


SCRIPT = """
import sys
from frostline import tracking
from frostline.stages import export, train
for name in sys.argv[1:]:
    train.run(name, live=tracking.live)
    export.run(name)
"""


@pytest.mark.slow
def test_cold_cache_in_another_process(project: Path, tmp_path: Path) -> None:
    """Another process, place, hash seed and time zone: the same bytes; test_two_places_one_lock thaws there too."""
    names = ("cnn", "viewed")
    copy = tmp_path / "copy"
    for part in ("data", "artifacts/weights", "artifacts/datasets"):
        shutil.copytree(project / part, copy / part)
    for file in ("params.yaml", "dvc.yaml"):
        shutil.copyfile(project / file, copy / file)
    env = {**os.environ, "PYTHONHASHSEED": "99", "TZ": "America/Lima"}
    subprocess.run([sys.executable, "-c", SCRIPT, *names], cwd=copy, env=env, check=True, capture_output=True)
    expected = {path: found for path, found in trained(project).items() if path.split("/")[2] in names}
    assert trained(copy) == expected
    assert {path.split("/")[2] for path in expected} == set(names)
    assert (copy / ".frostline/cache/features").is_dir()


@pytest.mark.usefixtures("project")
def test_another_seed_is_another_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The seed reaches initial weights, order and key; the cache, whose rows do not depend on it, serves both."""
    shutil.copytree(Path.cwd(), tmp_path / "other", ignore=shutil.ignore_patterns(".frostline"))
    monkeypatch.setenv("FROSTLINE_CACHE", str(Path.cwd() / ".frostline/cache"))
    first = said("cnn").probs
    key = record("cnn")["key"]
    monkeypatch.chdir(tmp_path / "other")
    settle(changed(SETTINGS, {"seed": 12}))
    train.run("cnn", live=tracking.live)
    assert np.abs(said("cnn").probs - first).max() > 1e-3
    assert record("cnn")["key"] != key


def perturbed(model: bytes) -> bytes:
    """The model with one element of its largest weight moved."""
    made = onnx.load_from_string(model)
    tensor = max(made.graph.initializer, key=lambda each: np.prod(each.dims))
    values = numpy_helper.to_array(tensor).copy()
    values.flat[np.abs(values).argmax()] *= -3
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return bytes(made.SerializeToString())


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", NAMES)
def test_export_refuses_a_model_that_disagrees(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One weight moved in the ONNX file: an error, and no file under the model's name."""
    folder = Path(f"artifacts/models/{name}")
    kept = shutil.move(folder, tmp_path / "kept")
    for way in ("convert", "on_trunk"):  # the second where the trunk's file is known
        real = getattr(conversion, way)
        monkeypatch.setattr(conversion, way, lambda *args, real=real, **kw: perturbed(real(*args, **kw)))
    with pytest.raises(FrostlineError, match="the exported model disagrees with the trained network"):
        export.run(name)
    assert not folder.exists() or not list(folder.iterdir())
    shutil.rmtree(folder, ignore_errors=True)
    shutil.move(kept, folder)


@pytest.mark.usefixtures("project")
def test_export_makes_the_variants_that_are_named(tmp_path: Path) -> None:
    """Files beside the model, what each costs on the test split, and the model itself unchanged.

    Not of `viewed`: maxima of noise are some of them so nearly constant that float16 cannot tell them apart.
    """
    folder = Path("artifacts/models/thawed")
    shutil.copytree(folder, tmp_path / "kept")
    settle(changed(SETTINGS, {"classifiers.thawed.variants": {"float16": 100.0, "int8": 100.0}}))
    export.run("thawed")
    names = {"model.onnx", "trunk.onnx", "head.onnx", "agreement.json", "answers.json"}
    names |= {"model.float16.onnx", "model.int8.onnx", "variants.json"}
    assert {path.name for path in folder.iterdir()} == names
    assert (folder / "model.onnx").read_bytes() == (tmp_path / "kept/model.onnx").read_bytes()
    costs = json.loads((folder / "variants.json").read_text())
    tested = said("thawed").split("test")
    for precision, cost in costs.items():
        session = sessions.open_session(folder / "model.onnx", device="cpu", precision=precision)
        assert cost["model"] == session.sha256
        assert cost["images"] == len(tested)
        assert cost["points"] == pytest.approx(
            100 * (cost["only_exact"] - cost["only_variant"]) / len(tested), abs=1e-5
        )
    assert costs["float16"]["largest_difference"] < 0.01
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "kept", folder)


@pytest.mark.usefixtures("project")
def test_export_refuses_a_variant_that_costs_too_much(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Beyond its limit there is no file, and the line says what was lost, on how many images, and what to do."""
    shutil.copytree("artifacts/models/thawed", tmp_path / "kept")
    settle(changed(SETTINGS, {"classifiers.thawed.variants": {"int8": 0.5}}))
    cost = variants.Loss(9, 11.1, only_exact=2, only_variant=1, agree=0.6, largest_difference=0.4)
    monkeypatch.setattr(variants, "compared", lambda *_: cost)
    with pytest.raises(
        FrostlineError, match=r"in int8 the model loses 11.1 points of accuracy on 9 test images"
    ):
        export.run("thawed")
    assert not list(Path("artifacts/models/thawed").glob("*int8*"))
    shutil.rmtree("artifacts/models/thawed")
    shutil.copytree(tmp_path / "kept", "artifacts/models/thawed")


@pytest.mark.usefixtures("project")
def test_export_refuses_weights_of_another_network(tmp_path: Path) -> None:
    """A trained file that does not fit is one line, not a half-loaded network."""
    file = Path("artifacts/classifiers/thawed/trained.weights.h5")
    kept = shutil.move(file, tmp_path / "kept.h5")
    shutil.copyfile("artifacts/classifiers/cnn/trained.weights.h5", file)
    warnings.simplefilter("ignore")  # as the command line does
    with pytest.raises(
        FrostlineError, match=r"thawed/trained\.weights\.h5 does not fit the network"
    ) as caught:
        export.run("thawed")
    assert "\n" not in str(caught.value)
    file.unlink()
    with pytest.raises(FrostlineError, match=r"is missing; run `dvc repro train@thawed`"):
        export.run("thawed")
    shutil.move(kept, file)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("content", ["[]", "null", '{"kee": 1}'])
def test_export_refuses_a_damaged_record(content: str) -> None:
    """JSON that is no record is one line that names its stage, before any work."""
    file = Path("artifacts/classifiers/cnn/record.json")
    kept = file.read_bytes()
    file.write_text(content)
    try:
        with pytest.raises(FrostlineError, match=r"record\.json lacks key; run `dvc repro train@cnn` again$"):
            export.run("cnn")
    finally:
        file.write_bytes(kept)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"phases.thaw.freeze": "conv_pw_9_relu"},
            r"no layer 'conv_pw_9_relu' in body; near: conv_pw_\d_relu, ",
        ),
        (
            {"network.end_at": "conv_pw_99_relu"},
            r"no layer 'conv_pw_99_relu' in \S+; near: conv_pw_\d+_relu, ",
        ),
        (
            {"phases.head.freeze": "conv_pw_1_relu", "phases.thaw.freeze": "all"},
            r"phases\.thaw\.freeze: 'all' freezes layers that the phase before trains",
        ),
        (
            {"phases.head.freeze": "none", "phases.thaw.freeze": "conv1_relu"},
            r"phases\.thaw\.freeze: 'conv1_relu' freezes layers that the phase before trains",
        ),
        ({"image.size.height": 31}, r"mobilenet needs images of at least 32x32 pixels, not 31x40"),
        ({"dataset": "shape"}, r"classifiers\.thawed\.dataset: no dataset 'shape'; did you mean 'shapes'"),
    ],
)
def test_recipes_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    """One line with the key or the nearest names, before anything is computed or overwritten; export reads as train."""
    before = trained()
    settle(changed(SETTINGS, {f"classifiers.thawed.{key}": value for key, value in changes.items()}))
    for export_too in (False, True)[: 1 + ("network.end_at" in changes)]:
        with pytest.raises(InputError, match=message) as caught:
            export.run("thawed") if export_too else train.run("thawed", live=tracking.live)
        assert "\n" not in str(caught.value)
    assert trained() == before


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("verb", "name", "message"),
    [
        (
            lambda name: train.run(name, live=tracking.live),
            "cn",
            "no classifier named 'cn'.*did you mean 'cnn'",
        ),
        (export.run, "thawd", "no classifier named 'thawd'.*did you mean 'thawed'"),
        (weights.run, "scrach", "no weights named 'scrach'.*did you mean 'scratch'"),
        (preprocess.run, "shape", "no dataset named 'shape'.*did you mean 'shapes'"),
    ],
)
def test_unknown_names(verb: Any, name: str, message: str) -> None:
    """The nearest known name is in the line."""
    with pytest.raises(InputError, match=message):
        verb(name)


@pytest.mark.usefixtures("project")
def test_a_photo_that_changed_since_preprocess(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes are checked as they are read: no row under the wrong content."""
    kept = shutil.copyfile("data/shapes.zip", tmp_path / "kept.zip")
    other = {
        **classes(COUNTS),
        "circle/broken.png": b"",
        "square/square-3.png": classes({"x": 1})["x/x-0.png"],
    }
    archive(Path("data/shapes.zip"), other)
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(
        FrostlineError, match=r"square/square-3\.png has changed since preprocess; run `dvc repro`"
    ):
        train.run("cnn", live=tracking.live)
    shutil.move(kept, "data/shapes.zip")


BUILT = functools.cache(backbones.build)  # what no file fits need not be built for each


def rewritten(source: str, *, backbone: str = "mobilenet") -> None:
    """params.yaml with a weights entry `mine` of this source."""
    settle(changed(SETTINGS, {"weights.mine": {"backbone": backbone, "source": source}}))


@pytest.mark.usefixtures("project")
def test_weights_from_a_file() -> None:
    """A file in pretrained/ comes through with every value, under its own checksum."""
    file = Path("artifacts/weights/mobilenet-random/backbone.weights.h5")
    Path("pretrained").mkdir(exist_ok=True)
    shutil.copyfile(file, "pretrained/good.weights.h5")
    rewritten("good.weights.h5")
    weights.run("mine")
    made = Path("artifacts/weights/mine")
    source = json.loads((made / "source.json").read_text())
    assert source == {
        "name": "mine", "backbone": "mobilenet", "source": "good.weights.h5",
        "sha256": files.sha256_file(made / "backbone.weights.h5"),
    }  # fmt: skip
    assert source["sha256"] == files.sha256_file(file)  # the same values, the same bytes
    shutil.rmtree(made)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("file", "content", "backbone", "message"),
    [
        ("none.h5", None, "mobilenet", r"pretrained/none\.h5 is missing; put or link the weights file there"),
        (
            "junk.weights.h5",
            b"garbage" * 99,
            "mobilenet",
            r"pretrained/junk\.weights\.h5 does not hold weights of",
        ),
        (
            "junk.h5",
            b"<!DOCTYPE html>",
            "mobilenet",
            r"pretrained/junk\.h5 does not hold weights of mobilenet",
        ),
        ("empty.h5", b"", "mobilenet", r"pretrained/empty\.h5 does not hold weights of mobilenet"),
        ("junk.bin", b"garbage", "mobilenet", r"pretrained/junk\.bin does not hold weights of mobilenet"),
        ("half.weights.h5", "half", "mobilenet", r"does not hold weights of mobilenet"),
        (
            "other.weights.h5",
            "whole",
            "mobilenetv2",
            r"other\.weights\.h5 does not hold weights of mobilenetv2",
        ),
    ],
)
def test_weights_files_that_do_not_fit(
    file: str, content: Any, backbone: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing, damaged, or of another backbone: one line naming the file, and no output."""
    monkeypatch.setattr(backbones, "build", BUILT)
    real = Path("artifacts/weights/mobilenet-random/backbone.weights.h5").read_bytes()
    content = {"half": real[: len(real) // 2], "whole": real}.get(content, content)  # type: ignore[arg-type]
    Path("pretrained").mkdir(exist_ok=True)
    if content is not None:
        (Path("pretrained") / file).write_bytes(content)
    rewritten(file, backbone=backbone)
    warnings.simplefilter("ignore")  # as the command line does
    with pytest.raises(InputError, match=message) as caught:
        weights.run("mine")
    assert "\n" not in str(caught.value)
    assert not list(Path("artifacts/weights").glob("mine/*"))


@pytest.mark.usefixtures("project")
def test_random_weights_depend_on_the_seed_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes whatever was drawn before; another seed, other weights."""
    first = files.sha256_file(Path("artifacts/weights/mobilenet-random/backbone.weights.h5"))
    shutil.copyfile("params.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    made = []
    for seed in (11, 12):
        settle(changed(SETTINGS, {"seed": seed}))
        weights.run("mobilenet-random")
        made.append(files.sha256_file(Path("artifacts/weights/mobilenet-random/backbone.weights.h5")))
    assert made[0] == first
    assert made[1] != first


@pytest.mark.slow
def test_imagenet_offline(tmp_path: Path) -> None:
    """Without a network: one line that says what to do, within seconds, and no output."""
    new_project(tmp_path)
    closed = {f"{scheme}_proxy": "http://127.0.0.1:9" for scheme in ("http", "https")}
    env = {**os.environ, **closed, "KERAS_HOME": str(tmp_path / "keras"), "no_proxy": ""}
    values = changed(SETTINGS, {"weights.mine": {"backbone": "mobilenet", "source": "imagenet"}})
    with (tmp_path / "params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(values, file)
    code_file.write(code_file.installed(), {}, tmp_path / "code.yaml")
    start = time.monotonic()
    done = subprocess.run(
        [Path(sys.executable).with_name("frostline"), "weights", "mine"],
        cwd=tmp_path, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert time.monotonic() - start < 60
    assert done.returncode == 2
    [line] = [line for line in done.stderr.splitlines() if line.startswith("frostline: ")]
    assert "the ImageNet weights of mobilenet could not be downloaded" in line
    assert "put a weights file of keras.applications.MobileNet(include_top=False) into pretrained/" in line
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "artifacts").rglob("*.*"))
