"""Files read before are known by their stamps: what changed, however slightly, is read again."""

import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from frostline.datasets import file_digests, scan
from frostline.datasets.source import open_source
from frostline.files import sha256
from helpers.images import encoded, folder


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own; files count as settled at once."""
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(file_digests, "SETTLED", -(10**12))


def nothing(names: Iterable[str], count: int) -> np.ndarray:
    """What is held where DVC says nothing."""
    return np.zeros(len(list(names)) * (count > 0), "S16")


def read(root: Path, held: file_digests.Held = nothing) -> list[str]:
    """The names that a scan has to read; what it says of them must be right."""
    seen = []
    with open_source(root) as source:
        reading, names = source.read, list(source.names())

        def noted(name: str) -> bytes:
            seen.append(name)
            return reading(name)

        source.read = noted  # type: ignore[method-assign]
        scans = scan.scan(source, names, measure=True, held=held)
        contents = [reading(name) for name in names]
    assert list(scans.sha256) == [sha256(content) for content in contents]
    assert scans.bytes.tolist() == [len(content) for content in contents]
    return seen


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five images that were read before."""
    root = folder(tmp_path / "x", {f"{n}.png": encoded(n) for n in range(5)})
    assert len(read(root)) == 5
    return root


def test_what_is_as_it_was_is_not_read(root: Path) -> None:
    """Nor what lies beside a new one; what was read is known the next time too."""
    assert read(root) == []
    folder(root, {"new.png": encoded(9)})
    assert read(root) == ["new.png"]
    assert read(root) == []


def test_same_size_and_time(root: Path) -> None:
    """A file with another content under the old size and time: its entry's own time tells."""
    path, (old, new) = root / "3.png", (encoded(3), encoded(3)[:-1] + b"x")
    status = path.stat()
    assert len(old) == len(new)
    path.write_bytes(new)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert read(root) == ["3.png"]


def test_another_file_under_the_name(root: Path) -> None:
    """Swapped names: both are read."""
    (root / "1.png").rename(root / "held")
    (root / "2.png").rename(root / "1.png")
    (root / "held").rename(root / "2.png")
    assert read(root) == ["1.png", "2.png"]


def test_dvc_says_otherwise(root: Path) -> None:
    """What DVC holds of a file is another content than then: it is read, whatever its stamp; else it is not."""
    folder(root, {"5.png": encoded(5)})
    held = {"0.png": b"zero", "5.png": b"five"}

    def first(names: Iterable[str], _: int) -> np.ndarray:
        return np.array([held.get(name, b"") for name in names], "S16")

    assert read(root, first) == ["5.png"]
    held["5.png"] = b"otherwise"
    assert read(root, first) == ["5.png"]
    held["5.png"] = b""
    assert read(root, first) == []


def test_fresh_files_are_not_believed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changed a moment before it was read may have changed again within one tick of the clock."""
    monkeypatch.setattr(file_digests, "SETTLED", 10**12)
    folder(root, {"5.png": encoded(5)})
    assert read(root) == ["5.png"]
    assert read(root) == ["5.png"]


def test_members_of_an_archive(tmp_path: Path) -> None:
    """As it is, none is read; written anew, all are."""
    for again in range(2):
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
            for number in range(3):
                file.writestr(f"{number}.png", encoded(number + again))
        assert len(read(tmp_path / "x.zip")) == 3
        assert read(tmp_path / "x.zip") == []


def test_what_cannot_be_read_is_tried_again(root: Path) -> None:
    """A link to nothing has no stamp; once its target is there, it is an image."""
    (root / "5.png").symlink_to(root.parent / "target.png")
    with open_source(root) as source:
        reasons = scan.scan(source, source.names(), measure=True, held=nothing).table["reason"].to_pylist()
    assert reasons == [""] * 5 + ["cannot be read: No such file or directory"]
    (root.parent / "target.png").write_bytes(encoded(5))
    assert read(root) == ["5.png"]


def test_a_cache_without_statistics(root: Path, tmp_path: Path) -> None:
    """A digest alone is not enough: what is not known of the content has to be read."""
    for file in (tmp_path / "cache/image_stats").rglob("*.arrow"):
        file.unlink()
    assert len(read(root)) == 5
