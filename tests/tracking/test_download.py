"""Registered models as files."""

import errno
import os
from pathlib import Path

import pytest

from frostline.errors import FrostlineError, InputError
from frostline.tracking import download_model, publish, store
from frostline.tracking.session import session
from helpers.outputs import write
from helpers.servers import gathered, project, sqlite

MODEL = Path("artifacts/models/tiny/model.onnx")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one registered version of `tiny`."""
    root = write(project(tmp_path / "clone", monkeypatch))
    sqlite(root / ".frostline/mlflow")
    publish(gathered(), uri=store())
    return root


@pytest.mark.parametrize("uri", ["models:/tiny@challenger", "models:/tiny/1"])
def test_the_exported_file_comes_back_byte_for_byte(uri: str, root: Path) -> None:
    """Into the cache, under its own hash."""
    path = download_model(uri)
    assert path.read_bytes() == MODEL.read_bytes()
    assert path.is_relative_to(root / ".frostline/cache")


def test_the_second_time_nothing_is_downloaded(root: Path) -> None:
    """The hash in the registry says that the cached file is the one."""
    first = download_model("models:/tiny/1")
    (root / ".frostline/mlflow/artifacts").rename(root / "gone")
    assert download_model("models:/tiny@challenger") == first


def test_use_is_noted_where_it_can_be(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was used last is pruned last; a cache of somebody else's is read all the same."""
    path = download_model("models:/tiny/1")
    os.utime(path, (0, 0))
    download_model("models:/tiny/1")
    assert path.stat().st_mtime > 0

    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refused)
    assert download_model("models:/tiny/1") == path
    assert root in path.parents


def test_a_damaged_cache_is_downloaded_again(root: Path) -> None:
    """A cache may be wrong, its user may not notice."""
    path = download_model("models:/tiny/1")
    path.write_bytes(b"broken")
    assert download_model("models:/tiny/1").read_bytes() == MODEL.read_bytes()
    assert root in path.parents


def test_an_alias_follows_the_registry(root: Path) -> None:
    """A new version under the same alias is another file."""
    first = download_model("models:/tiny@challenger")
    write(root, key="b" * 64)
    publish(gathered(), uri=store())
    assert download_model("models:/tiny@challenger") != first
    assert download_model("models:/tiny/1") == first


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("models:/tiny", "write models:/NAME@ALIAS"),
        ("models:/tiny@", "write models:/NAME@ALIAS"),
        ("models:/tiny/latest", "write models:/NAME@ALIAS"),
        ("models:/tiny/0", "write models:/NAME@ALIAS"),
        ("models:/tiny@champion", "tiny has @challenger and versions up to 1"),
        ("models:/tiny/2", "tiny has @challenger and versions up to 1"),
        ("models:/tinny@challenger", "known: tiny"),
        ("models:/o'hara/1", "known: tiny"),
        ("models:/tinny/3", "known: tiny"),
    ],
)
def test_unknown_models_are_one_line(uri: str, said: str, root: Path) -> None:
    """Saying what there is instead."""
    with pytest.raises(InputError) as caught:
        download_model(uri)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(root.glob(".frostline/cache/**/*.onnx"))


def test_an_empty_registry_says_how_models_get_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first thing a newcomer may try."""
    sqlite(project(tmp_path, monkeypatch) / ".frostline/mlflow")
    with pytest.raises(InputError, match="it is empty: run `frostline registry sync`"):
        download_model("models:/tiny@champion")


def test_a_file_changed_in_the_store_is_refused(root: Path) -> None:
    """The registered hash is the model."""
    stored = next((root / ".frostline/mlflow/artifacts").rglob("model.onnx"))
    stored.write_bytes(stored.read_bytes() + b"\0")
    with pytest.raises(FrostlineError, match="not the one registered"):
        download_model("models:/tiny/1")


def test_a_file_missing_in_the_store_is_one_line(root: Path) -> None:
    """Somebody tidied up."""
    next((root / ".frostline/mlflow/artifacts").rglob("model.onnx")).unlink()
    with pytest.raises(FrostlineError, match=r"holds 0 \.onnx files"):
        download_model("models:/tiny/1")


def test_a_model_that_frostline_did_not_register(root: Path) -> None:
    """Without a hash in the registry the file's own is taken."""
    with session(store()) as client:
        client.delete_model_version_tag("tiny", "1", "frostline.model_sha256")
    assert download_model("models:/tiny/1").read_bytes() == MODEL.read_bytes()
    assert root.exists()


def test_outside_a_project_the_users_cache_is_taken(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scorer's machine has a registry and no project."""
    content = MODEL.read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    path = download_model("models:/tiny/1")
    assert path.read_bytes() == content
    assert path.is_relative_to(tmp_path / "home/frostline")
    assert root.exists()
