"""A network of an ONNX file below the frost line, through every stage: its own numbers, one file, no way to thaw it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from ruamel.yaml import YAML

import frostline
from frostline import config, files, paths, tracking
from frostline.commands import lock, sweep_plan
from frostline.errors import FrostlineError, InputError
from frostline.evaluation import explanations, history, predictions
from frostline.runtime import openvino, sessions
from frostline.scoring import drift_baseline
from frostline.stages import evaluate, export, preprocess, train, weights
from frostline.training import int8_check
from helpers.images import archive, classes
from helpers.kills import contents, killed, moments
from helpers.networks import KERAS_COPIES
from helpers.onnx_networks import CHANNELS, WIDTH, network, own, written
from helpers.params import LENIENT, PRETRAINED, WHOLE, changed

pytestmark = KERAS_COPIES

INPUT = {"channels": "BGR", "scale": 1.0, "mean": [103.0, 116.0, 123.0], "std": [50.0, 60.0, 70.0]}
ENTRY = {
    "backbone": "onnx",
    "source": "net.onnx",
    "input": INPUT,
    "taps": {
        "vector": {"pooling": "none", "prefix_tokens": 0},
        "map": {"pooling": "mean", "prefix_tokens": 0},
    },
}
FIXED = {**ENTRY, "source": "one.onnx", "taps": {"flat": {"pooling": "none", "prefix_tokens": 0}}}
TINY = changed(
    PRETRAINED,
    {
        "weights": "net",
        "image.resize": "squash",
        "network.end_at": None,
        "network.head": {"pooling": "flatten", "standardize": True, "dense": {"wide": 7}, "dropout": 0.1},
    },
)
VIEWED = changed(
    TINY,
    {
        "weights": "one",
        "network.head.dense": {},
        "augmentation": {
            "rotation": 20.0, "width_shift": 0.1, "height_shift": 0.1, "shear": 5.0, "zoom": 0.1,
            "horizontal_flip": True, "views": 2,
        },
    },
)  # fmt: skip
LDA = {"freeze": "all", "solver": "lda", "shrinkage": [0.1, 0.9]}
MLP = {"freeze": "all", "solver": "mlp", "alpha": [0.1, 10.0]}
SOLVED = {"head": {"freeze": "all", "solver": "logistic", "C": [0.001, 0.01, 0.1]}}
LINEAR = {**changed(TINY, {"network.head.dense": {}, "network.head.dropout": 0.0}), "phases": SOLVED}
TUNED = {
    **PRETRAINED,
    "phases": {
        **SOLVED,
        "thaw": {"freeze": "conv_pw_1_relu", "epochs": 1, "batch_size": 5, "optimizer": "sgd", "learning_rate": 1e-9},
    },
}  # fmt: skip
SETTINGS = changed(
    WHOLE,
    {
        "weights.net": ENTRY,
        "weights.one": FIXED,
        "classifiers": {
            "tiny": TINY, "viewed": VIEWED, "linear": LINEAR, "tuned": TUNED,
            "discriminant": {**LINEAR, "phases": {"head": LDA}},
            "hidden": {**changed(LINEAR, {"network.head.dense": {"a": 5}}), "phases": {"head": MLP}},
        },
        "datasets.shapes.audit": LENIENT,
    },
)  # fmt: skip
NAMES = ("tiny", "viewed", "linear", "tuned", "discriminant", "hidden")


def settle(values: dict[str, Any] = SETTINGS) -> None:
    """Write params.yaml into the current folder."""
    with Path("params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(values, file)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project on two ONNX files, one of them for one image at a time, that every stage has run in."""
    root = tmp_path_factory.mktemp("project")
    archive(root / "data/shapes.zip", classes({"circle": 15, "square": 14, "star": 13}))
    written(root / "pretrained/net.onnx", size=None)
    written(root / "pretrained/one.onnx", size=(32, 40), layout="NHWC", batch=1, baked=True, seed=3)
    (root / "dvc.yaml").write_text("stages: {}\n")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("MLFLOW_", "DVC_", "FROSTLINE_"))]:
            patch.delenv(name)
        patch.chdir(root)
        settle()
        for name in ("net", "one", "mobilenet-random"):
            weights.run(name)
        preprocess.run("shapes")
        for name in NAMES:
            train.run(name, live=tracking.live)
            evaluate.run(name)
            export.run(name)
        yield root


def test_the_weights_stage(project: Path) -> None:
    """One trunk, with its hash beside where it came from."""
    source = json.loads((project / "artifacts/weights/net/source.json").read_text())
    trunk = project / "artifacts/weights/net/trunk.onnx"
    assert source == {
        "name": "net",
        "backbone": "onnx",
        "source": "net.onnx",
        "sha256": files.sha256_file(trunk),
        "entry": source["entry"],
    }
    assert sorted(path.name for path in trunk.parent.iterdir()) == ["source.json", "trunk.onnx"]


@pytest.mark.parametrize("name", NAMES)
def test_the_exported_model_is_the_trained_one(project: Path, name: str) -> None:
    """From pixels to the predicted probabilities, one file; trunk and head beside it give the same."""
    model = project / f"artifacts/models/{name}/model.onnx"
    predicted = predictions.read(project / f"artifacts/classifiers/{name}/predictions.parquet", made_by="")
    agreement = json.loads(model.with_name("agreement.json").read_text())
    assert agreement["image_difference"] < 1e-5
    assert agreement["feature_difference"] < 1e-5
    assert agreement["parts_difference"] < 1e-6
    rows = frostline.open_model(model).predict(project / "data/shapes.zip")
    assert len(rows) == len(predicted)
    metadata = {entry.key for entry in onnx.load(model).metadata_props}
    assert drift_baseline.KEY in metadata


@pytest.mark.slow
def test_export_killed_at_random_moments(project: Path, tmp_path: Path) -> None:
    """What stands under its name is whole, and the next export leaves what one in one go does, and nothing else."""
    place = tmp_path / "copy"
    shutil.copytree(project, place)
    export_it = (sys.executable, "-c", "from frostline.stages import export; export.run('linear')")
    times = list(moments(export_it, place, many=10, seed=5))
    outputs = place / "artifacts/models/linear"
    whole = contents(outputs)
    assert {"linear/model.onnx", "linear/trunk.onnx", "linear/head.onnx"} <= set(whole)
    for after in times:
        shutil.rmtree(outputs)
        killed(export_it, place, after=after)
        left = {name: content for name, content in contents(outputs).items() if "/." not in name}
        assert left.items() <= whole.items(), after
        subprocess.run(export_it, cwd=place, check=True, capture_output=True)
        assert contents(outputs) == whole, after


def test_features_are_the_networks_own(project: Path) -> None:
    """Every image's row is what the file itself makes of its pixels."""
    found = frostline.extract_features(project / "data/shapes.zip", weights="net", size=(32, 40))
    from frostline import images
    from frostline.datasets.source import open_source

    with open_source(project / "data/shapes.zip") as source:
        decoded = [
            images.decode(source.read(path), height=32, width=40, resize="squash") for path in found.paths
        ]
    values = (np.stack(decoded)[..., ::-1] - np.array(INPUT["mean"])) / np.array(INPUT["std"])
    given = np.ascontiguousarray(values.transpose(0, 3, 1, 2), np.float32)
    vector, map_ = own(network(size=None), given, "vector", "map")
    np.testing.assert_allclose(
        found.features, np.concatenate([map_.mean((2, 3)), vector], axis=1), rtol=1e-4, atol=1e-5
    )


def test_a_network_for_one_image_scores_batches(project: Path) -> None:
    """The exported model keeps its own size and takes any number of images in pieces."""
    session = sessions.open_session(project / "artifacts/models/viewed/model.onnx", device="cpu")
    some = np.random.default_rng(0).integers(0, 256, (5, 32, 40, 3), dtype=np.uint8)
    together = session.run(some)["probs"]
    alone = np.concatenate([session.run(image[None])["probs"] for image in some])
    assert together.shape == (5, 3)
    np.testing.assert_allclose(together, alone, atol=1e-6)


@pytest.mark.skipif(
    not openvino.has_bfloat16() or bool(openvino.missing()), reason="no processor for OpenVINO's bfloat16"
)
def test_trained_in_bfloat16_it_answers_alike_in_float32(project: Path) -> None:
    """OpenVINO computed the features; the exported model has the file's own weights."""
    settle(changed(SETTINGS, {"classifiers": {"halved": changed(TINY, {"precision": "bfloat16"})}}))
    train.run("halved", live=tracking.live)
    export.run("halved")
    settle()
    record = json.loads((project / "artifacts/classifiers/halved/record.json").read_text())
    assert record["packages"]["openvino"]
    agreement = json.loads((project / "artifacts/models/halved/agreement.json").read_text())
    assert agreement["image_difference"] < 1e-5
    assert agreement["precision"]["trained"] == "bfloat16"
    assert 0 < agreement["precision"]["probability_difference"] < 0.02


INT8 = {
    "small": changed(LINEAR, {"precision": "int8"}),
    "small-keras": changed(
        PRETRAINED, {"precision": "int8", "phases": SOLVED, "network.head.standardize": True}
    ),
}


@pytest.mark.skipif(bool(openvino.missing()), reason="the extra cpu is not installed")
@pytest.mark.parametrize("name", INT8)
def test_trained_in_int8_it_answers_alike_in_float32(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """OpenVINO computed the features and the record says what that costs; the exported model has the file's weights."""
    settle(changed(SETTINGS, {"classifiers": INT8}))
    monkeypatch.setattr(int8_check, "LIMIT", 100.0)
    monkeypatch.setattr(paths, "CALIBRATION", Path(f"{name}.csv"))
    table, lines = lock.calibrated(config.load())
    assert lines == ["calibration.csv: 26 training photos of 'shapes' calibrate int8; commit it"]
    with pytest.raises(FrostlineError, match=f"{name}: no training photos of 'shapes' .*: frostline lock"):
        train.run(name, live=tracking.live)
    paths.CALIBRATION.write_text(table)
    assert lock.calibrated(config.load()) == (table, [])
    train.run(name, live=tracking.live)
    evaluate.run(name)
    export.run(name)
    rows = frostline.extract_features(project / "data/shapes.zip", classifier=name)
    settle()
    record = json.loads((project / f"artifacts/classifiers/{name}/record.json").read_text())
    assert record["packages"]["openvino"]
    assert len(record["calibration"]) == 64
    assert (record["int8"]["train"], record["int8"]["limit_points"]) == (26, 100.0)
    agreement = json.loads((project / f"artifacts/models/{name}/agreement.json").read_text())
    assert agreement["image_difference"] < 1e-5
    assert agreement["precision"]["trained"] == "int8"
    assert 0 < agreement["precision"]["probability_difference"] < 0.1
    assert len(rows) == 42


@pytest.mark.skipif(bool(openvino.missing()), reason="the extra cpu is not installed")
def test_int8_that_costs_too_much_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line with the figure, before anything is written."""
    settle(changed(SETTINGS, {"classifiers": {"small": INT8["small"]}}))
    monkeypatch.setattr(paths, "CALIBRATION", Path("chosen.csv"))
    paths.CALIBRATION.write_text(lock.calibrated(config.load())[0])
    monkeypatch.setattr(int8_check, "LIMIT", -1.0)
    written_before = contents(project / "artifacts")
    with pytest.raises(
        FrostlineError, match=r"small: int8 costs .* points of accuracy on .* validation images.*one image is"
    ):
        train.run("small", live=tracking.live)
    settle()
    assert contents(project / "artifacts") == written_before


def test_the_record_and_the_explanations(project: Path) -> None:
    """Counts of what is frozen, who computed it; parts are hidden where hidden layers stand above."""
    record = json.loads((project / "artifacts/classifiers/tiny/record.json").read_text())
    assert record["weights"]["backbone"] == "onnx"
    assert record["parameters"]["frozen"] > 0
    assert any(name.startswith("onnxruntime") for name in record["packages"])
    shown = explanations.read(project / "artifacts/classifiers/tiny/explanations.npz", made_by="")
    assert (shown.layer, shown.heat.shape[1:], len(shown.views)) == ("occlusion", (7, 7), 0)
    assert 0 < len(shown.heat) == len(shown.paths)
    assert "hiding a part" in (project / "reports/classifiers/tiny/report.html").read_text()


def test_where_it_looks(project: Path) -> None:
    """By the map that its one tap is the mean of, in the report and in Python; else by hiding parts."""
    shown = explanations.read(project / "artifacts/classifiers/viewed/explanations.npz", made_by="")
    assert (shown.layer, shown.heat.shape[1:], len(shown.views)) == ("map", (32, 40), 2)
    assert shown.heat.max() == 255
    image = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    by_map = frostline.open_model(project / "artifacts/models/viewed/model.onnx").explain(image)
    assert (by_map.method, by_map.layer, by_map.heat.shape) == ("gradcam", "map", (32, 40))
    for name in ("tiny", "linear"):
        other = frostline.open_model(project / f"artifacts/models/{name}/model.onnx")
        assert other.explain(image, cells=2).method == "occlusion"
        with pytest.raises(InputError, match="use occlusion"):
            other.explain(image, method="gradcam")


def test_the_same_again(project: Path) -> None:
    """Equal inputs give equal bytes: trunk, model, head."""
    places = [
        *(project / "artifacts/weights").rglob("*.onnx"),
        *(project / "artifacts/models/tiny").iterdir(),
    ]
    before = {path: files.sha256_file(path) for path in places}
    weights.run("net")
    train.run("tiny", live=tracking.live)
    export.run("tiny")
    assert before == {path: files.sha256_file(path) for path in places}


def test_a_head_by_a_solver(project: Path) -> None:
    """A line of the history for each strength; what it found is a small file, and all that the classifier trains."""
    folder = project / "artifacts/classifiers/linear"
    course = history.read(folder / "history.csv", made_by="")
    assert course.phases == ("head",) * 3
    record = json.loads((folder / "record.json").read_text())
    assert record["parameters"]["trainable"] == 3 * (CHANNELS + WIDTH) + 3
    with np.load(folder / "trained.npz") as arrays:
        assert arrays["kernel"].shape == (CHANNELS + WIDTH, 3)
    predicted = predictions.read(folder / "predictions.parquet", made_by="").split("validation")
    own = -np.log(predicted.probs[np.arange(len(predicted)), predicted.labels]).mean()
    assert own == pytest.approx(course.val_loss.min(), rel=1e-4)


def test_a_solver_before_a_thaw(project: Path) -> None:
    """Its head is where the thawed layers start from: epochs follow the strengths."""
    course = history.read(project / "artifacts/classifiers/tuned/history.csv", made_by="")
    assert course.phases == ("head",) * 3 + ("thaw",)
    assert (project / "artifacts/classifiers/tuned/trained.weights.h5").is_file()
    assert abs(course.val_loss[3] - course.val_loss[:3].min()) < 1e-3


def test_a_damaged_head_is_named(project: Path) -> None:
    """And the command that makes it again."""
    path = project / "artifacts/classifiers/linear/trained.npz"
    content = path.read_bytes()
    try:
        for broken in (content[:-50], b"", None):
            path.unlink(missing_ok=True)
            if broken is not None:
                path.write_bytes(broken)
            with pytest.raises(FrostlineError, match=r"trained\.npz.*dvc repro train@linear"):
                export.run("linear")
    finally:
        path.write_bytes(content)


def last_words(script: str, root: Path) -> list[str]:
    """The last line that a process of its own prints, by words."""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1].split()


def test_no_tensorflow_from_photos_to_an_exported_model(project: Path) -> None:
    """With a solver's head; a process of its own says what it imported."""
    script = (
        "import sys\n"
        "from frostline import tracking\n"
        "from frostline.stages import evaluate, export, train\n"
        "train.run('linear', live=tracking.live)\n"
        "export.run('linear')\n"
        "print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    assert last_words(script, project) == ["False", "False"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network.head.dense": {"wide": 7}}, "network.head.dense: this solver finds no hidden"),
        ({"network.head.standardize": False}, "network.head.standardize: a solver needs"),
        ({"network.head.dropout": 0.5}, "network.head.dropout: a solver leaves"),
        ({"phases.head.C": [1.0, 0.1]}, "phases.head.C: must rise"),
        ({"phases.head.C": []}, "phases.head.C"),
        ({"phases.head.solver": "svm"}, "phases.head.solver: must be one of 'logistic', 'lda', 'mlp'"),
        ({"phases.head": MLP}, "network.head.dense: solver mlp finds hidden layers"),
        ({"phases.head": LDA, "network.head.dense": {"a": 3}}, "network.head.dense: this solver finds no hidden"),
        ({"phases.head": {**LDA, "shrinkage": [0.0]}}, "phases.head.shrinkage"),
        ({"phases.head": {**LDA, "C": [0.1]}}, "phases.head.C: unknown key"),
        ({"phases.head.epochs": 3}, "phases.head.epochs: unknown key"),
        ({"phases.head.freeze": "conv1"}, "phases.head.freeze: must be"),
        ({"phases.again": SOLVED["head"]}, "phases: a solver finds a new head"),
        ({"augmentation": {**VIEWED["augmentation"], "views": "live"}}, "augmentation.views: a solver"),
        (
            {"training": {"schedule": "cosine", "warmup": 0.0, "class_weights": "equal", "label_smoothing": 0.0,
                          "early_stopping": None}},
            "training: of this a solver takes class_weights alone",
        ),
    ],
)  # fmt: skip
def test_what_a_solver_cannot_do(changes: dict[str, Any], message: str) -> None:
    """By its key, before anything is computed."""
    with pytest.raises(InputError) as caught:
        config.parse(
            changed(SETTINGS, {f"classifiers.linear.{key}": value for key, value in changes.items()})
        )
    assert message in str(caught.value)


def test_no_tensorflow_from_photos_to_features(project: Path) -> None:
    """Neither for the trunk nor for what the cache keeps of it: a process of its own says what it imported."""
    script = (
        "import sys, frostline\n"
        "from frostline.stages import weights\n"
        "weights.run('net')\n"
        "found = frostline.extract_features('data/shapes.zip', weights='net', size=(32, 40))\n"
        "print(len(found), 'tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    assert last_words(script, project) == ["42", "False", "False"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phases.head.freeze": "conv1"}, "phases.head.freeze: the network of 'net' comes from an ONNX file"),
        ({"network.end_at": "conv1"}, "network.end_at: 'net' ends at its taps"),
        ({"network.head.pooling": "average"}, "head.pooling: the taps of 'net'"),
        ({"image.transform": "rescale"}, "image.transform: weights.net.input"),
        ({"precision": "float16"}, "precision: a network from an ONNX file has float32, bfloat16 and int8"),
    ],
)
def test_what_cannot_be_done_with_it_is_refused_by_its_key(changes: dict[str, Any], message: str) -> None:
    """Before anything is computed, with what to write instead."""
    with pytest.raises(InputError) as caught:
        config.parse(changed(SETTINGS, {f"classifiers.tiny.{key}": value for key, value in changes.items()}))
    assert message in str(caught.value)
    assert "use " in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights.net.taps": {}}, "weights.net.taps"),
        ({"weights.net.taps.map.pooling": "max"}, "weights.net.taps.map.pooling: must be one of"),
        ({"weights.net.input.channels": "GBR"}, "weights.net.input.channels: must be one of 'RGB', 'BGR'"),
        ({"weights.net.input.std": [1.0, 0.0, 1.0]}, "weights.net.input.std: must be greater than 0"),
        ({"weights.net.inputs": 1}, "weights.net.inputs: unknown key; did you mean 'input'?"),
        ({"weights.net.source": "imagenet"}, "weights.net.source: 'imagenet' are weights of Keras"),
        ({"weights.net.backbone": "vgg16"}, "weights.net.input: unknown key"),
    ],
)
def test_mistakes_in_an_entry_are_named_by_their_keys(changes: dict[str, Any], message: str) -> None:
    """As for any other key of params.yaml."""
    with pytest.raises(InputError) as caught:
        config.parse(changed(SETTINGS, changes))
    assert message in str(caught.value)


def test_freeze_points_cannot_be_swept(project: Path) -> None:
    """There is one; the network is named as what it is."""
    assert project
    with pytest.raises(InputError, match="tiny: its network comes from an ONNX file"):
        sweep_plan.plan("tiny", "freeze", None, most=None)


def test_another_size_is_refused_by_name(project: Path) -> None:
    """A network of one size: the key, both sizes, and whose it is."""
    assert project
    settle(changed(SETTINGS, {"classifiers.viewed.image.size": {"height": 48, "width": 48}}))
    try:
        with pytest.raises(
            InputError,
            match=r"classifiers\.viewed\.image\.size: the network of 'one' takes images of 32x40 pixels",
        ):
            train.run("viewed", live=tracking.live)
    finally:
        settle()


def test_what_the_entry_says_is_not_said_again(project: Path) -> None:
    """Arguments that mean something for a Keras backbone alone."""
    with pytest.raises(InputError, match="pooling, precision: the entry 'net' says it"):
        frostline.extract_features(
            project / "data/shapes.zip", weights="net", pooling="max", precision="float32"
        )


def test_a_tensor_that_is_not_there(project: Path) -> None:
    """The entry, the name, and what is near."""
    assert project
    settle(changed(SETTINGS, {"weights.net.taps": {"vectors": ENTRY["taps"]["vector"]}}))
    try:
        with pytest.raises(InputError, match=r"weights\.net: taps: .*'vectors'; near: vector"):
            weights.run("net")
    finally:
        settle()
