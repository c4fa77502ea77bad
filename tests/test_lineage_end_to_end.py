"""The way back from a row of scores, under real git and DVC: to the commit, and to the same bytes again."""

import json
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from frostline import files
from helpers.params import changed
from helpers.projects import GIT, call, committed, write_params
from test_end_to_end import TINY, project


@pytest.mark.slow
def test_an_old_models_commit_reproduces_it_bit_for_bit(tmp_path: Path) -> None:
    """Score, train anew, trace the row, clone the traced commit elsewhere, and export the same model."""
    root = project(tmp_path / "project", TINY)
    call("dvc", "repro", "export@cnn", "evaluate@cnn", cwd=root)
    first = call("git", "rev-parse", "HEAD", cwd=committed(root, "First"))
    model = root / "artifacts/models/cnn/model.onnx"
    old = files.sha256_file(model)
    kept = {
        "metrics": root / "metrics/cnn.json",
        "report": root / "reports/classifiers/cnn/report.html",
        "model": model,
        "predictions": root / "artifacts/classifiers/cnn/predictions.parquet",
    }
    kept = {what: Path(shutil.copy(path, tmp_path / f"old{path.suffix}")) for what, path in kept.items()}
    scores = tmp_path / "scores.parquet"
    call("frostline", "score", "data/shapes", "--model", "cnn", "--out", scores, "--device", "cpu", cwd=root)
    call("frostline", "registry", "sync", cwd=root)

    write_params(root, changed(TINY, {"classifiers.cnn.phases.all.learning_rate": 0.003}))
    call("dvc", "repro", "export@cnn", "evaluate@cnn", cwd=root)
    committed(root, "Second")
    assert files.sha256_file(model) != old

    row = pq.read_table(scores).to_pylist()[5]
    said = call("frostline", "registry", "trace", scores, "--path", row["path"], cwd=root).stdout
    manifest = pq.read_table(root / "artifacts/datasets/shapes/manifest.parquet").to_pylist()
    image = next(each for each in manifest if each["path"] == row["path"])
    assert f"model    {old}" in said
    assert re.search(r"^MLflow   cnn version 1 @challenger, run [0-9a-f]{32}", said, re.M)
    assert f"commit   {first.stdout.strip()}  " in said
    assert f"image    {image['sha256']}: {row['path']} of the dataset, {image['split']}" in said
    digest = json.loads((root / "artifacts/datasets/shapes/summary.json").read_text())["digest"]
    assert re.search(rf"^dataset  shapes: data/shapes, DVC [0-9a-f]{{32}}\.dir, digest {digest}$", said, re.M)

    for what, path in kept.items():
        told = call("frostline", "registry", "trace", path, cwd=root).stdout
        assert f"commit   {first.stdout.strip()}  " in told, what
        assert f"model    {old}" in told, what
        assert f"digest {digest}" in told, what
    assert f"model    {old}" in call("frostline", "registry", "trace", f"{scores}.job.json", cwd=root).stdout

    got = re.search(r"^  the files   (dvc get .*)$", said, re.M)
    assert got
    call(*got[1].split(), cwd=root)
    assert files.sha256_file(root / got[1].split()[-1] / "model.onnx") == old

    clone = tmp_path / "elsewhere" / "clone"
    call("git", "clone", "--quiet", root, clone, cwd=tmp_path)
    call("git", "checkout", "--quiet", first.stdout.strip(), cwd=clone)
    shutil.copytree(root / "data", clone / "data", dirs_exist_ok=True)
    call("dvc", "repro", "export@cnn", cwd=clone)
    assert files.sha256_file(clone / "artifacts/models/cnn/model.onnx") == old
    assert call("git", "status", "--porcelain", "dvc.lock", cwd=clone).stdout == ""


def test_a_file_of_no_stage_is_told_so(tmp_path: Path) -> None:
    """One line with what to fetch; an uncommitted result is told to be committed."""
    call("git", "init", "--quiet", cwd=tmp_path)
    call("dvc", "init", "--quiet", cwd=tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {one: {cmd: echo 1 > out.json, outs: [out.json]}}\n")
    call("git", "add", "--all", cwd=tmp_path)
    call(*GIT, "commit", "--quiet", "--message", "start", cwd=tmp_path)
    (tmp_path / "other.json").write_text("{}")
    done = call("frostline", "registry", "trace", "other.json", cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert "no dvc.lock of this repository's history holds other.json; fetch" in done.stderr
    call("dvc", "repro", cwd=tmp_path)
    assert (
        "commit dvc.lock, so that it stays findable"
        in call("frostline", "registry", "trace", "out.json", cwd=tmp_path).stdout
    )
    commit = call("git", "rev-parse", "HEAD", cwd=committed(tmp_path, "Made")).stdout.strip()
    said = call("frostline", "registry", "trace", "out.json", cwd=tmp_path).stdout
    assert f"commit   {commit}" in said
    assert f"dvc get . out.json --rev {commit[:7]}" in said
