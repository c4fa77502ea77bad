"""Unreadable images and exact duplicates under every policy."""

from pathlib import Path

import pytest

from frostline.data.audit import Scan, bad_images, duplicates, scan
from frostline.data.layout import Placed
from frostline.data.source import open_source
from frostline.errors import InputError
from frostline.files import sha256
from making import encoded, folder


def rows(*images: tuple[str, str]) -> tuple[list[Placed], list[Scan]]:
    """Images from (split/label/name, content) pairs; a path without a split has two parts."""
    placed = []
    for path, _ in images:
        *split, label, _ = path.split("/")
        placed.append(Placed(path, label, split[0] if split else ""))
    return placed, [Scan(sha256(content.encode()), len(content), 3, 4, "") for _, content in images]


def judged(*images: tuple[str, str], policy: str) -> list[str]:
    placed, scans = rows(*images)
    return duplicates(placed, scans, [scan.reason for scan in scans], policy=policy, key="datasets.x")


def test_scan_tells_size_hash_or_reason(tmp_path: Path) -> None:
    """A whole image has its pixels; a broken one its reason beside its hash; a missing one only that."""
    whole, broken = encoded(1, height=31, width=47), encoded(2)[:-30]
    folder(tmp_path, {"a/whole.png": whole, "a/broken.png": broken, "a/empty.png": b""})
    source = open_source(tmp_path)
    assert scan(source, "a/whole.png") == Scan(sha256(whole), len(whole), 31, 47, "")
    assert scan(source, "a/broken.png") == Scan(sha256(broken), len(broken), 0, 0, "truncated PNG")
    assert scan(source, "a/empty.png") == Scan(sha256(b""), 0, 0, 0, "empty file")
    assert scan(source, "a/none.png") == Scan("", 0, 0, 0, "cannot be read: no such file")


def test_bad_images_are_quarantined_or_fatal() -> None:
    """The reason becomes the row's, or the error names count, first file, reason and the key to set."""
    placed, scans = rows(("cats/1", "a"), ("cats/2", "b"), ("cats/3", "c"))
    scans[1:] = [Scan("", 0, 0, 0, "empty file"), Scan("", 0, 0, 0, "truncated PNG")]
    assert bad_images(placed, scans, policy="quarantine", key="datasets.x") == [
        "",
        "empty file",
        "truncated PNG",
    ]
    with pytest.raises(InputError) as told:
        bad_images(placed, scans, policy="fail", key="datasets.x")
    assert str(told.value) == (
        "2 of 3 images cannot be used, the first 'cats/2': empty file; "
        "mend or remove them, or set datasets.x.on_bad_image: quarantine"
    )
    assert bad_images(placed[:1], scans[:1], policy="fail", key="datasets.x") == [""]


@pytest.mark.parametrize(
    ("policy", "images", "expected"),
    [
        pytest.param("quarantine", ["cats/1 a", "cats/2 b", "dogs/3 c"], ["", "", ""], id="none"),
        pytest.param(
            "quarantine",
            ["cats/2 a", "cats/1 a", "cats/3 a"],
            ["duplicate: of 'cats/1'", "", "duplicate: of 'cats/1'"],
            id="first by name stays",
        ),
        pytest.param("keep", ["cats/1 a", "cats/2 a"], ["", ""], id="kept"),
        pytest.param(
            "quarantine",
            ["cats/1 a", "dogs/2 a", "cats/3 a", "cats/4 b"],
            ["conflicting labels: 'cats', 'dogs'"] * 3 + [""],
            id="two labels: all of them",
        ),
        pytest.param(
            "keep",
            ["cats/1 a", "dogs/2 a"],
            ["conflicting labels: 'cats', 'dogs'"] * 2,
            id="two labels, keep",
        ),
        pytest.param(
            "quarantine",
            ["train/cats/1 a", "validation/cats/2 a", "test/cats/3 a", "train/cats/4 b"],
            ["duplicate across splits: of 'test/cats/3'"] * 2 + ["", ""],
            id="test before validation and train",
        ),
        pytest.param(
            "quarantine",
            ["train/cats/1 a", "validation/cats/2 a"],
            ["duplicate across splits: of 'validation/cats/2'", ""],
            id="validation before train",
        ),
        pytest.param(
            "keep",
            ["train/cats/1 a", "test/cats/2 a", "test/cats/3 a"],
            ["duplicate across splits: of 'test/cats/2'", "", ""],
            id="keep never leaks",
        ),
    ],
)
def test_duplicates(policy: str, images: list[str], expected: list[str]) -> None:
    """Who goes, and of whom it says it is a copy."""
    pairs = [(path, content) for path, content in (image.split() for image in images)]
    assert judged(*pairs, policy=policy) == expected


def test_fail_names_the_first_duplicate() -> None:
    """One line with count, example and the key to set."""
    with pytest.raises(InputError) as told:
        judged(("cats/1", "a"), ("cats/2", "a"), ("dogs/1", "b"), ("dogs/2", "b"), policy="fail")
    assert str(told.value) == (
        "2 images repeat others byte for byte, the first 'cats/2' (duplicate: of 'cats/1'); "
        "remove them, or set datasets.x.on_duplicate: quarantine"
    )
    assert judged(("cats/1", "a"), ("dogs/1", "b"), policy="fail") == ["", ""]


def test_broken_copies_keep_their_own_reason() -> None:
    """Files that cannot be used are no duplicates: a hundred empty files are a hundred empty files."""
    placed, scans = rows(("cats/1", "a"), ("dogs/2", "a"))
    scans = [Scan(scan.sha256, 0, 0, 0, "empty file") for scan in scans]
    assert duplicates(placed, scans, ["empty file"] * 2, policy="fail", key="x") == ["empty file"] * 2
