"""DVC's experiments and what they hold, from git's references and DVC's cache alone."""

from pathlib import Path

import pytest

from frostline.pipeline import experiments, provenance
from helpers.repositories import cached, committed, git, listed, repository

LOCK = """
schema: '2.0'
stages:
  preprocess@pics:
    cmd: x
    outs: [{path: artifacts/datasets/pics, md5: %(dataset)s, nfiles: 1}]
  train@tiny:
    cmd: x
    deps: [{path: artifacts/datasets/pics, md5: %(dataset)s}]
    outs: [{path: artifacts/classifiers/tiny, md5: %(folder)s, nfiles: 2}]
  evaluate@tiny:
    cmd: x
    outs: [{path: metrics/tiny.json, md5: %(metrics)s}]
  train@other:
    cmd: x
    outs: [{path: artifacts/classifiers/other, md5: 00000000000000000000000000000000.dir}]
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one experiment, `slow`, whose outputs are in DVC's cache."""
    root = repository(tmp_path / "project", monkeypatch)
    names = {
        "dataset": listed(root, {"summary": b"{}"}),
        "folder": listed(root, {"record": b"record", "history": b"history"}),
        "metrics": cached(root, b"{}"),
    }
    start = git("rev-parse", "HEAD")
    (root / "dvc.lock").write_text(LOCK % names)
    committed("commit experiment")
    git("update-ref", f"refs/exps/{start[:2]}/{start[2:]}/slow", "HEAD")
    git("update-ref", "refs/exps/stash", "HEAD")
    git("update-ref", "refs/exps/exec/EXEC_HEAD", "HEAD")
    git("update-ref", "refs/exps/00/SHORT", "HEAD")  # comes before any commit's
    git("reset", "--hard", "--quiet", start)
    return root


def test_found(root: Path) -> None:
    """By the name that DVC shows; what DVC keeps beside them is none."""
    (experiment,) = experiments.found()
    assert experiment.name == "slow"
    assert experiment.classifiers == ["tiny", "other"]
    assert not (root / "dvc.lock").exists()


def test_lay_out(root: Path, tmp_path: Path) -> None:
    """Each output where its stage wrote it, with the lock; the working tree stays as it is."""
    (experiment,) = experiments.found()
    (tmp_path / "there").mkdir()
    assert experiment.lay_out("tiny", tmp_path / "there") == []
    found = {
        str(path.relative_to(tmp_path / "there"))
        for path in (tmp_path / "there").rglob("*")
        if path.is_file()
    }
    assert found == {
        "dvc.lock", "artifacts/datasets/pics/summary", "metrics/tiny.json",
        "artifacts/classifiers/tiny/record", "artifacts/classifiers/tiny/history",
    }  # fmt: skip
    assert (tmp_path / "there/artifacts/classifiers/tiny/record").read_bytes() == b"record"
    assert not (root / "artifacts").exists()


def test_a_commit_of_the_branch_before_an_experiment(root: Path) -> None:
    """An older experiment has the same output; until the branch has it, the experiment is named as one."""
    wanted = "artifacts/classifiers/tiny"
    file = root / "record"
    file.write_bytes(b"record")
    found = provenance.origin_of_file(file)
    assert found is not None
    assert (found.path, provenance.subject(found.commit).partition("(")[2]) == (wanted, "experiment slow)")
    (root / "dvc.lock").write_text(git("show", f"{found.commit}:dvc.lock"))
    committed("Taken up")
    found = provenance.origin_of_file(file)
    assert found is not None
    assert found.commit == git("rev-parse", "HEAD")
    assert provenance.subject(found.commit).endswith("Taken up")
    assert provenance.origin_of_model("5" * 64) is None


def test_what_the_cache_lacks(root: Path, tmp_path: Path) -> None:
    """Is named."""
    assert root.exists()
    (experiment,) = experiments.found()
    assert experiment.lay_out("other", tmp_path) == ["artifacts/classifiers/other"]
