"""Places: every output below the project's root, the cache where it survives."""

from pathlib import Path

import pytest

from frostline import paths
from frostline.errors import InputError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's root; the process stands two folders below it, with no variables set."""
    (tmp_path / "project/a/b").mkdir(parents=True)
    (tmp_path / "project/dvc.yaml").touch()
    monkeypatch.chdir(tmp_path / "project/a/b")
    monkeypatch.delenv("FROSTLINE_CACHE", raising=False)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return tmp_path / "project"


def test_find_root(root: Path) -> None:
    """The nearest folder upwards that holds dvc.yaml, itself included."""
    assert paths.find_root(root / "a/b") == root
    assert paths.find_root(root) == root
    (root / "a/dvc.yaml").touch()
    assert paths.find_root(root / "a/b") == root / "a"


def test_no_root(tmp_path: Path) -> None:
    """Outside a project: where it looked and what to do; a folder of that name does not count."""
    (tmp_path / "dvc.yaml").mkdir()
    with pytest.raises(InputError) as caught:
        paths.find_root(tmp_path)
    assert str(caught.value) == (
        f"no dvc.yaml in {tmp_path} or above it; run this in a project, or begin one: frostline init"
    )


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "project/.frostline/cache"),
        ({"DVC_ROOT": "real"}, "real/.frostline/cache"),
        ({"FROSTLINE_CACHE": "big/disk"}, "big/disk"),
        ({"FROSTLINE_CACHE": "big/disk", "DVC_ROOT": "real"}, "big/disk"),
        ({"FROSTLINE_CACHE": "", "DVC_ROOT": ""}, "project/.frostline/cache"),
    ],
)
def test_cache(root: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str) -> None:
    """The user's choice, then the root that DVC names in a temporary checkout, then the project's own."""
    for name, value in variables.items():
        monkeypatch.setenv(name, str(root.parent / value) if value else "")
    assert paths.cache() == root.parent / expected


def test_cache_needs_no_root_where_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the cache named, no project needs to be around; without, it does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "c"))
    assert paths.cache() == tmp_path / "c"
    monkeypatch.delenv("FROSTLINE_CACHE")
    with pytest.raises(InputError, match=r"no dvc\.yaml"):
        paths.cache()


def test_places_are_apart_and_relative() -> None:
    """No two outputs share a place, none is below another, none is absolute or under data/."""
    kinds = (
        paths.weights, paths.dataset, paths.classifier, paths.model,
        paths.metrics, paths.headline, paths.plots,
    )  # fmt: skip
    places = [kind(name) for kind in kinds for name in ("a", "b")] + [paths.COMPARISON]
    assert len(set(places)) == len(places)
    for place in places:
        assert not place.is_absolute()
        assert place.parts[0] in {"artifacts", "metrics", "plots", "reports"}
        assert not set(place.parents) & set(places)
