"""open_model: the rows of `frostline score` for every form of image, embeddings, explanations, a clear end."""

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import frostline
from frostline.commands import score as command
from frostline.errors import FrostlineError, InputError
from frostline.files import sha256_file
from frostline.runtime.contract import WeightsSource
from helpers.foreign_models import VALUES as FOREIGN
from helpers.foreign_models import network as foreign_network
from helpers.images import archive, encoded, folder, pixels
from helpers.models import CLASSES, contract, model

PHOTOS = {
    f"{place}/{seed}.{kind}": encoded(seed, kind=kind, height=21 + 90 * (seed % 2), width=47 + 100 * seed)
    for seed, (place, kind) in enumerate(
        [("b", "png"), ("a", "jpeg"), ("a", "webp"), ("c d", "bmp"), ("é", "gif")]
    )
}
BAD = {"a/empty.jpg": b"", "a/page.jpg": b"<!DOCTYPE html>", "b/half.jpg": encoded(9, kind="jpeg")[:700]}


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A tiny model file that gives features too."""
    path = tmp_path / "tiny.onnx"
    path.write_bytes(model(features=True))
    return path


@pytest.fixture
def opened(network: Path) -> frostline.Model:
    """That model on the CPU, four images at once."""
    return frostline.open_model(network, device="cpu", batch_size=4)


def rows(source: Path, network: Path, **changes: Any) -> Any:
    """What the command writes of a source, as an Arrow table."""
    out = source.parent / "scores.parquet"
    options: dict[str, Any] = {"device": "cpu", "batch_size": 4, **changes}
    command.run([str(source)], model=str(network), out=out, **options)
    return pq.read_table(out)


@pytest.mark.parametrize("form", ["folder", "archive"])
def test_rows_are_those_of_the_command(
    tmp_path: Path, network: Path, opened: frostline.Model, form: str
) -> None:
    """Bit for bit, unreadable files included."""
    make = folder if form == "folder" else archive
    source = make(tmp_path / ("photos" if form == "folder" else "photos.zip"), PHOTOS | BAD)
    wanted = rows(source, network, top_k=2, min_confidence=0.4)
    found = opened.predict(source, top_k=2, min_confidence=0.4)
    assert found.arrow.equals(wanted)
    assert sorted(found.errors) == sorted(BAD)
    assert found.paths == wanted["path"].to_pylist()
    assert set(found.labels) <= {None, *CLASSES}
    assert np.isnan(found.probs).any(axis=1).tolist() == [path in BAD for path in found.paths]
    assert found.to_pandas()["prob"].tolist()[0] == found["prob"][0].as_py()


def test_each_form_of_an_image_has_the_same_answer(tmp_path: Path, opened: frostline.Model) -> None:
    """Path, text, bytes, and the array of what the network sees; wherever it stands among others."""
    root = folder(tmp_path / "photos", PHOTOS)
    files = [root / name for name in sorted(PHOTOS)]
    wanted = opened.predict(root).probs
    assert (opened.predict(files).probs == wanted).all()
    assert (opened.predict([str(path) for path in files]).probs == wanted).all()
    assert (opened.predict([path.read_bytes() for path in files]).probs == wanted).all()
    assert (opened.predict([opened.decode(path) for path in files]).probs == wanted).all()
    assert (opened.predict(np.stack([opened.decode(path) for path in files])).probs == wanted).all()
    assert (opened.predict(files[2]).probs == wanted[2:3]).all()
    assert (opened.predict(files[::-1]).probs == wanted[::-1]).all()


def test_an_array_of_any_size_meets_the_resizer_of_files(opened: frostline.Model) -> None:
    """As the lossless file of the same pixels."""
    array = pixels(7, height=301, width=97)
    assert (opened.predict(array).probs == opened.predict(encoded(7, height=301, width=97)).probs).all()


def test_a_list_has_a_row_for_what_is_not_there(tmp_path: Path, opened: frostline.Model) -> None:
    """A missing file, a text file: rows, not the end."""
    root = folder(tmp_path, {"a.png": encoded(1), "b.txt": b"text"})
    found = opened.predict([root / "none.png", root / "a.png", root / "b.txt"])
    assert found["status"].to_pylist() == ["error", "ok", "error"]
    assert "No such file" in found.errors[str(root / "none.png")]


def test_nothing_is_an_empty_table_and_an_empty_folder_an_error(
    tmp_path: Path, opened: frostline.Model
) -> None:
    """An empty list is what a program may have; an empty folder is a mistake."""
    assert (len(opened.predict([])), opened.predict([]).probs.shape) == (0, (0, 3))
    assert opened.embed([]).shape == (0, 0)
    with pytest.raises(InputError, match="no images"):
        opened.predict(folder(tmp_path / "empty", {"x.txt": b""}))


def test_what_a_model_says_of_itself(network: Path, opened: frostline.Model) -> None:
    """Classes in order, size, where it runs, what it was made from."""
    assert opened.classes == CLASSES
    assert opened.image_size == (20, 28)
    assert (opened.device, opened.precision, opened.note) == ("cpu", "float32", "")
    assert opened.sha256 == sha256_file(network)
    assert opened.metadata["classifier"] == "tiny"
    assert opened.metadata["frostline"]
    assert "tiny: 3 classes" in repr(opened)


def test_random_weights_are_told(tmp_path: Path) -> None:
    """Wherever a person looks at the model or its scores."""
    random = contract(weights=WeightsSource("tiny", "random", None))
    (tmp_path / "random.onnx").write_bytes(model(random))
    opened = frostline.open_model(tmp_path / "random.onnx", device="cpu", batch_size=1)
    assert opened.note.startswith("random weights")
    assert opened.note in repr(opened)
    assert opened.note in repr(opened.predict(pixels(1)))


def test_embeddings_are_the_command_s_features(
    tmp_path: Path, network: Path, opened: frostline.Model
) -> None:
    """(N, D) float32, bit for bit what `--features` writes; unreadable files as asked."""
    root = folder(tmp_path / "photos", PHOTOS | BAD)
    wanted = rows(root, network, features=True)
    found = opened.embed(root, unreadable="nan")
    assert found.dtype == np.float32
    good = [error is None for error in wanted["error"].to_pylist()]
    assert (found[good] == np.array(wanted["features"].drop_null().to_pylist(), np.float32)).all()
    assert np.isnan(found[np.logical_not(good)]).all()
    with pytest.raises(InputError, match="a/empty"):
        opened.embed(root)


def test_a_network_without_frozen_layers_has_no_embedding(tmp_path: Path) -> None:
    """A plain network is told so."""
    (tmp_path / "plain.onnx").write_bytes(model())
    with pytest.raises(InputError, match="frozen"):
        frostline.open_model(tmp_path / "plain.onnx", device="cpu", batch_size=1).embed(pixels(1))


def test_threads_share_a_model(tmp_path: Path, opened: frostline.Model) -> None:
    """Predictions and embeddings at once, first use included, are what they are alone."""
    root = folder(tmp_path / "photos", PHOTOS)
    found: dict[int, Any] = {}

    def work(number: int) -> None:
        found[number] = opened.embed(root) if number % 2 else opened.predict(root).arrow

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[number].equals(opened.predict(root).arrow) for number in range(0, 8, 2))
    assert all((found[number] == opened.embed(root)).all() for number in range(1, 8, 2))


def test_a_closed_model_is_of_no_use(network: Path) -> None:
    """An error that says so, and closing twice is no matter."""
    with frostline.open_model(network, device="cpu", batch_size=1) as opened:
        opened.predict(pixels(1))
    opened.close()
    with pytest.raises(FrostlineError, match="closed"):
        opened.predict(pixels(1))
    assert "closed" in repr(opened)


def test_a_model_of_other_origin(tmp_path: Path) -> None:
    """By its description, as the command takes it."""
    (tmp_path / "other.onnx").write_bytes(foreign_network())
    (tmp_path / "other.json").write_text(json.dumps(FOREIGN))
    root = folder(tmp_path / "photos", PHOTOS)
    opened = frostline.open_model(
        tmp_path / "other.onnx", contract=tmp_path / "other.json", device="cpu", batch_size=4
    )
    wanted = rows(root, tmp_path / "other.onnx", contract=tmp_path / "other.json")
    assert opened.predict(root).arrow.equals(wanted)


@pytest.mark.parametrize(
    "options", [{"device": "gpu"}, {"precision": "fp32"}, {"batch_size": 0}, {"threads": 0}]
)
def test_wrong_options(network: Path, options: dict[str, Any]) -> None:
    """Before a model is read."""
    with pytest.raises(InputError):
        frostline.open_model(network, **options)


def test_one_image_is_decoded(tmp_path: Path, opened: frostline.Model) -> None:
    """A broken one, or several, are InputErrors."""
    assert opened.decode(encoded(1)).shape == (20, 28, 3)
    for wrong in (b"<html>", str(tmp_path / "none.png"), [pixels(1), pixels(2)]):
        with pytest.raises(InputError):
            opened.decode(wrong)  # type: ignore[arg-type]


def test_explained_by_hiding(opened: frostline.Model) -> None:
    """Red on the right decides for red, there; the probability is that of the prediction."""
    array = np.full((20, 28, 3), 120, np.uint8)
    array[:, 14:] = (250, 60, 60)
    shown = opened.explain(array, cells=4)
    assert (shown.label, shown.method, shown.layer) == ("red", "occlusion", None)
    assert shown.prob == pytest.approx(opened.predict(array).probs[0].max(), abs=1e-6)
    assert (shown.heat.shape, shown.heat.dtype, shown.heat.max()) == ((4, 4), np.float32, 1)
    assert shown.heat[:, 2:].sum() > 3 * shown.heat[:, :2].sum()
    assert 0 < shown.drop < shown.prob  # type: ignore[operator]  # occlusion has one
    assert (shown.pixels == array).all()
    assert shown.overlay().shape == array.shape


def test_explained_for_another_class(opened: frostline.Model) -> None:
    """The class that was asked about, and InputError for one that there is not."""
    assert opened.explain(pixels(3), label="blue", cells=2).label == "blue"
    with pytest.raises(InputError, match="green"):
        opened.explain(pixels(3), label="cyan")
    with pytest.raises(InputError, match="occlusion"):
        opened.explain(pixels(3), method="gradcam")
    with pytest.raises(InputError):
        opened.explain(pixels(3), method="lime")  # type: ignore[arg-type]
    with pytest.raises(InputError):
        opened.explain(pixels(3), cells=1)
