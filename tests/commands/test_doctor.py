"""`frostline doctor`: a line for each thing looked at, an honest exit."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from frostline.commands import doctor
from frostline.errors import FrostlineError
from frostline.pipeline import code_file
from helpers.images import folder
from helpers.projects import call

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with data, valid params and the versions of this environment."""
    root = tmp_path_factory.mktemp("doctor") / "project"
    root.mkdir()
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, root / name)
    code_file.write(code_file.installed(), {}, root / "code.yaml")
    folder(root / "data", {"digits.zip": b"photos"})
    for command in ("git init -q", "dvc init -q", "git add -A", "git commit -qm start"):
        call(*command.split(), cwd=root)
    return root


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it as the current folder; how fast the processor is, outside of a project is asked too."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor.precision_gains, "gains", dict)
    for name in ("MLFLOW_TRACKING_URI", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def lines(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What was printed: the thing looked at → its mark and text."""
    out = capsys.readouterr().out.splitlines()
    return {line[5:].split(":")[0]: line[:4].strip() + " " + line.split(": ", 1)[1] for line in out}


def test_all_well(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sound project gives no FIX, and tells where to look for MLflow."""
    assert project.is_dir()
    doctor.run()
    found = lines(capsys)
    assert not [line for line in found.values() if line.startswith("FIX")]
    assert found["code.yaml"] == "ok names the code and packages that are installed"
    assert found["MLflow"].startswith("ok frostline serve --mlflow-only")
    assert found["DVC remote"].startswith("note no default remote; to share data and models")
    assert found["Prefect"] == "note no API is named; for schedules: frostline serve"
    assert found["git"] == "ok nothing uncommitted but what DVC writes"


@pytest.mark.parametrize(
    ("gains", "said"),
    [
        (
            {"bfloat16": 1.96, "int8": 3.44},
            "bfloat16 2.0 and int8 3.4 times as fast as float32 in convolutions, measured now",
        ),
        ({"int8": 1.5}, "int8 1.5 times as fast as float32 in convolutions, measured now"),
        ({}, "only float32 here"),
    ],
)
def test_what_less_precision_brings(
    monkeypatch: pytest.MonkeyPatch, gains: dict[str, float], said: str
) -> None:
    """Said with the runtime and the processor, since nobody takes it unasked."""
    monkeypatch.setattr(doctor.providers, "missing", lambda _: "")
    monkeypatch.setattr(doctor.openvino, "runtime", lambda: "OpenVINO 7.8.9")
    monkeypatch.setattr(doctor.openvino, "processor", lambda: "Acme 9")
    monkeypatch.setattr(doctor.precision_gains, "gains", lambda: gains)
    assert doctor._openvino() == doctor.Diagnosis(
        "openvino", "", f"OpenVINO 7.8.9 on Acme 9; {said}", needed=False
    )


def test_a_faster_runtime_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setattr(doctor.providers, "missing", lambda _: "the package openvino is not installed")
    found = doctor._openvino()
    assert found.problem.startswith("the package openvino is not installed; ")
    assert found.problem.endswith("pip install 'frostline[cpu]'")
    assert not found.needed


def no_data(project: Path) -> None:
    shutil.rmtree(project / "data")


def known_data(project: Path) -> None:
    no_data(project)
    (project / "data.dvc").write_text("outs: []\n")


def no_weights(project: Path) -> None:
    params = project / "params.yaml"
    text = params.read_text()
    params.write_text(text.replace("{backbone: vgg19, source: random}", "{backbone: vgg19, source: mine.h5}"))
    assert params.read_text() != text


def linked_data(project: Path) -> None:
    no_data(project)
    (project / "data/digits.zip").mkdir(parents=True)
    (project / "data.dvc").write_text("outs: []\n")
    (project / "data/digits.zip/more").symlink_to(project)


def bad_params(project: Path) -> None:
    (project / "params.yaml").write_text("sed: 7\n")


def other_code(project: Path) -> None:
    (project / "code.yaml").write_text("train: {code: x, packages: {}}\n")


@pytest.mark.parametrize(
    ("spoil", "what", "advice"),
    [
        (no_data, "data", "FIX data/digits.zip (dataset digits) missing; put or link them there"),
        (known_data, "data", "FIX data/digits.zip (dataset digits) missing; `dvc pull data.dvc` brings"),
        (linked_data, "data", "FIX data/digits.zip/more is a symbolic link to a folder: DVC does not look"),
        (no_weights, "weights", "FIX pretrained/mine.h5 (weights vgg19-random) missing; put or link"),
        (bad_params, "params.yaml", "FIX params.yaml: sed: unknown key; did you mean 'seed'?"),
        (other_code, "code.yaml", "FIX differs from what is installed: weights (not locked yet)"),
    ],
)
def test_what_is_broken(
    project: Path, capsys: pytest.CaptureFixture[str], spoil: object, what: str, advice: str
) -> None:
    """The line says what to do, everything else is still looked at, and the exit is not 0."""
    spoil(project)  # type: ignore[operator]
    with pytest.raises(FrostlineError, match=f"to be fixed: {what}"):
        doctor.run()
    found = lines(capsys)
    assert found[what].startswith(advice)
    assert "disk" in found


def test_an_unreachable_server(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed port is named."""
    assert project.is_dir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(FrostlineError, match="to be fixed: MLflow"):
        doctor.run()
    assert "127.0.0.1:9" in lines(capsys)["MLflow"]


def test_prefect_does_not_answer(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An API that is named must be there; the line says what starts it."""
    assert project.is_dir()
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    with pytest.raises(FrostlineError, match="to be fixed: Prefect"):
        doctor.run()
    assert "start it: frostline serve" in lines(capsys)["Prefect"]


def test_uncommitted_changes(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are told, not mended: only the retraining flow minds."""
    (project / "dvc.yaml").write_text("stages: {}\n")
    doctor.run()
    assert lines(capsys)["git"].startswith("note uncommitted changes (dvc.yaml)")


def test_who_commits(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine on which `git commit` would ask who you are is told before the first commit."""
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    settings = project / "nobody"
    settings.write_text("[user]\n\tuseConfigOnly = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    doctor.run()
    assert lines(capsys)["git identity"].startswith(
        "note `git commit` would refuse: git config --global user.name"
    )
    settings.write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    doctor.run()
    assert lines(capsys)["git identity"] == "ok Ada <ada@example.org>"


def test_outside_a_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is broken there: what scoring needs is looked at, and how a project begins is said."""
    monkeypatch.chdir(tmp_path)
    doctor.run()
    found = lines(capsys)
    assert found["project"].startswith(f"note none in {tmp_path}; ")
    assert "frostline init" in found["project"]
    assert {"install", "disk", "cache", "cuda"} <= found.keys()
    assert not {"params.yaml", "git"} & found.keys()


def test_in_a_base_install(project: Path) -> None:
    """What is not installed is named with what installs it, and no check ends the others."""
    absent = ("ruamel", "pydantic", "dvc", "mlflow", "tensorflow")
    (project / "sitecustomize.py").write_text(f"import sys\nsys.modules |= dict.fromkeys({absent!r})\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(project), str(ROOT / "src")])}
    (project / "data/photos").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "frostline.cli", "doctor"],
        cwd=project / "data/photos", env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "for scoring alone: tensorflow, dvc, mlflow missing" in done.stdout
    assert f"ok   project: {project}\n" in done.stdout  # in a subfolder too
    assert "note params.yaml: not looked at, " in done.stdout
    assert "pip install 'frostline[train]'" in done.stdout
