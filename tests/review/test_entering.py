"""Labelled photos go where those of their class lie, once, whole, and under a name of their own."""

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from frostline import files
from frostline.datasets import shards
from frostline.datasets.decisions import PhotoDecision
from frostline.datasets.shards import Photo
from frostline.datasets.source import open_source
from frostline.errors import InputError
from frostline.review import entering
from helpers.images import archive, classes, encoded, folder

COUNTS = {"cat": 3, "dog": 3}
NEW = {"a/1.png": encoded(900), "b/1.png": encoded(901), "2.png": encoded(902)}


def decision(content: bytes, new: str, **other: Any) -> PhotoDecision:
    made = PhotoDecision("2026", "Ada", "pets", "label", "", new, "x.png", files.sha256(content))
    return replace(made, **other)


def entered(root: Path, *made: PhotoDecision, here: list[str] | None = None) -> entering.Entered:
    with open_source(root) as source:
        into = entering.folders(source, root)
    return entering.enter(
        {one.sha256: one for one in made},
        names={files.sha256(content): name for name, content in NEW.items()},
        read=NEW.__getitem__,
        into=into,
        root=root,
        here=here or [],
    )


def test_into_the_folders_of_their_classes(tmp_path: Path) -> None:
    """Of two with one name both come in; what was decided before or left out does not."""
    root = folder(tmp_path / "pets", classes(COUNTS))
    one, two, three = NEW.values()
    done = entered(
        root, decision(one, "cat"), decision(two, "cat"), decision(three, "", action="leave out"),
        decision(encoded(1), "dog", old="cat"),
    )  # fmt: skip
    assert [path.relative_to(root).as_posix() for path in done.paths] == [
        "cat/1.png", f"cat/1-{files.sha256(two)[:8]}.png",
    ]  # fmt: skip
    assert [path.read_bytes() for path in done.paths] == [one, two]
    assert done.gone == ()


def test_where_splits_are_given_into_train(tmp_path: Path) -> None:
    """And into the class's own folder, whatever lies in it."""
    splits = {
        f"{split}/{name}": content for split in ("train", "test") for name, content in classes(COUNTS).items()
    }
    root = folder(tmp_path / "pets", {**splits, "train/dog/big/3.png": encoded(77)})
    [path] = entered(root, decision(NEW["2.png"], "dog")).paths
    assert path == root / "train/dog/2.png"


@pytest.mark.parametrize("prefix", ["", "train/"])
def test_into_a_further_archive(tmp_path: Path, prefix: str) -> None:
    """Where the dataset was packed; what is there stays as it is."""
    files_ = {f"{prefix}{name}": content for name, content in classes(COUNTS).items()}
    others = {f"test/{name}": encoded(seed) for seed, name in enumerate(classes(COUNTS))} if prefix else {}
    root = tmp_path / "pets"
    packed = {name: functools.partial(bytes, content) for name, content in {**files_, **others}.items()}
    [before] = shards.pack((Photo(name, read) for name, read in packed.items()), root).paths
    done = entered(root, decision(NEW["a/1.png"], "cat"), decision(NEW["2.png"], "dog"))
    [after] = set(root.iterdir()) - {before}
    assert [path.relative_to(after).as_posix() for path in done.paths] == [
        f"{prefix}cat/1.png",
        f"{prefix}dog/2.png",
    ]
    with open_source(root) as source:
        assert source.read(f"{after.name}/{prefix}dog/2.png") == NEW["2.png"]


def test_again_after_a_kill(tmp_path: Path) -> None:
    """What is in the dataset already is not copied twice; what is not in the folder is said."""
    root = folder(tmp_path / "pets", classes(COUNTS))
    content = NEW["2.png"]
    assert entered(root, decision(content, "cat"), here=[files.sha256(content)]).paths == ()
    assert entered(root, decision(b"elsewhere", "cat", path="e.png")).gone == ("e.png",)


def test_a_photo_that_changed_since_is_not_taken(tmp_path: Path) -> None:
    """A decision is about content."""
    root = folder(tmp_path / "pets", classes(COUNTS))
    with open_source(root) as source:
        into = entering.folders(source, root)
    made = decision(NEW["2.png"], "cat")
    done = entering.enter(
        {made.sha256: made},
        names={made.sha256: "2.png"},
        read=lambda _: b"other",
        into=into,
        root=root,
        here=[],
    )
    assert (done.paths, done.gone) == ((), ("x.png",))


def test_what_no_photo_can_be_put_into(tmp_path: Path) -> None:
    """An archive, a folder of archives, a table of labels: said before anybody labels."""
    photos = classes(COUNTS)
    zipped = archive(tmp_path / "pets.zip", photos)
    shards = tmp_path / "shards"
    shards.mkdir()
    archive(shards / "1.zip", photos)
    table = "path,label\n" + "".join(f"{name},{name.split('/')[0]}\n" for name in photos)
    tabled = folder(tmp_path / "tabled", {**photos, "labels.csv": table.encode()})
    for root, named in ((zipped, "archive"), (shards, "archive"), (tabled, r"labels\.csv")):
        with open_source(root) as source, pytest.raises(InputError, match=named):
            entering.folders(source, root)
