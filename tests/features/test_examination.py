"""What an executor finds out about images is what `datasets.scan` does, and `preprocess` writes the same of it."""

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from frostline.datasets import scan
from frostline.datasets.scan import Examine, Scans
from frostline.datasets.source import open_source
from frostline.errors import InputError
from frostline.features import examination
from frostline.features.local_stream import stream
from helpers.images import encoded, folder


def photos(root: Path) -> Path:
    """Whole ones, a copy, one cut off, an empty one, and a link that leads nowhere."""
    files = {f"{n:03}.png": encoded(n, height=20 + n % 17, width=60 - n % 13) for n in range(60)}
    files |= {"copy.png": files["007.png"], "cut.png": files["008.png"][:-30], "empty.png": b""}
    made = folder(root, files)
    (made / "gone.png").symlink_to("nowhere")
    return made


def scanned(root: Path, measure: bool, elsewhere: scan.OpenExamine | None = None) -> Scans:
    """All images of a folder."""
    with open_source(root) as source:
        return scan.scan(source, source.names(), measure=measure, elsewhere=elsewhere)


@contextlib.contextmanager
def by_executor() -> Iterator[Examine]:
    """The local one, in place of a cluster's."""
    yield partial(examination.examine, executor=stream)


@pytest.mark.parametrize("measure", [True, False])
def test_scans_are_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measure: bool) -> None:
    """Digests, sizes, reasons, statistics, thumbnails and hashes, whoever found them out."""
    root = photos(tmp_path / "photos")
    monkeypatch.setattr(scan, "_WORTH_A_CLUSTER", 1)
    opened = []

    def elsewhere() -> contextlib.AbstractContextManager[Examine]:
        opened.append(1)
        return by_executor()

    results = []
    for cache, how in (("here", None), ("there", elsewhere), ("there", elsewhere)):
        monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / cache))
        results.append(scanned(root, measure, how))
    here, there, again = results
    assert len(opened) == 2  # the second time for the link alone, which nobody could read
    for one in (there, again):
        assert list(one.sha256) == list(here.sha256)
        assert one.bytes.tolist() == here.bytes.tolist()
        assert one.table.equals(here.table)
        if measure:
            rows = range(63)
            assert (one.thumbnails(rows) == here.thumbnails(rows)).all()
            assert (one.hashes(rows) == here.hashes(rows)).all()


def test_a_few_are_examined_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody joins a cluster for them."""
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    found = scanned(photos(tmp_path / "photos"), True, lambda: pytest.fail("a cluster was joined"))
    assert list(found.sha256).count("") == 1


def test_who_examines() -> None:
    """This process by default; an address without the engine is refused before anything begins."""
    assert examination.opener() is None
    assert examination.opener("ray", "head:1") is not None
    with pytest.raises(InputError, match="--ray-address head:1: only with --engine ray"):
        examination.opener("local", "head:1")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_actors_examine_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a cluster of this machine's own: the same scans."""
    root = photos(tmp_path / "photos")
    monkeypatch.setattr(scan, "_WORTH_A_CLUSTER", 1)
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "here"))
    here = scanned(root, True)
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "there"))
    there = scanned(root, True, examination.opener("ray"))
    assert list(there.sha256) == list(here.sha256)
    assert there.bytes.tolist() == here.bytes.tolist()
    assert there.table.equals(here.table)
