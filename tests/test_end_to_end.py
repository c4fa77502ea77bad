"""From a folder of photos to scores by real `dvc` and `frostline` commands, in copies of this project."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from frostline.pipeline import code_file
from helpers.images import encoded, folder
from helpers.params import CNN, PRETRAINED, WHOLE, changed
from helpers.projects import call, committed, copied, write_params

COLOURS = ("blue", "green", "red")
PHASES = {"all": {**CNN["phases"]["all"], "epochs": 12}}
HEAD = {**CNN["network"]["head"], "dense": {"hidden": 32}, "dropout": 0.0}  # wide enough that no class dies
TINY = changed(
    WHOLE,
    {
        "weights": {"scratch": WHOLE["weights"]["scratch"]},  # a network that nothing uses takes seconds
        "classifiers.cnn.phases": PHASES,
        "classifiers.cnn.network.head": HEAD,
        "datasets.shapes.path": "data/shapes",
    },
)
BOTH = changed(
    TINY,
    {
        "weights": WHOLE["weights"],
        "classifiers.thawed": PRETRAINED,
        "classifiers.thawed.phases.thaw": {**PRETRAINED["phases"]["head"], "freeze": "conv_pw_1_relu", "epochs": 1},
        "classifiers.thawed.augmentation": {
            "rotation": 10.0, "width_shift": 0.1, "height_shift": 0.1, "shear": 0.0, "zoom": 0.1,
            "horizontal_flip": True, "views": 2,
        },
    },
)  # fmt: skip
STAGES = ["weights@scratch", "preprocess@shapes"]
CNN_STAGES = ["train@cnn", "evaluate@cnn", "export@cnn", "compare"]


def photo(colour: str, number: int, *, kind: str = "png") -> bytes:
    """A picture that is mostly of one colour: what even a tiny network learns."""
    from io import BytesIO

    from PIL import Image

    with Image.open(BytesIO(encoded(number, height=30 + number % 7, width=41 + number % 5))) as image:
        pixels = np.asarray(image) // 3
    pixels[..., 2 - COLOURS.index(colour)] += 150
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def project(root: Path, values: dict[str, Any]) -> Path:
    """A copy of this project with its own params and photos, under git and DVC."""
    copied(root)
    photos = {f"{colour}/{number}.png": photo(colour, 100 * row + number)
              for row, colour in enumerate(COLOURS) for number in range(24)}  # fmt: skip
    folder(root / "data/shapes", photos)  # not an archive, which would hold the time
    write_params(root, values)
    call("git", "init", "--quiet", cwd=root)
    call("dvc", "add", "--quiet", "data", cwd=root)
    return committed(root)


def ran(said: str) -> list[str]:
    """The stages that a `dvc repro` ran, in order."""
    return [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage ")]


def metrics(root: Path, name: str = "cnn") -> dict[str, Any]:
    """A classifier's metrics."""
    found: dict[str, Any] = json.loads((root / f"metrics/{name}.json").read_text())
    return found


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one plain network, after one `dvc repro` and a commit."""
    root = project(tmp_path_factory.mktemp("tiny") / "project", TINY)
    said = call("dvc", "repro", cwd=root).stdout
    stages = ran(said)
    assert sorted(stages) == sorted([*STAGES, *CNN_STAGES])
    assert [stage for stage in stages if stage in CNN_STAGES] == CNN_STAGES
    return committed(root, "Trained")


def test_repro_learns(tiny: Path) -> None:
    """Every test photo is measured once, and the colours are distinguished."""
    found = metrics(tiny)
    manifest = pq.read_table(tiny / "artifacts/datasets/shapes/manifest.parquet").to_pylist()
    assert found["test"]["images"] == sum(row["split"] == "test" for row in manifest) >= 9
    assert found["test"]["accuracy"] >= 0.9
    assert "| cnn |" in (tiny / "reports/comparison/comparison.md").read_text()


def test_a_second_repro_does_nothing(tiny: Path) -> None:
    """Nothing runs, nothing is written, the tree stays as it was committed."""
    said = call("dvc", "repro", cwd=tiny)
    assert ran(said.stdout) == []
    assert "Data and pipelines are up to date." in said.stdout + said.stderr
    assert call("git", "status", "--porcelain", cwd=tiny).stdout == ""


def test_score(tiny: Path, tmp_path: Path) -> None:
    """The exported file scores new photos by the classifier's name; an unreadable one is a row too."""
    photos = folder(tmp_path / "new", {
        **{f"{colour}.jpg": photo(colour, 999, kind="jpeg") for colour in COLOURS}, "broken.jpg": b"<html>"
    })  # fmt: skip
    out = tmp_path / "scores.parquet"
    call("frostline", "score", photos, "--model", "cnn", "--out", out, "--device", "cpu", cwd=tiny)
    rows = pq.read_table(out).to_pylist()
    assert [(row["path"], row["status"], row["label"]) for row in rows] == [
        ("blue.jpg", "ok", "blue"), ("broken.jpg", "error", None), ("green.jpg", "ok", "green"),
        ("red.jpg", "ok", "red"),
    ]  # fmt: skip
    job = json.loads((tmp_path / "scores.parquet.job.json").read_text())
    assert job["counts"]["scored"] == 3


def test_no_output_tells_where_or_when(tiny: Path) -> None:
    """No output, nor dvc.lock, holds the project's place."""
    tops = ("artifacts", "metrics", "plots", "reports", "dvc.lock")
    for path in [path for top in tops for path in [tiny / top, *(tiny / top).rglob("*")] if path.is_file()]:
        assert str(tiny).encode() not in path.read_bytes(), path


def experiment(root: Path, *options: str, name: str) -> dict[str, Any]:
    """Run an experiment on the learning rate; what `dvc exp show` then says of it."""
    override = "classifiers.cnn.phases.all.learning_rate=0.002"
    call("dvc", "exp", "run", "--name", name, *options, "-S", override, cwd=root)
    shown = json.loads(call("dvc", "exp", "show", "--json", cwd=root).stdout)
    found = [one for commit in shown for each in commit.get("experiments") or [] for one in each["revs"]]
    [chosen] = [each for each in found if each["name"] == name]
    data: dict[str, Any] = chosen["data"]
    return data


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_experiments(tiny: Path) -> None:
    """`dvc exp run -S`, in the workspace and apart: other params, other metrics, the same from both."""
    before = metrics(tiny)
    apart = experiment(tiny, "--temp", name="apart")
    assert metrics(tiny) == before  # a run apart leaves the workspace alone
    assert call("git", "status", "--porcelain", cwd=tiny).stdout == ""
    assert (tiny / ".frostline/cache/pixels").is_dir()
    here = experiment(tiny, name="here")
    call("git", "checkout", "--quiet", "--", ".", cwd=tiny)
    call("dvc", "checkout", "--quiet", cwd=tiny)
    rate = here["params"]["params.yaml"]["data"]["classifiers"]["cnn"]["phases"]["all"]["learning_rate"]
    assert rate == 0.002
    assert here["metrics"] == apart["metrics"]
    found = here["metrics"]["metrics/headline/cnn.json"]["data"]
    assert found["test"]["loss"] != before["test"]["loss"]
    assert metrics(tiny) == before


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_temporary_checkout_is_held_to_its_own_code_file(tiny: Path) -> None:
    """An experiment apart whose commit was made by other code is refused, as it would be in the workspace."""
    file = tiny / "code.yaml"
    original = file.read_text()
    installed = code_file.installed()["compare"]["code"]
    file.write_text(original.replace(installed, "0" * 64))
    assert file.read_text() != original
    done = call("dvc", "exp", "run", "--temp", "--name", "apart-code", cwd=tiny, check=False)
    file.write_text(original)
    assert done.returncode != 0
    assert "compare: code.yaml names other code" in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_metrics_and_plots(tiny: Path) -> None:
    """`dvc metrics show` and `diff` and `dvc plots show` find what evaluate wrote."""
    shown = json.loads(call("dvc", "metrics", "show", "--json", cwd=tiny).stdout)
    assert (
        shown[""]["data"]["metrics/headline/cnn.json"]["data"]["test"]["accuracy"]
        == metrics(tiny)["test"]["accuracy"]
    )
    write_params(tiny, changed(TINY, {"classifiers.cnn.phases.all.epochs": 1}))
    call("dvc", "repro", cwd=tiny)
    diff = json.loads(call("dvc", "metrics", "diff", "--json", cwd=tiny).stdout)
    loss = diff["metrics/headline/cnn.json"]["test.loss"]
    assert loss["new"] > loss["old"]
    call("git", "checkout", "--quiet", "--", ".", cwd=tiny)
    call("dvc", "checkout", "--quiet", cwd=tiny)
    call("dvc", "plots", "show", "--out", "pages", cwd=tiny)
    page = (tiny / "pages/index.html").read_text()
    shutil.rmtree(tiny / "pages")
    assert "confusion" in page
    assert "curves" in page


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_deleted_outputs_come_back_without_running(tiny: Path) -> None:
    """From DVC's cache: the same bytes, no stage computed; also after a detour through other params."""
    lock = (tiny / "dvc.lock").read_bytes()
    for top in ("artifacts", "metrics", "plots", "reports", ".frostline"):
        shutil.rmtree(tiny / top)
    (tiny / "dvc.lock").unlink()
    said = call("dvc", "repro", cwd=tiny)
    assert ran(said.stdout) == []
    assert said.stdout.count("is cached - skipping run, checking out outputs") == len(STAGES + CNN_STAGES)
    assert yaml.safe_load((tiny / "dvc.lock").read_bytes()) == yaml.safe_load(lock)
    assert not (tiny / ".frostline").exists()
    call("git", "checkout", "--quiet", "--", ".", cwd=tiny)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_places_one_lock(tmp_path: Path) -> None:
    """Other paths, time zones, hash seeds and cold caches: the same dvc.lock, and again when forced."""
    first = project(tmp_path / "first", BOTH)
    root = tmp_path / "some where" / "else"
    call("git", "clone", "--quiet", first, root, cwd=tmp_path)
    shutil.copytree(first / "data", root / "data", dirs_exist_ok=True)
    call("dvc", "repro", cwd=first, TZ="UTC", PYTHONHASHSEED="1", LC_ALL="C")
    call("dvc", "repro", cwd=root, TZ="Asia/Kolkata", PYTHONHASHSEED="2", LC_ALL="C.UTF-8")
    locks = [(each / "dvc.lock").read_text() for each in (first, root)]
    assert locks[0] == locks[1]
    shutil.rmtree(root / ".frostline")
    call("dvc", "repro", "--force", cwd=root, TZ="America/Lima", PYTHONHASHSEED="3")
    assert (root / "dvc.lock").read_text() == locks[0]
    call("dvc", "repro", "--force", cwd=root)  # the same again with a warm cache
    assert (root / "dvc.lock").read_text() == locks[0]
    with (root / "artifacts/classifiers/thawed/history.csv").open() as file:
        assert [row["phase"] for row in csv.DictReader(file)] == ["head", "head", "thaw"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_clone_takes_the_work_from_a_remote(tiny: Path, tmp_path: Path) -> None:
    """A colleague's fresh clone pulls and has all outputs without running anything."""
    call("dvc", "remote", "add", "-d", "shared", tmp_path / "remote", cwd=tiny)
    committed(tiny, "A remote")
    call("dvc", "push", "--quiet", cwd=tiny)
    clone = tmp_path / "clone"
    call("git", "clone", "--quiet", tiny, clone, cwd=tmp_path)
    call("dvc", "pull", "--quiet", cwd=clone)
    assert metrics(clone) == metrics(tiny)
    assert ran(call("dvc", "repro", cwd=clone).stdout) == []
