"""What a score job reads."""

import os
import tarfile
from pathlib import Path

import pytest

from frostline.errors import InputError
from frostline.images import ImageError
from frostline.scores import sources
from making import archive, encoded, folder

FILES = {
    "b/one.png": encoded(1),
    "a.JPG": encoded(2, kind="jpeg", height=31),
    "notes.txt": b"no image",
    "b/data.csv": b"1,2",
    ".hidden.txt": b"",
    "__MACOSX/x.txt": b"",
    ".ipynb_checkpoints/y.txt": b"",
}


def tar(path: Path) -> Path:
    """FILES as an uncompressed tar."""
    with tarfile.open(path, "w") as target:
        target.add(folder(path.parent / "raw", FILES), arcname=".")
    return path


def test_folder_zip_and_tar_hold_the_same_images(tmp_path: Path) -> None:
    """Names, order and bytes do not depend on the packing."""
    places = [
        folder(tmp_path / "folder", FILES),
        archive(tmp_path / "files.zip", FILES),
        tar(tmp_path / "files.tar"),
    ]
    for place in places:
        with sources.open_images(place) as source:
            assert source.names() == ["a.JPG", "b/one.png"]
            assert source.read("b/one.png") == FILES["b/one.png"]


def test_other_files_are_counted(tmp_path: Path) -> None:
    """Hidden files and litter are nobody's data; a tar would have to be read twice."""
    assert sources.count_others(folder(tmp_path / "folder", FILES)) == 2
    assert sources.count_others(archive(tmp_path / "files.zip", FILES)) == 2
    assert sources.count_others(tar(tmp_path / "files.tar")) is None
    assert sources.count_others(tmp_path / "folder" / "a.JPG") == 0


def test_one_image_is_a_source(tmp_path: Path) -> None:
    """Its row is named without the folder."""
    path = folder(tmp_path, FILES) / "a.JPG"
    with sources.open_images(path) as source:
        assert source.names() == ["a.JPG"]
        assert source.read("a.JPG") == FILES["a.JPG"]
    path.unlink()
    with pytest.raises(ImageError, match="No such file"):
        source.read("a.JPG")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "no such file or folder: .*missing; name a folder, an archive or an image"),
        ("notes.txt", "neither a folder nor a zip, tar"),
        ("broken.zip", "damaged or half-copied archive"),
    ],
)
def test_what_is_no_source(tmp_path: Path, name: str, message: str) -> None:
    """One line for what cannot hold images."""
    folder(tmp_path, {**FILES, "broken.zip": b"PK\x03\x04 and nothing more"})
    with pytest.raises(InputError, match=message) as caught:
        sources.open_images(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["pipe", "pipe.png", "pipe.zip"])
def test_a_pipe_is_no_source(tmp_path: Path, name: str) -> None:
    """Nobody waits for a pipe to say something, whatever it is called."""
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=f"{name} is a pipe or a device; name a folder or an archive"):
        sources.open_images(tmp_path / name)


def test_items_read_only_when_asked(tmp_path: Path) -> None:
    """Making the items opens nothing; each knows its own file."""
    with sources.open_images(folder(tmp_path, FILES)) as source:
        made = list(sources.items(source, ["gone.png", *source.names()]))
        assert [item.name for item in made] == ["gone.png", "a.JPG", "b/one.png"]
        assert made[2].read() == FILES["b/one.png"]
        with pytest.raises(ImageError, match="no such file"):
            made[0].read()
