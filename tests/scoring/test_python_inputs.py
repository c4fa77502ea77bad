"""Images from Python: each form becomes items of the right name and pixels, or is refused before any work."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from frostline import images
from frostline.errors import InputError
from frostline.scoring import python_inputs
from helpers.images import archive, encoded, folder, pixels


def named(source: Any) -> list[str]:
    """The names of what was given, in order."""
    return [item.name for item in python_inputs.open_given(source).items()]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 300), (37, 53), (224, 3)])
def test_an_array_is_decoded_to_itself(height: int, width: int) -> None:
    """The file that an array becomes holds exactly its pixels, odd shapes and views of memory too."""
    wanted = pixels(3, height=2 * height, width=width)[::2]
    content = python_inputs.as_file(wanted)
    assert (images.decode(content, height=height, width=width, resize="squash") == wanted).all()


def test_paths_keep_the_names_they_were_given_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list's rows are named as written; a folder or archive in it stands for its images; order stays."""
    monkeypatch.chdir(folder(tmp_path, {"a.png": encoded(1), "d/x.png": encoded(2), "d/y.png": encoded(3)}))
    archive(tmp_path / "z.zip", {"in.png": encoded(4)})
    assert named(["d/y.png", Path("a.png"), "none.jpg"]) == ["d/y.png", "a.png", "none.jpg"]
    assert named(["a.png", "d", "z.zip"]) == ["a.png", "d/x.png", "d/y.png", "z.zip/in.png"]
    assert named("d") == ["x.png", "y.png"]
    assert named(Path("a.png")) == ["a.png"]
    assert named(np.array(["a.png", "d/x.png"])) == ["a.png", "d/x.png"]
    assert named(path for path in ("a.png",)) == ["a.png"]


def test_arrays_and_bytes_are_named_by_their_number() -> None:
    """One array is one image, a stack or a list of them several; bytes are a file's content."""
    one = pixels(1)
    assert named(one) == ["0"]
    assert named(np.stack([one, one])) == ["0", "1"]
    assert named([one, pixels(2, height=9), encoded(3)]) == ["0", "1", "2"]
    [item] = python_inputs.open_given(encoded(5)).items()
    assert item.read() == encoded(5)
    assert named([]) == []


GREY, FLOATS = np.zeros((8, 9), np.uint8), np.zeros((8, 9, 3), np.float32)


@pytest.mark.parametrize(
    "wrong",
    [
        GREY,
        GREY[..., None],
        np.zeros((8, 9, 4), np.uint8),
        FLOATS,
        [FLOATS],
        [np.zeros((8, 0, 3), np.uint8)],
        np.zeros((2, 8, 9, 4), np.uint8),
        np.zeros(7),
        [None],
        [3],
        7,
        None,
        {"a.png": 1},
        Image.new("F", (4, 4)),
        [Image.new("I", (4, 4))],
    ],
    ids=lambda value: getattr(value, "shape", None) and str(value.shape),
)
def test_what_is_no_image_is_refused(wrong: Any) -> None:
    """Grey, transparent and float arrays name the rule; no guess is made at ranges or backgrounds."""
    with pytest.raises(InputError):
        python_inputs.open_given(wrong)


def test_standard_input_is_not_for_python() -> None:
    """A dash would wait for a terminal."""
    with pytest.raises(InputError, match="list of paths"):
        python_inputs.open_given("-")


def turned(number: int, mode: str = "RGB") -> Image.Image:
    """A small image that is no square."""
    return Image.fromarray(pixels(number, height=20, width=30)).convert(mode)


SIXTEEN = Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100)


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (turned(1), "PNG"), (turned(2, "L"), "PNG"), (turned(3, "RGBA"), "PNG"), (turned(4, "LA"), "PNG"),
        (turned(5, "P"), "GIF"), (turned(6, "1"), "PNG"), (SIXTEEN, "PNG"), (SIXTEEN, "TIFF"),
        (turned(7, "CMYK"), "TIFF"), (turned(8), "JPEG"), (turned(9), "TIFF"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_pil_image_is_decoded_as_its_file(image: Image.Image, kind: str, orientation: int) -> None:
    """Whatever its mode and orientation; transparency lies on white, as everywhere."""
    if image.mode in ("RGBA", "LA"):
        image.putalpha(image.getchannel(0))
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, kind, exif=exif)
    [item] = python_inputs.open_given(Image.open(io.BytesIO(file.getvalue()))).items()
    assert item.name == "0"
    for size in ({"height": 20, "width": 30}, {"height": 30, "width": 20}):
        found, wanted = (
            images.decode(content, **size, resize="crop") for content in (item.read(), file.getvalue())
        )
        assert (found == wanted).all()


def test_pil_images_in_a_list_and_one_cut_off() -> None:
    """A list holds any number of them; one that cannot be read to its end is a row with an error."""
    cut = Image.open(io.BytesIO(encoded(1)[:-40]))
    assert named([turned(1), cut, pixels(2)]) == ["0", "1", "2"]
    [item] = python_inputs.open_given([cut]).items()
    with pytest.raises(images.ImageError, match="PIL image"):
        item.read()
