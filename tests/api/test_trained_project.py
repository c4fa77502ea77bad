"""A really trained project in Python: its tables, its model, explanations, and the rows that training took."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import frostline
from frostline import files, tracking
from frostline.errors import FrostlineError, InputError
from frostline.scoring import explanation
from frostline.stages import evaluate, export, preprocess, train, weights
from frostline.training import assemble, recipe
from helpers.images import archive, classes, encoded, folder, pixels
from helpers.networks import KERAS_COPIES
from helpers.params import CNN, PRETRAINED, WHOLE

pytestmark = KERAS_COPIES
CLASSES = ("circle", "square", "étoile")
NAME = "frozen"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose classifier on frozen layers went through every stage; a plain network that did not."""
    root = tmp_path_factory.mktemp("project")
    archive(root / "data/shapes.zip", classes(dict.fromkeys(CLASSES, 8)) | {"circle/bad.png": b"<html>"})
    folder(root, {"dvc.yaml": b"stages: {}"})
    audit = {**WHOLE["datasets"]["shapes"]["audit"], "unreadable": "quarantine"}
    shapes = {**WHOLE["datasets"]["shapes"], "audit": audit}
    whole = {**WHOLE, "datasets": {"shapes": shapes}, "classifiers": {NAME: PRETRAINED, "plain": CNN}}
    with (root / "params.yaml").open("w") as file:
        YAML(typ="safe").dump(whole, file)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        weights.run("mobilenet-random")
        weights.run("scratch")
        preprocess.run("shapes")
        train.run(NAME, live=tracking.live)
        evaluate.run(NAME)
        export.run(NAME)
    return root


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may depend on the current folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def photos(root: Path, tmp_path: Path) -> Path:
    """The project's images as a folder."""
    with zipfile.ZipFile(root / "data/shapes.zip") as content:
        content.extractall(tmp_path / "photos")
    return tmp_path / "photos"


def trained_rows(root: Path) -> dict[str, np.ndarray]:
    """Path in the dataset → the row that training took."""
    inputs = recipe.read(NAME, root=root)
    [cut] = assemble.cut_phases(inputs.network(), inputs.entry).values()
    found = {}
    for split in ("train", "validation", "test"):
        rows = inputs.rows(cut, split)[:]
        found |= dict(zip(inputs.manifest.split(split).paths, rows, strict=True))
    return found


def test_a_project_is_found_from_inside(root: Path) -> None:
    """From any folder of it; its names are those of params.yaml."""
    project = frostline.open_project(root / "data")
    assert project.root == root
    assert (project.classifiers, project.datasets) == ((NAME, "plain"), ("shapes",))
    with pytest.raises(InputError):
        frostline.open_project(root.parent)


def test_the_manifest_says_classes_by_name(root: Path) -> None:
    """Every image, the one that was left out with its reason."""
    rows = frostline.open_project(root).manifest("shapes").arrow.to_pylist()
    assert len(rows) == 25
    assert all(row["path"].startswith(f"{row['label']}/") for row in rows)
    [bad] = [row for row in rows if row["status"] == "quarantined"]
    assert (bad["path"], bad["split"], bool(bad["reason"])) == ("circle/bad.png", "", True)
    with pytest.raises(InputError, match="shapes"):
        frostline.open_project(root).manifest("shape")


def test_predictions_and_figures_agree(root: Path) -> None:
    """Accuracy counted from the rows is that of the metrics; the history has all epochs."""
    project = frostline.open_project(root)
    rows = project.predictions(NAME).to_pandas()
    assert project.classes(NAME) == CLASSES
    assert rows["correct"].tolist() == (rows["actual"] == rows["predicted"]).tolist()
    assert [CLASSES[int(np.argmax(row))] for row in rows["probs"]] == rows["predicted"].tolist()
    assert rows["prob"].tolist() == [float(np.float32(max(row))) for row in rows["probs"]]
    figures = project.metrics(NAME).to_pandas().set_index("split")
    assert figures["accuracy"].to_dict() == pytest.approx(
        rows.groupby("split")["correct"].mean().to_dict(), abs=1e-6
    )
    assert figures["images"].sum() == len(rows) == 24
    assert figures["note"].iloc[0].startswith("random weights")
    assert project.history(NAME)["epoch"].to_pylist() == [1, 2]


def test_what_is_not_made_yet_names_the_command(root: Path) -> None:
    """For every table and the model; a name that is none is another error."""
    project = frostline.open_project(root)
    for ask in (project.predictions, project.history, project.metrics, project.model, project.classes):
        with pytest.raises(FrostlineError, match="plain"):
            ask("plain")
        with pytest.raises(InputError, match=NAME):
            ask("frosen")


def test_its_model_answers_as_training_did(root: Path, photos: Path) -> None:
    """Probabilities of the photos are those of the predictions, within the export's tolerance."""
    project = frostline.open_project(root)
    wanted = {row["path"]: row["probs"] for row in project.predictions(NAME).arrow.to_pylist()}
    with project.model(NAME, device="cpu", batch_size=4) as model:
        scores = model.predict(photos)
        found = dict(zip(scores.paths, scores.probs, strict=True))
    assert found.keys() - wanted.keys() == {"circle/bad.png"}
    for path, probs in wanted.items():
        np.testing.assert_allclose(found[path], probs, atol=1e-5)


def test_explained_by_gradients_in_its_project(root: Path) -> None:
    """Grad-CAM without being asked for, at a layer; a copy of the file alone is explained by hiding."""
    image = pixels(3)
    with frostline.open_project(root).model(NAME, device="cpu", batch_size=4) as model:
        shown = model.explain(image)
        assert (shown.method, shown.drop) == ("gradcam", None)
        assert shown.layer
        assert shown.label == model.predict(image).labels[0]
        assert 0 <= shown.heat.min() <= shown.heat.max() <= 1
        assert model.explain(image, method="occlusion", cells=3).heat.shape == (3, 3)
        other = next(name for name in CLASSES if name != shown.label)
        assert (model.explain(image, label=other).heat != shown.heat).any()
        copy = Path("model.onnx")
        copy.write_bytes(model.path.read_bytes())
    assert (
        frostline.open_model(copy, device="cpu", batch_size=4).explain(image, cells=3).method == "occlusion"
    )


def test_gradients_of_another_training_are_refused(root: Path) -> None:
    """Where params.yaml has moved on since the export, the map would be another network's."""
    text = (root / "params.yaml").read_text()
    with frostline.open_project(root).model(NAME, device="cpu", batch_size=4) as model:
        explanation._network.cache_clear()
        (root / "params.yaml").write_text(text.replace("seed: 11", "seed: 12"))
        try:
            with pytest.raises(InputError, match="dvc repro"):
                model.explain(pixels(3))
        finally:
            (root / "params.yaml").write_text(text)


def test_features_are_the_rows_of_training(root: Path, photos: Path) -> None:
    """Bit for bit, from the project's own cache: nothing new is stored, and once more the same."""
    wanted = trained_rows(root)
    stored = sorted((root / ".frostline/cache/features").rglob("*.arrow"))
    for source in (photos, root / "data/shapes.zip"):
        found = frostline.extract_features(source, classifier=NAME, project=root)
        assert found.features.dtype == np.float32
        assert set(found.paths) == set(wanted)
        assert all((row == wanted[path]).all() for path, row in zip(found.paths, found.features, strict=True))
        assert found.labels is not None
        assert found.labels.tolist() == [path.partition("/")[0] for path in found.paths]
        assert found.unreadable.keys() == {"circle/bad.png"}
        assert found.note.startswith("random weights")
    assert sorted((root / ".frostline/cache/features").rglob("*.arrow")) == stored


def test_cold_is_as_warm(root: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache gives the same bits."""
    warm = frostline.extract_features(photos, classifier=NAME, project=root)
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cold"))
    cold = frostline.extract_features(photos, classifier=NAME, project=root)
    assert (cold.features == warm.features).all()
    assert list((tmp_path / "cold/features").rglob("*.arrow"))


def test_weights_of_a_project_share_rows_with_its_classifier(root: Path, photos: Path) -> None:
    """The same layers named in another way are the same rows."""
    layers: dict[str, Any] = {"size": (32, 40), "resize": "crop", "end_at": "conv_pw_2_relu", "project": root}
    named = frostline.extract_features(photos, weights="mobilenet-random", **layers)
    assert (
        named.features == frostline.extract_features(photos, classifier=NAME, project=root).features
    ).all()


def test_a_weights_file_shares_rows_with_the_project(root: Path, photos: Path) -> None:
    """Written once more as the weights stage would write it."""
    file = root / "artifacts/weights/mobilenet-random/backbone.weights.h5"
    own = frostline.extract_features(
        photos,
        backbone="mobilenet",
        weights=file,
        size=(32, 40),
        resize="crop",
        end_at="conv_pw_2_relu",
        project=root,
    )
    [copy] = (root / ".frostline/cache/weights").rglob("*.h5")
    assert files.sha256_file(copy) == files.sha256_file(file)
    assert (own.features == frostline.extract_features(photos, classifier=NAME, project=root).features).all()


def test_embeddings_are_features_within_the_export_s_tolerance(root: Path, photos: Path) -> None:
    """What the exported model calls features is what the trunk makes."""
    some = sorted(path for path in photos.rglob("*.png") if path.name != "bad.png")[:5]
    with frostline.open_project(root).model(NAME, device="cpu", batch_size=4) as model:
        embedded = model.embed(some)
    rows = frostline.extract_features(some, classifier=NAME, project=root)
    assert rows.labels is None
    assert rows.paths == tuple(map(str, some))
    np.testing.assert_allclose(embedded, rows.features, rtol=1e-3, atol=1e-4)


def test_a_transformer_in_a_pipeline(root: Path, photos: Path) -> None:
    """Cross-validated over paths as a list and as an array; clones and pickles transform alike."""
    paths = sorted(str(path) for path in photos.rglob("*.png") if path.name != "bad.png")
    labels = [Path(path).parent.name for path in paths]
    transformer = frostline.FrozenFeatures(classifier=NAME, project=root)
    pipeline = make_pipeline(transformer, StandardScaler(), LogisticRegression(max_iter=500))
    shares = cross_val_score(pipeline, paths, labels, cv=2)
    assert (cross_val_score(pipeline, np.array(paths), labels, cv=2) == shares).all()
    rows = transformer.fit(paths).transform(paths)
    wanted = frostline.extract_features(paths, classifier=NAME, project=root).features
    assert (rows == wanted).all()
    assert (pickle.loads(pickle.dumps(transformer)).transform(paths) == wanted).all()
    assert (clone(transformer).fit_transform(paths) == wanted).all()
    assert transformer.get_feature_names_out().shape == (rows.shape[1],)
    assert transformer.note_.startswith("random weights")
    framed = clone(transformer).set_output(transform="pandas").fit_transform(paths)
    assert framed.columns.tolist() == transformer.get_feature_names_out().tolist()


def test_a_transformer_and_a_broken_image(root: Path, photos: Path) -> None:
    """An error that names it, or a row of NaN in its place."""
    paths = [photos / "square/square-1.png", photos / "circle/bad.png", photos / "square/square-1.png"]
    with pytest.raises(InputError, match=r"bad\.png"):
        frostline.FrozenFeatures(classifier=NAME, project=root).fit_transform(paths)
    rows = frostline.FrozenFeatures(classifier=NAME, project=root, unreadable="nan").fit_transform(paths)
    assert np.isnan(rows).all(axis=1).tolist() == [False, True, False]
    assert (rows[0] == rows[2]).all()


def test_a_plain_network_has_nothing_frozen(root: Path, photos: Path) -> None:
    """Neither has what does not exist; each is told."""
    for layers in (
        {"classifier": "plain"},
        {"classifier": "none"},
        {"weights": "scratch"},
        {"weights": "none"},
    ):
        with pytest.raises(FrostlineError):
            frostline.extract_features(photos, project=root, **layers)


def test_outside_of_any_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A backbone needs none: rows are cached with the user; what needs a project says so."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    one = folder(tmp_path / "some", {"a.png": encoded(1), "b.png": encoded(2)})
    found = frostline.extract_features(one, backbone="mobilenet", weights="random", size=32)
    assert found.features.shape == (2, 1024)
    assert (found.labels, found.paths) == (None, ("a.png", "b.png"))
    assert found.note in repr(found)
    assert list((tmp_path / "user").rglob("*.arrow"))
    with pytest.raises(InputError, match="project"):
        frostline.extract_features(one, classifier=NAME)


def test_nothing_readable_is_no_row(root: Path, photos: Path) -> None:
    """An empty list, and a list of what is broken or missing."""
    assert frostline.extract_features([], classifier=NAME, project=root).features.shape[0] == 0
    broken = [photos / "circle/bad.png", photos / "none.png"]
    found = frostline.extract_features(broken, classifier=NAME, project=root)
    assert (len(found), list(found.unreadable)) == (0, [str(broken[1]), str(broken[0])])
