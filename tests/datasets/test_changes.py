"""What became of images between two manifests, matched by content."""

from frostline.datasets import changes
from frostline.datasets import manifest as manifests
from frostline.datasets.layout import LabelledImage, LabelledImages
from frostline.datasets.manifest import Manifest

Row = tuple[str, str, str, str, str]  # path, label, content's letter ("" unreadable), split, reason


def manifest(*rows: Row, classes: tuple[str, ...] = ("cats", "dogs")) -> Manifest:
    paths, labels, contents, splits, reasons = zip(*rows, strict=True)
    blank = [1] * len(rows)
    columns = {
        "sha256": [letter * 64 for letter in contents], "bytes": blank, "height": blank, "width": blank,
        "split": splits, "flags": [""] * len(rows),
    }  # fmt: skip
    labelled = LabelledImages.of(
        LabelledImage(path, label, "") for path, label in zip(paths, labels, strict=True)
    )
    return manifests.build("data/x", labelled, classes=classes, reasons=reasons, columns=columns)


OLD = manifest(
    ("cats/1.png", "cats", "a", "train", ""),
    ("cats/2.png", "cats", "b", "test", ""),
    ("cats/3.png", "cats", "c", "train", ""),
    ("dogs/1.png", "dogs", "d", "train", ""),
    ("dogs/2.png", "dogs", "e", "validation", ""),
    ("dogs/bad.png", "dogs", "", "", "empty file"),
)


def test_each_kind() -> None:
    """By kind, then by name; an image that is relabelled and moved is one row of both kinds."""
    new = manifest(
        ("cats/1.png", "cats", "a", "train", ""),
        ("cats/9.png", "cats", "9", "test", ""),
        ("dogs/1.png", "dogs", "d", "", "tiny"),
        ("dogs/bad.png", "dogs", "", "", "empty file"),
        ("dogs/moved.png", "dogs", "c", "validation", ""),
        ("dogs/new.png", "dogs", "e", "validation", ""),
    )
    found = changes.between(OLD, new)
    assert [(change.kinds, change.path) for change in found] == [
        (("added",), "cats/9.png"),
        (("removed",), "cats/2.png"),
        (("relabelled", "moved split", "renamed"), "dogs/moved.png"),
        (("quarantined",), "dogs/1.png"),
        (("renamed",), "dogs/new.png"),
    ]
    assert changes.counted(found) == {
        "added": 1, "removed": 1, "relabelled": 1, "moved split": 1, "quarantined": 1, "restored": 0, "renamed": 2,
    }  # fmt: skip
    back = changes.counted(changes.between(new, OLD))
    assert (back["restored"], back["quarantined"], back["added"], back["removed"]) == (1, 0, 1, 1)


def test_nothing_changed() -> None:
    """Not even where the order of classes, and so every number in the table, did."""
    rows: list[Row] = [("cats/1.png", "cats", "a", "train", ""), ("dogs/1.png", "dogs", "d", "test", "")]
    assert not changes.between(manifest(*rows), manifest(*rows, classes=("dogs", "cats")))


def test_copies_are_counted() -> None:
    """Of two copies one is removed, the one whose name is gone; unreadable files count by name."""
    one: Row = ("cats/1.png", "cats", "a", "train", "")
    copy: Row = ("cats/0.png", "cats", "a", "train", "")
    bad: Row = ("cats/bad.png", "cats", "", "", "empty file")
    found = changes.between(manifest(copy, one, bad), manifest(one, ("cats/worse.png", *bad[1:])))
    assert [(change.kinds, change.path, change.sha256) for change in found] == [
        (("added",), "cats/worse.png", ""),
        (("removed",), "cats/0.png", "a" * 64),
        (("removed",), "cats/bad.png", ""),
    ]
