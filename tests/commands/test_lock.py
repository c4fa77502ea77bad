"""`frostline lock`: brings a project to what is installed, touches nothing else, and says what it did."""

import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from frostline import config
from frostline.commands import init, lock
from frostline.datasets import manifest
from frostline.datasets.layout import LabelledImage, LabelledImages
from frostline.errors import FrostlineError, InputError
from frostline.pipeline import code_file, processes
from frostline.template import project as template
from helpers.images import classes, folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project, without the work of DVC."""
    top = tmp_path_factory.mktemp("lock")
    real = processes.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "run", lambda *a, **k: "" if a[0] == "dvc" else real(*a, **k))
        init.run(top / "flowers", data=folder(top / "photos", classes({"a": 6, "b": 6})), pretrained="none")
    return top / "flowers"


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it as the current folder."""
    shutil.copytree(made, tmp_path / "flowers")
    monkeypatch.chdir(tmp_path / "flowers")
    return tmp_path / "flowers"


def state(project: Path) -> dict[str, bytes]:
    """All files but git's, by path."""
    found = (path for path in project.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in found}


def changed(project: Path, before: dict[str, bytes]) -> set[str]:
    """Files that came, went or differ."""
    now = state(project)
    return {path for path in now | before if now.get(path) != before.get(path)}


def edited(path: str, old: str, new: str) -> None:
    """Replace something in a file that has it."""
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new))


def another_code(stage: str) -> None:
    """As if the project had been locked by a version whose code of a stage was another."""
    edited("code.yaml", code_file.read()[stage]["code"], "0" * 64)


def test_nothing_to_do(project: Path) -> None:
    """Not a byte is written."""
    before = state(project)
    assert lock.run() == lock.run(check=True) == ["code.yaml is up to date"]
    assert state(project) == before


@pytest.mark.parametrize("stage", code_file.STAGES)
def test_a_stages_code_changed(project: Path, stage: str) -> None:
    """Until it is locked the stage refuses, with the one command that mends it; the others go on."""
    another_code(stage)
    with pytest.raises(InputError, match=rf"{stage}: .* \(code changed\); run `frostline lock`"):
        code_file.require(stage)
    for other in set(code_file.STAGES) - {stage}:
        code_file.require(other)
    before = state(project)
    with pytest.raises(FrostlineError, match=rf"{stage}: code changed.*frostline lock"):
        lock.run(check=True)
    assert state(project) == before
    assert lock.run() == [f"{stage}: code changed", "Wrote code.yaml", "next: dvc repro"]
    assert changed(project, before) == {"code.yaml"}
    code_file.require(stage)


def test_packages_changed(project: Path) -> None:
    """From which version to which, stage by stage."""
    numpy = code_file.read()["train"]["packages"]["numpy"]
    edited("code.yaml", f'numpy: "{numpy}"', 'numpy: "1.0"')
    lines = lock.run()
    assert f"train: numpy 1.0 → {numpy}" in lines
    assert project.is_dir()


@pytest.mark.parametrize("content", [None, "", "[]", "a: {", "train: 1\n"])
def test_a_file_that_is_missing_or_damaged(project: Path, content: str | None) -> None:
    """It is written anew."""
    good = Path("code.yaml").read_bytes()
    Path("code.yaml").unlink() if content is None else Path("code.yaml").write_text(content)
    assert lock.run()[0] == "weights: not locked yet"
    assert Path("code.yaml").read_bytes() == good
    assert not list(project.rglob("*.new"))


def test_the_schema_changed(project: Path) -> None:
    """params.yaml is migrated, comments and order kept, and so are the values that stages ran with."""
    text = Path("params.yaml").read_text()
    edited("params.yaml", "variants: null", "variants: {fp16: 0.5}  # mine")
    stages = {
        "export@flowers-cnn": {"params": {"params.yaml": {"classifiers.flowers-cnn": {"variants": {"fp16": 0.5}}}}},
        "preprocess@flowers": {"params": {"params.yaml": {"seed": 7}}, "deps": [{"path": "data", "md5": "0a"}]},
    }  # fmt: skip
    with Path("dvc.lock").open("w") as file:
        YAML().dump({"schema": "2.0", "stages": stages}, file)
    with pytest.raises(InputError, match="fp16"):
        config.parse(config.plain(Path("params.yaml").read_text()))
    before = state(project)
    with pytest.raises(FrostlineError, match="fp16 is now float16"):
        lock.run(check=True)
    assert state(project) == before
    lines = lock.run()
    assert lines[0] == "params.yaml: classifiers.flowers-cnn.variants.fp16 is now float16"
    assert "Wrote params.yaml, code.yaml" in lines
    expected = text.replace("variants: null", "variants: {float16: 0.5}  # mine")
    assert Path("params.yaml").read_text() == expected
    stages["export@flowers-cnn"]["params"]["params.yaml"]["classifiers.flowers-cnn"]["variants"] = {
        "float16": 0.5
    }
    assert YAML(typ="safe").load(Path("dvc.lock"))["stages"] == stages
    assert lock.run(check=True) == ["code.yaml is up to date"]


def test_params_that_are_wrong_stop_it(project: Path) -> None:
    """Nothing is written beside a params.yaml that nobody can read."""
    another_code("train")
    edited("params.yaml", "seed: 7", "seed: seven")
    before = state(project)
    with pytest.raises(InputError, match="seed"):
        lock.run()
    assert state(project) == before


def later(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> None:
    """As if a later version's template had other texts; None takes a file away."""
    real = template.contents

    def contents(name: str, classifier: str) -> dict[str, str]:
        texts = {**real(name, classifier), **{path: text or "" for path, text in changes.items()}}
        return {path: text for path, text in texts.items() if changes.get(path, "") is not None}

    monkeypatch.setattr(template, "contents", contents)


def test_the_template_changed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files follow where nobody edited them; an edited one stays, once with the new one beside it."""
    edited("prefect.yaml", "deployments:", "# mine\ndeployments:")
    Path("flows/scoring.py").unlink()
    Path("README.md").write_text("mine")
    mine = Path("prefect.yaml").read_text()
    texts = {"dvc.yaml": "stages: {}\n", "prefect.yaml": "later\n", "flows/new.py": "x = 1\n",
             "flows/scoring.py": "later\n", "README.md": "later\n"}  # fmt: skip
    later(monkeypatch, **texts)
    before = state(project)
    with pytest.raises(FrostlineError, match="frostline lock"):
        lock.run(check=True)
    assert state(project) == before
    lines = lock.run()
    assert lines == [
        "prefect.yaml was edited and stays as it is; this version's own is prefect.yaml.new",
        "Wrote code.yaml, dvc.yaml, flows/new.py", "next: dvc repro",
    ]  # fmt: skip
    assert changed(project, before) == {"code.yaml", "dvc.yaml", "prefect.yaml.new", "flows/new.py"}
    assert Path("prefect.yaml").read_text() == mine
    assert Path("prefect.yaml.new").read_text() == "later\n"
    Path("prefect.yaml.new").unlink()
    assert lock.run() == lock.run(check=True) == ["code.yaml is up to date"]
    assert not Path("prefect.yaml.new").exists()


def test_the_template_takes_a_file_away(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the user's from then on."""
    later(monkeypatch, **{"flows/scoring.py": None})
    lock.run()
    assert (project / "flows/scoring.py").is_file()
    assert "flows/scoring.py" not in code_file.read()["files"]


def test_another_classifier_to_score_with(project: Path) -> None:
    """Schedules name a classifier that params.yaml has: they follow it."""
    edited("params.yaml", "  flowers-cnn:\n", "  petals:\n")
    assert lock.run() == ["Wrote code.yaml, prefect.yaml", "next: dvc repro"]
    assert "models:/petals@champion" in (project / "prefect.yaml").read_text()


def int8(project: Path, ids: dict[str, str]) -> None:
    """The project with int8 in a second classifier, and a manifest of training photos, content → path."""
    values = YAML(typ="safe").load(Path("params.yaml"))
    onnx = {
        "backbone": "onnx", "source": "net.onnx",
        "input": {"channels": "RGB", "scale": 1.0, "mean": [0.0] * 3, "std": [1.0] * 3},
        "taps": {"flat": {"pooling": "none", "prefix_tokens": 0}},
    }  # fmt: skip
    values["weights"]["net"] = onnx
    head = {"pooling": "flatten", "standardize": True, "dense": {}, "dropout": 0.0}
    values["classifiers"]["small"] = {
        **values["classifiers"]["flowers-cnn"], "weights": "net", "precision": "int8",
        "image": {"size": {"height": 32, "width": 32}, "resize": "squash", "transform": "backbone"},
        "network": {"type": "pretrained", "end_at": None, "head": head}, "training": None, "augmentation": None,
        "phases": {"head": {"freeze": "all", "solver": "logistic", "C": [0.1]}},
    }  # fmt: skip
    with Path("params.yaml").open("w") as file:
        YAML().dump(values, file)
    count = len(ids)
    labelled = LabelledImages.of(LabelledImage(name, "a", "") for name in ids.values())
    columns = {
        "sha256": list(ids), "bytes": [9] * count, "height": [20] * count, "width": [20] * count,
        "split": ["train"] * count, "flags": [""] * count,
    }  # fmt: skip
    made = manifest.build("data", labelled, classes=("a", "b"), reasons=[""] * count, columns=columns)
    manifest.write(made, project / "artifacts/datasets/flowers/manifest.parquet")


def test_the_photos_that_calibrate_int8_are_chosen_once(project: Path) -> None:
    """By content, as soon as a classifier asks for it; later photos change nothing, the loss of most of them does."""
    ids = {f"{number:064x}": f"a/{number}.jpg" for number in range(100, 300)}
    before = state(project)
    int8(project, ids)
    asked = r"calibration\.csv: 64 training photos of 'flowers' calibrate int8"
    with pytest.raises(FrostlineError, match=rf"{asked}.*frostline lock"):
        lock.run(check=True)
    lines = lock.run()
    assert "calibration.csv: 64 training photos of 'flowers' calibrate int8; commit it" in lines
    assert "calibration.csv" in next(line for line in lines if line.startswith("Wrote"))
    assert "calibration.csv" in changed(project, before)
    first = Path("calibration.csv").read_text()
    assert [row.split(",") for row in first.splitlines()[1:]] == [
        ["flowers", path, sha256] for sha256, path in list(ids.items())[:64]
    ]
    newer = {f"{number:064x}": f"b/{number}.jpg" for number in range(100)}
    int8(project, {**newer, **ids})
    assert lock.run() == lock.run(check=True) == ["code.yaml is up to date"]
    int8(project, newer)
    lock.run()
    assert Path("calibration.csv").read_text().splitlines()[1] == f"flowers,b/0.jpg,{0:064x}"


def test_int8_before_there_are_photos(project: Path) -> None:
    """Nothing is chosen, and nothing asked for, until preprocess has seen them."""
    int8(project, {f"{number:064x}": "a" for number in range(3)})
    Path("artifacts/datasets/flowers/manifest.parquet").unlink()
    head = Path("calibration.csv").read_bytes()
    lock.run()
    assert lock.run(check=True) == ["code.yaml is up to date"]
    assert Path("calibration.csv").read_bytes() == head
