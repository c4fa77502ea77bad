"""tidy: outputs of deleted entries go on request, and nothing else."""

from pathlib import Path

import pytest

from frostline.commands import tidy
from frostline.pipeline import dvc_lock
from helpers.params import CNN, WHOLE
from helpers.projects import write_params

LOCK = """\
schema: '2.0'
stages:
  train@kept:
    cmd: x
    outs:
    - path: artifacts/classifiers/kept
      md5: a.dir
  train@gone:
    cmd: x
    outs:
    - path: artifacts/classifiers/gone
      md5: b.dir
  evaluate@gone:
    cmd: x
    outs:
    - path: metrics/gone.json
      md5: c
    - path: plots/gone/curves.png
      md5: d
  compare:
    cmd: x
    outs:
    - path: reports/comparison
      md5: e.dir
"""
WRITTEN = (
    "artifacts/classifiers/kept/record.json", "artifacts/classifiers/gone/record.json", "metrics/gone.json",
    "plots/gone/curves.png", "plots/kept/curves.png", "reports/comparison/report.html", "artifacts/models/mine/x",
)  # fmt: skip
LEFT = {name for name in WRITTEN if "gone" not in name}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose classifier `gone` was deleted from params.yaml; `mine` is no stage's."""
    monkeypatch.chdir(tmp_path)
    write_params(tmp_path, {**WHOLE, "classifiers": {"kept": {**CNN}}})
    for name in WRITTEN:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "dvc.lock").write_text(LOCK)
    return tmp_path


def there(root: Path) -> set[str]:
    """The outputs that are left."""
    return {name for name in WRITTEN if (root / name).exists()}


def test_what_was_deleted_from_params_goes(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its part of dvc.lock and its empty folder; the second time there is nothing to do."""
    assert tidy.run().startswith("3 outputs deleted; DVC's cache keeps them")
    assert "deleting artifacts/classifiers/gone  (of train@gone)" in capsys.readouterr().out
    assert there(root) == LEFT
    assert not (root / "plots/gone").exists()
    assert set(dvc_lock.read()) == {"train@kept", "compare"}
    assert tidy.run() == "nothing is left of deleted entries"


def test_no_empty_folder_is_left(root: Path) -> None:
    """Nor the one above, and what is not deleted is named: the comparison and MLflow's runs."""
    (root / "plots/kept/curves.png").unlink()
    (root / "plots/kept").rmdir()
    said = tidy.run()
    assert not (root / "plots").exists()
    assert "dvc repro compare" in said
    assert "MLflow keeps" in said


def test_dry_run_deletes_nothing(root: Path) -> None:
    """It only says."""
    assert tidy.run(dry_run=True) == "nothing was deleted; outputs of deleted entries: 3"
    assert there(root) == set(WRITTEN)
    assert (root / "dvc.lock").read_text() == LOCK


def test_without_a_lock(root: Path) -> None:
    """Nothing has run yet."""
    (root / "dvc.lock").unlink()
    assert tidy.run() == "nothing is left of deleted entries"
