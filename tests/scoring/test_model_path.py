"""`--model`: a file, a classifier's name, a registry address, or one line with what there is."""

import sys
from pathlib import Path

import pytest

from frostline import tracking
from frostline.errors import FrostlineError, InputError
from frostline.runtime import parts
from frostline.scoring import model_path
from helpers.models import model


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two exported classifiers and one that is only half there; we stand in a subfolder."""
    for name in ("digits-cnn", "digits-vgg19"):
        file = tmp_path / "artifacts/models" / name / "model.onnx"
        file.parent.mkdir(parents=True)
        file.write_bytes(name.encode())
    (tmp_path / "artifacts/models/digits-half").mkdir()
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    return tmp_path


def test_a_file_is_taken_as_it_is(project: Path) -> None:
    """Relative or absolute, with any suffix; before a classifier of the same name."""
    (project / "inner/digits-cnn").write_bytes(b"mine")
    assert model_path.resolve("digits-cnn").read_bytes() == b"mine"
    absolute = project / "artifacts/models/digits-vgg19/model.onnx"
    assert model_path.resolve(str(absolute)) == absolute


def test_a_classifier_s_name_is_found_from_a_subfolder(project: Path) -> None:
    """Below the project's root, wherever in it we stand."""
    assert model_path.resolve("digits-vgg19") == project / "artifacts/models/digits-vgg19/model.onnx"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("digits-vgg", "no exported model digits-vgg; did you mean 'digits-vgg19'"),
        ("digits-half", "no exported model digits-half; did you mean 'digits-"),
        ("zebra", "no exported model zebra; known: digits-cnn, digits-vgg19"),
        ("models/zebra.onnx", "no model file models/zebra.onnx; name"),
        ("zebra.onnx", "no model file zebra.onnx; name"),
        ("x" * 300, "no exported model xxx"),
        ("", "no exported model"),
        ("..", "no exported model"),
        ("*", r"no exported model \*"),
        ("nul\0byte", "no exported model"),
    ],
)
def test_unknown_models(model: str, message: str) -> None:
    """One line with the nearest names there are."""
    with pytest.raises(InputError, match=message) as caught:
        model_path.resolve(model)
    assert "\n" not in str(caught.value)


def test_models_of_deleted_classifiers_are_not_proposed(project: Path) -> None:
    """Their files stay until `frostline tidy`; by its own name such a model is still found."""
    (project / "params.yaml").write_text("classifiers: {digits-cnn: {}}\n")
    with pytest.raises(InputError, match=r"no exported model zebra; known: digits-cnn$"):
        model_path.resolve("zebra")
    assert model_path.resolve("digits-vgg19").parent.name == "digits-vgg19"


def test_a_classifier_that_is_not_exported(project: Path) -> None:
    """Its own name is right: no other is suggested."""
    (project / "artifacts/classifiers/digits-cnn2").mkdir(parents=True)
    with pytest.raises(InputError, match="is trained, but not exported; run `dvc repro export@digits-cnn2`"):
        model_path.resolve("digits-cnn2")


def test_nothing_exported_yet(project: Path) -> None:
    """A fresh clone is told what to run."""
    for file in project.glob("artifacts/models/*/model.onnx"):
        file.unlink()
    with pytest.raises(InputError, match="none is exported yet: run `dvc repro`"):
        model_path.resolve("digits-cnn")


def test_outside_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scorer's machine needs no project, but then names mean nothing."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no model file digits-cnn, and no project here"):
        model_path.resolve("digits-cnn")


def test_the_registry_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """`models:/` goes to the one room that knows MLflow."""
    asked: list[str] = []

    def download(uri: str) -> Path:
        asked.append(uri)
        return Path("fetched.onnx")

    monkeypatch.setattr(tracking, "download_model", download)
    assert model_path.resolve("models:/digits@champion") == Path("fetched.onnx")
    assert asked == ["models:/digits@champion"]


def test_a_registered_model_is_cut_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `parts`: the files that `export` would have written, in the cache, and not again the second time."""
    whole = model(features=True)
    (tmp_path / "model.onnx").write_bytes(whole)
    monkeypatch.setattr(tracking, "download_model", lambda _: tmp_path / "model.onnx")
    assert not (model_path.resolve("models:/tiny@champion").parent / "head.onnx").exists()
    model_path.resolve("models:/tiny@champion", parts=True)
    assert [(tmp_path / name).read_bytes() for name in ("trunk.onnx", "head.onnx")] == list(parts.make(whole))
    monkeypatch.setattr(parts, "make", lambda _: pytest.fail("cut again"))
    model_path.resolve("models:/tiny@champion", parts=True)


def test_a_registered_model_without_a_trunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cut; what is missing is told by who wants it, and a scorer without onnx hears of the extra."""
    (tmp_path / "model.onnx").write_bytes(model())
    monkeypatch.setattr(tracking, "download_model", lambda _: tmp_path / "model.onnx")
    model_path.resolve("models:/tiny@champion", parts=True)
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    monkeypatch.setattr(parts, "find_spec", lambda _: None)
    with pytest.raises(FrostlineError, match=r"pip install 'frostline\[registry\]'"):
        model_path.resolve("models:/tiny@champion", parts=True)


def test_without_mlflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The base install names the extra, not a traceback."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "mlflow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(
        FrostlineError, match=r"needs the package mlflow[.\w]*: install .*frostline\[registry\]"
    ):
        model_path.resolve("models:/digits@champion")


def test_the_folder_of_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file in it is named; nothing is guessed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/model.onnx").touch()
    for name in ("mine", "./mine/", str(tmp_path / "mine")):
        with pytest.raises(InputError, match=r"is a folder; did you mean .*mine/model\.onnx\?"):
            model_path.resolve(name)
