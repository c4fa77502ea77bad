"""evaluate: from train's outputs to metrics and plots, and every way in which they may not fit."""

import contextlib
import csv
import dataclasses
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from frostline import files, paths
from frostline.errors import RANDOM_WEIGHTS, FrostlineError
from frostline.evaluation import explanations, history, predictions, results, unlike_training
from frostline.stages import evaluate
from helpers.images import encoded
from helpers.results import COUNTS, REAL, dataset, trained

OUTPUTS = {
    "abstaining.png", "classes.csv", "confusion.csv", "confusion.png", "curves.csv", "curves.png", "mistakes.png",
    "ranking.png", "reliability.png",
}  # fmt: skip
REPORT = {"coverage.csv", "reliability.csv", "report.html", "sets.csv", "slices.csv"}
FIGURES = (
    "accuracy", "balanced_accuracy", "macro_f1", "loss", "brier", "calibration_error", "roc_auc", "average_precision",
)  # fmt: skip


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project whose classifier `pets-cnn` mistakes 2 images of every split."""
    monkeypatch.chdir(tmp_path)
    trained("pets-cnn", dataset("pets"))
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, str]:
    """Such a project, evaluated, and what was printed."""
    root = tmp_path_factory.mktemp("evaluated")
    with contextlib.chdir(root):
        trained("pets-cnn", dataset("pets"))
        return root, evaluate.run("pets-cnn")


@pytest.fixture
def evaluated(whole: tuple[Path, str], monkeypatch) -> str:
    """It is the current folder, to be looked at alone; what was printed."""
    monkeypatch.chdir(whole[0])
    return whole[1]


def metrics(name: str = "pets-cnn") -> dict[str, Any]:
    return json.loads(paths.metrics(name).read_text())


@pytest.mark.usefixtures("evaluated")
def test_metrics_file() -> None:
    """All of the contract's keys; figures worked out by hand: 7 of 9 test images right."""
    found = metrics()
    assert set(found) == {
        "classifier", "key", "dataset", "dataset_digest", "weights", "note", "temperature", "unknown",
        "test", "validation", "train",
    }  # fmt: skip
    assert found["classifier"] == "pets-cnn"
    assert found["note"] == RANDOM_WEIGHTS
    assert found["weights"]["sha256"] == "0" * 64
    assert {split: found[split]["images"] for split in COUNTS} == COUNTS
    assert found["test"]["accuracy"] == 0.777778
    assert found["test"]["accuracy_low"] < 7 / 9 < found["test"]["accuracy_high"]
    assert found["train"]["accuracy"] == 0.666667
    figures = {"images", *(f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high"))}
    assert all(found[split].keys() == figures for split in COUNTS)


@pytest.mark.usefixtures("project")
def test_what_unknown_rejects_of_test() -> None:
    """By share and class, worked out by hand, in figures, table, picture and page; of nothing frozen none of it."""
    evaluate.run("pets-cnn")
    assert metrics()["unknown"] == []
    test = predictions.read(paths.classifier("pets-cnn") / "predictions.parquet", made_by="").split("test")
    values = np.full(len(test), 0.5, np.float32)
    values[np.flatnonzero(test.labels == 2)[:2]] = (0.96, 0.92)  # two of three
    unlike_training.write(test.paths, values, paths.classifier("pets-cnn") / "unknown.parquet")
    evaluate.run("pets-cnn")
    shares = {(row["promised"], row["name"]): row["rejected"] for row in metrics()["unknown"]}
    assert shares[0.01, ""] == shares[0.01, "élan"] == shares[0.1, "dog"] == 0
    assert shares[0.05, ""] == round(1 / 9, 6)
    assert shares[0.05, "élan"] == round(1 / 3, 6)
    assert shares[0.1, "élan"] == round(2 / 3, 6)
    report = paths.report("pets-cnn")
    assert (
        (report / "unknown.csv")
        .read_text()
        .startswith("promised,name,images,rejected,rejected_low,rejected_high")
    )
    with Image.open(report / "unknown.png") as picture:
        assert picture.height > 300
    page = (report / "report.html").read_text()
    assert "<th>at 5%</th>" in page
    assert "<td>élan</td><td>3</td>" in page
    values = test.paths[1:], values[1:]
    unlike_training.write(*values, paths.classifier("pets-cnn") / "unknown.parquet")
    with pytest.raises(FrostlineError, match=r"unknown\.parquet is of other images"):
        evaluate.run("pets-cnn")


@pytest.mark.usefixtures("evaluated")
def test_classes_file() -> None:
    """A row a class of the test split, worked out by hand, lines ending as on Linux."""
    # Row 0 of test is class 1 and taken for 2, row 1 is class 2 and taken for 0; three images a class.
    lines = (paths.plots("pets-cnn") / "classes.csv").read_bytes().decode().split("\n")
    assert [",".join(line.split(",")[:5]) for line in lines] == [
        "class,images,precision,recall,f1",
        "cat,3,0.75,1.0,0.857143",
        "dog,3,1.0,0.666667,0.8",
        "élan,3,0.666667,0.666667,0.666667",
        "",
    ]
    assert lines[0].endswith(",f1_low,f1_high")


def test_undefined_shares_are_empty_cells(tmp_path, monkeypatch) -> None:
    """A class without test images, never predicted: nothing was measured, which is not 0."""
    monkeypatch.chdir(tmp_path)
    trained("pets-cnn", dataset("pets", counts={**COUNTS, "test": 1}), wrong=0)
    evaluate.run("pets-cnn")
    written = (paths.plots("pets-cnn") / "classes.csv").read_text("utf-8").splitlines()
    shown = sorted(",".join(line.split(",")[1:5]) for line in written[1:])
    assert shown == ["0,,,", "0,,,", "1,1.0,1.0,1.0"]


@pytest.mark.usefixtures("evaluated")
def test_headline_is_part_of_the_metrics() -> None:
    """The few figures that DVC shows side by side, with the note wherever there is one."""
    assert headline() == {"note": RANDOM_WEIGHTS, **headline_figures()}


def headline(name: str = "pets-cnn") -> dict[str, Any]:
    return json.loads(paths.headline(name).read_text())


def headline_figures(name: str = "pets-cnn") -> dict[str, Any]:
    found = metrics(name)
    return {
        "test": {key: found["test"][key] for key in ("accuracy", "loss")},
        "validation": {"accuracy": found["validation"]["accuracy"]},
    }


def test_plots_folder(evaluated: str) -> None:
    """Exactly the promised files, each readable; the summary, and the hash of the images, on a line each."""
    lines = evaluated.splitlines()
    folder = paths.plots("pets-cnn")
    assert {path.name for path in folder.iterdir()} == OUTPUTS
    assert {path.name for path in paths.report("pets-cnn").iterdir()} == REPORT
    for name in OUTPUTS:
        if name.endswith(".png"):
            with Image.open(folder / name) as image:
                image.load()
    assert lines == [
        "pets-cnn: test accuracy 77.8% (7/9), 95% interval 45.3% to 93.7%, loss "
        f"{metrics()['test']['loss']:.3f}; {RANDOM_WEIGHTS}",
        f"dataset pets, digest {metrics()['dataset_digest']}",
        "Wrote reports/classifiers/pets-cnn/report.html",
    ]


@pytest.mark.usefixtures("evaluated")
def test_confusion_csv_has_every_test_image_once() -> None:
    """One row a test image, by class name, as DVC's template counts them."""
    rows = list(csv.DictReader(io.StringIO((paths.plots("pets-cnn") / "confusion.csv").read_text("utf-8"))))
    assert len(rows) == COUNTS["test"]
    assert sum(row["actual"] == row["predicted"] for row in rows) == 7
    assert {row["actual"] for row in rows} == {"cat", "dog", "élan"}


@pytest.mark.usefixtures("evaluated")
def test_curves_csv_is_the_history() -> None:
    """The curves' data are the history's, to the last bit."""
    own = history.read(paths.plots("pets-cnn") / "curves.csv", made_by="")
    given = history.read(paths.classifier("pets-cnn") / "history.csv", made_by="")
    assert own.phases == given.phases
    np.testing.assert_array_equal(own.val_loss, given.val_loss)


@pytest.mark.usefixtures("project")
def test_gallery_shows_the_images_themselves(monkeypatch) -> None:
    """The gallery gets the mistaken images' own pixels, most confident first, in their own proportions."""
    seen: list[Any] = []
    draw = results.gallery.mistakes
    monkeypatch.setattr(
        results.gallery, "mistakes", lambda shown, **how: seen.extend(shown) or draw(shown, **how)
    )
    evaluate.run("pets-cnn")
    assert [(mistake.actual, mistake.predicted) for mistake in seen] == [
        ("dog", "élan"),
        ("élan", "cat"),
    ]
    for mistake in seen:
        with Image.open(Path("data/pets") / mistake.path) as image:
            np.testing.assert_array_equal(mistake.pixels, np.asarray(image))


@pytest.mark.usefixtures("evaluated")
def test_page_shows_heat_and_views() -> None:
    """Each mistake has its heat beside it, and the page shows what training was shown."""
    page = (paths.report("pets-cnn") / "report.html").read_text("utf-8")
    assert page.count('alt="Grad-CAM of ') == 2 + COUNTS["test"]
    assert "class activation map (Grad-CAM) at last_conv" in page
    assert page.count("<figcaption>unaltered<") == page.count("<figcaption>view ") == 1
    assert "One training image in its 2 views;" in page


@pytest.mark.usefixtures("project")
def test_page_without_maps_and_augmentation() -> None:
    """A dense network without augmentation: no heat, no views, not a word of them."""
    path = paths.classifier("pets-cnn") / "explanations.npz"
    explanations.write(
        explanations.Explanations("", (), np.zeros((0, 1, 1), np.uint8), np.zeros((0, 24, 32, 3), np.uint8)),
        path,
    )
    evaluate.run("pets-cnn")
    page = (paths.report("pets-cnn") / "report.html").read_text("utf-8")
    assert "Grad-CAM" not in page
    assert "What training was shown" not in page


def test_perfect_classifier(tmp_path, monkeypatch) -> None:
    """No mistakes: figures, pictures and page all the same; real weights carry no note."""
    monkeypatch.chdir(tmp_path)
    trained("best", dataset("pets"), wrong=0, weights=REAL)
    evaluate.run("best")
    assert metrics("best")["test"]["accuracy"] == metrics("best")["test"]["roc_auc_high"] == 1.0
    assert metrics("best")["note"] == ""
    assert headline("best") == headline_figures("best")
    assert (paths.plots("best") / "mistakes.png").is_file()
    assert "No errors on test." in (paths.report("best") / "report.html").read_text("utf-8")


@pytest.mark.usefixtures("project")
def test_label_issues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With probabilities of unseen images from train, likely label errors are listed and shown."""
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    found = predictions.read(paths.classifier("pets-cnn") / "predictions.parquet", made_by="")
    sure = np.full((len(found), 3), 0.01, np.float32)
    sure[np.arange(len(found)), found.labels] = 0.98
    sure[4] = (0.98, 0.01, 0.01)  # train-4, a dog by its folder
    unseen = dataclasses.replace(found, probs=sure)
    predictions.write(unseen, paths.classifier("pets-cnn") / "out_of_fold.parquet")
    evaluate.run("pets-cnn")
    assert (paths.report("pets-cnn") / "label_issues.csv").read_text().splitlines()[1:] == [
        "dog/train-4.png,train,dog,cat,0.98,0.01"
    ]
    page = (paths.report("pets-cnn") / "report.html").read_text("utf-8")
    assert "1 of 19 images of all splits (5.3%) are likely mislabelled" in page
    predictions.write(unseen.take(np.arange(9)), paths.classifier("pets-cnn") / "out_of_fold.parquet")
    with pytest.raises(
        FrostlineError, match=r"out_of_fold\.parquet is of other images than the dataset; run"
    ):
        evaluate.run("pets-cnn")


def test_everything_wrong(tmp_path, monkeypatch) -> None:
    """Accuracy 0: figures and pictures all the same."""
    monkeypatch.chdir(tmp_path)
    trained("worst", dataset("pets"), wrong=99)
    evaluate.run("worst")
    found = metrics("worst")["test"]
    assert (found["accuracy"], found["accuracy_low"]) == (0.0, 0.0)
    assert "cat,3,0.0,0.0,0.0" in (paths.plots("worst") / "classes.csv").read_text("utf-8")


def _edit(path: Path, change: Any) -> None:
    files.write_json(path, change(json.loads(path.read_text())))


def _table(change: Any) -> None:
    path = paths.classifier("pets-cnn") / "predictions.parquet"
    pq.write_table(change(pq.read_table(path)), path)


def _rename(table: pa.Table) -> pa.Table:
    names = table["path"].to_pylist()
    return table.set_column(0, "path", pa.array(["other.png", *names[1:]]))


def _resplit(table: pa.Table) -> pa.Table:
    splits = table["split"].to_pylist()
    return table.set_column(2, "split", pa.array(["test", *splits[1:]]))


def _relabel(table: pa.Table) -> pa.Table:
    labels = table["label"].to_pylist()
    return table.set_column(3, "label", pa.array([2, *labels[1:]], pa.int32()))


def _record(change: Any) -> None:
    _edit(paths.classifier("pets-cnn") / "record.json", change)


FOLDER = paths.classifier("pets-cnn")
AGAIN = "run `dvc repro train@pets-cnn`"


def _gone(path: Path) -> Callable[[], None]:
    return path.unlink


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda: _table(lambda t: pa.concat_tables([t, t.slice(3, 1)])),
            "'cat/train-3.png' stands more than once",
        ),
        (lambda: _table(lambda t: t.slice(1)), "predictions.parquet lacks 'cat/train-0.png'; " + AGAIN),
        (lambda: _table(lambda t: t.slice(0, 15)), "lacks 'cat/test-15.png' and 3 more"),
        (lambda: _table(_rename), "lacks 'cat/train-0.png'"),
        (lambda: _table(_resplit), "has another content, split or label for 'cat/train-0.png'"),
        (lambda: _table(_relabel), "has another content, split or label for 'cat/train-0.png'"),
        (
            lambda: _record(lambda r: {**r, "dataset_digest": "f" * 64}),
            "is of another version of dataset pets",
        ),
        (
            lambda: _record(lambda r: {**r, "classes": ["cat", "dog", "elk"]}),
            "has other classes than dataset pets",
        ),
        (lambda: _record(lambda r: {**r, "weights": {}}), "record.json lacks weights.source"),
        (lambda: _record(lambda _: [1]), "record.json lacks key, dataset, dataset_digest"),
        (lambda: (FOLDER / "record.json").write_text("{"), "record.json is damaged; " + AGAIN),
        (_gone(FOLDER / "record.json"), "record.json is missing; " + AGAIN),
        (_gone(FOLDER / "history.csv"), "history.csv is missing; " + AGAIN),
        (_gone(FOLDER / "predictions.parquet"), "parquet is missing; " + AGAIN),
        (_gone(paths.dataset("pets") / "manifest.parquet"), "run `dvc repro preprocess@pets`"),
        (_gone(Path("data/pets/dog/test-10.png")), "dog/test-10.png: cannot be read"),
        (lambda: Path("data/pets/dog/test-10.png").write_bytes(encoded(1)), "test-10.png: changed since"),
    ],
)
def test_refused_in_one_line(damage, message: str) -> None:
    """Whatever does not fit is one line with what to run, and no metrics are written."""
    damage()
    with pytest.raises(FrostlineError) as caught:
        evaluate.run("pets-cnn")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not paths.metrics("pets-cnn").exists()


def test_rows_unknown_to_the_dataset(tmp_path, monkeypatch) -> None:
    """Predictions of more images than the dataset has are refused too."""
    monkeypatch.chdir(tmp_path)
    trained("pets-cnn", dataset("pets", counts={**COUNTS, "test": 10}))
    smaller = dataset("pets")
    _record(lambda record: {**record, "dataset_digest": smaller.digest})
    with pytest.raises(FrostlineError, match=r"has rows unknown to the dataset: 'dog/test-19\.png'"):
        evaluate.run("pets-cnn")


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_empty_split_is_said(tmp_path, monkeypatch, split: str) -> None:
    """A split without images has no accuracy; where to give it some is said."""
    monkeypatch.chdir(tmp_path)
    trained("pets-cnn", dataset("pets", counts={**COUNTS, split: 0}))
    with pytest.raises(FrostlineError, match=rf"has no {split} images; .* datasets\.pets\.splits"):
        evaluate.run("pets-cnn")


SCRIPT = """
import sys
from helpers.results import dataset, trained
from frostline.stages import evaluate
trained("pets-cnn", dataset("pets"))
evaluate.run("pets-cnn")
heavy = {"tensorflow", "keras", "mlflow", "matplotlib.pyplot"} & set(sys.modules)
assert not heavy, heavy
"""


def _outputs(folder: Path) -> dict[str, str]:
    found = [
        *folder.glob("metrics/**/*.json"),
        *folder.glob("plots/*/*"),
        *folder.glob("reports/classifiers/*/*"),
        *folder.glob("artifacts/classifiers/*/*"),
    ]
    return {str(path.relative_to(folder)): files.sha256_file(path) for path in found}


@pytest.mark.usefixtures("evaluated")
def test_same_bytes_in_another_process(tmp_path: Path) -> None:
    """Another place, hash seed and time zone: the same files; and no heavy library came in."""
    tests = str(Path(__file__).parents[1])
    env = {**os.environ, "PYTHONHASHSEED": "4711", "TZ": "Asia/Tokyo", "PYTHONPATH": tests}
    subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT], check=True, env=env, cwd=tmp_path)
    made = [_outputs(root) for root in (Path.cwd(), tmp_path)]
    assert made[0] == made[1]
    assert len(made[0]) == 2 + len(OUTPUTS) + len(REPORT) + 4
