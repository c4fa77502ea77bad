"""From a file back to the commit whose dvc.lock holds it, in a history of locks and a cache of DVC's."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from frostline.pipeline import dvc_lock, provenance
from helpers.projects import GIT, call

MODEL = b"a model"
PROOF = json.dumps({"model": hashlib.sha256(MODEL).hexdigest()}).encode()


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()  # DVC's own


def keep(cache: Path, content: bytes, ending: str = "") -> str:
    """Put a file where DVC's cache has it; its hash."""
    value = md5(content) + ending
    place = cache / value[:2] / value[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return value


def export(cache: Path, **members: bytes) -> str:
    """The hash of a folder in DVC's cache."""
    listed = [
        {"relpath": name.replace("_", "."), "md5": keep(cache, value)} for name, value in members.items()
    ]
    return keep(cache, json.dumps(listed).encode(), ".dir")


def commit(root: Path, outs: dict[str, Any], message: str) -> str:
    """A commit with a dvc.lock of these outputs, by stage; its hash."""
    stages = {
        stage: {"cmd": "x", "outs": [{"path": path, "md5": value}]} for stage, (path, value) in outs.items()
    }
    (root / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": stages}, ensure_ascii=False))
    call("git", "add", "--all", cwd=root)
    call(*GIT, "commit", "--quiet", "--message", message, cwd=root)
    return call("git", "rev-parse", "HEAD", cwd=root).stdout.strip()


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[str]]:
    """Three commits: a report in a class folder with odd letters, then a model, then both under other reports."""
    root, cache = tmp_path / "project", tmp_path / "cache"
    root.mkdir()
    call("git", "init", "--quiet", cwd=root)
    monkeypatch.chdir(root)
    monkeypatch.setattr(provenance, "_cache_of", lambda _: cache)
    model = export(cache, model_onnx=MODEL, agreement_json=PROOF)
    report = keep(cache, b"report")
    commits = [
        commit(root, {"evaluate@ä": ("reports/ä", report)}, "a report"),
        commit(
            root, {"evaluate@ä": ("reports/ä", report), "export@b": ("artifacts/models/b", model)}, "model"
        ),
        commit(root, {"export@b": ("artifacts/models/b", model)}, "no report"),
    ]
    (root / "dvc.lock").unlink()
    call("git", "add", "--all", cwd=root)
    call(*GIT, "commit", "--quiet", "--message", "no lock", cwd=root)
    return root, commits


def test_the_first_commit_that_holds_it(
    history: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of its own, one in a folder, a model by its proof; of all locks only the one that is meant is parsed."""
    _, (first, second, _) = history
    parsed: list[str] = []
    real = dvc_lock.parse
    monkeypatch.setattr(dvc_lock, "parse", lambda text: parsed.append(text) or real(text))  # type: ignore[func-returns-value]
    report, model, other = (tmp_path / name for name in ("r", "m", "o"))
    report.write_bytes(b"report")
    model.write_bytes(MODEL)
    other.write_bytes(b"nobody's")
    found = [provenance.origin_of_file(path) for path in (report, model)]
    found.append(provenance.origin_of_model(hashlib.sha256(MODEL).hexdigest()))
    assert [(origin.commit, origin.stage, origin.path) for origin in found if origin] == [
        (first, "evaluate@ä", "reports/ä"),
        (second, "export@b", "artifacts/models/b"),
        (second, "export@b", "artifacts/models/b"),
    ]
    assert len(parsed) == 3
    assert provenance.origin_of_file(other) is None
    assert provenance.origin_of_model("0" * 64) is None
    assert len(parsed) == 3


def test_where_a_shallow_clone_begins(
    history: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its oldest commit may not be the first; a whole repository's is."""
    root, commits = history
    assert not any(map(provenance.begins_here, commits))
    call("git", "clone", "--quiet", "--depth", "2", f"file://{root}", str(tmp_path / "clone"), cwd=tmp_path)
    monkeypatch.chdir(tmp_path / "clone")
    assert provenance.begins_here(commits[2])
    assert not provenance.begins_here("HEAD")
