"""One decoder: what every odd file becomes, and that damage is always an ImageError."""

import io
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from frostline import images
from frostline.images import ImageError, decode, overview, probe
from helpers.images import encoded, pixels

HEIGHT, WIDTH = 37, 53


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of a Pillow image."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def shown(content: bytes) -> np.ndarray:
    """The pixels at the image's own size, where resizing changes nothing."""
    height, width = probe(content)
    return decode(content, height=height, width=width, resize="squash")


def with_orientation(picture: Image.Image, value: int, kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = value
    return saved(picture, kind, exif=exif)


def animated() -> bytes:
    """A GIF of two frames, red then blue."""
    frames = [Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in ("red", "blue")]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


# Files and the colour that their left half must have; the right half tells that nothing is mirrored.
GREY = Image.new("L", (WIDTH, HEIGHT), 40)
RED = Image.new("RGB", (WIDTH, HEIGHT), (255, 0, 0))
CLEAR = Image.new("RGBA", (WIDTH, HEIGHT), (200, 0, 0, 0))
HALF = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 128))
DEEP = Image.fromarray(np.full((HEIGHT, WIDTH), 0x5A3C, np.uint16))


@pytest.mark.parametrize(
    ("content", "colour"),
    [
        pytest.param(saved(GREY, "PNG"), (40, 40, 40), id="grey"),
        pytest.param(saved(GREY.point(lambda v: v > 50, "1"), "PNG"), (0, 0, 0), id="one bit"),
        pytest.param(saved(RED.convert("P"), "PNG"), (255, 0, 0), id="palette"),
        pytest.param(saved(RED, "BMP"), (255, 0, 0), id="bmp"),
        pytest.param(saved(RED, "WEBP", lossless=True), (255, 0, 0), id="webp"),
        pytest.param(saved(RED, "TIFF"), (255, 0, 0), id="tiff"),
        pytest.param(saved(RED, "PPM"), (255, 0, 0), id="ppm"),
        pytest.param(saved(DEEP, "PNG"), (0x5A, 0x5A, 0x5A), id="16-bit png keeps its high byte"),
        pytest.param(saved(DEEP, "TIFF"), (0x5A, 0x5A, 0x5A), id="16-bit tiff"),
        pytest.param(b"P5 2 1 65535 \x5a\x3c\x5a\x3c", (0x5A, 0x5A, 0x5A), id="16-bit pgm"),
        pytest.param(saved(CLEAR, "PNG"), (255, 255, 255), id="transparent shows white, not its hidden red"),
        pytest.param(saved(HALF, "PNG"), (127, 127, 127), id="half transparent black"),
        pytest.param(saved(GREY, "PNG", transparency=40), (255, 255, 255), id="a transparent grey"),
        pytest.param(saved(RED.convert("P"), "GIF", transparency=0), None, id="transparent palette"),
        pytest.param(animated(), (255, 0, 0), id="animation: first frame"),
    ],
)
def test_modes_become_rgb(content: bytes, colour: tuple[int, int, int] | None) -> None:
    """Every mode becomes 8-bit RGB with the colour a viewer shows."""
    array = shown(content)
    assert array.dtype == np.uint8
    assert array.shape[2] == 3
    if colour is not None:
        np.testing.assert_allclose(array.reshape(-1, 3), [colour] * (array.size // 3), atol=1)


def test_sixteen_bits_do_not_saturate() -> None:
    """A ramp over all of 16 bits is a ramp over all of 8 bits (load_img makes it white)."""
    ramp = np.linspace(0, 65535, HEIGHT * WIDTH).astype(np.uint16).reshape(HEIGHT, WIDTH)
    array = shown(saved(Image.fromarray(ramp), "PNG"))
    np.testing.assert_array_equal(array[..., 0], ramp >> 8)
    assert array.min() == 0
    assert array.max() == 255


def test_cmyk_is_not_inverted() -> None:
    """A CMYK JPEG shows the same picture as its RGB twin, roughly: no negative."""
    picture = Image.fromarray(pixels(3))
    array = shown(saved(picture.convert("CMYK"), "JPEG", quality=95))
    assert np.abs(array.astype(int) - pixels(3)).mean() < 12


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("value", range(1, 9))
def test_orientation_is_applied_once(kind: str, value: int) -> None:
    """All eight EXIF orientations, as ImageOps would turn the stored pixels."""
    turns = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: np.transpose(a, (1, 0, 2)),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.transpose(np.rot90(a, 2), (1, 0, 2)),
        8: np.rot90,
    }
    picture = Image.fromarray(pixels(5, height=HEIGHT, width=WIDTH))
    array = shown(with_orientation(picture, value, kind))
    expected = turns[value](pixels(5, height=HEIGHT, width=WIDTH))
    assert array.shape == expected.shape
    assert np.abs(array.astype(int) - expected).mean() < (0.5 if kind in {"PNG", "TIFF"} else 12)


def test_damaged_metadata_does_not_lose_the_picture() -> None:
    """Pixels count; EXIF that cannot be parsed means no turn."""
    picture = Image.fromarray(pixels(6))
    broken = saved(picture, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 20)
    with warnings.catch_warnings(action="ignore"):
        assert probe(broken) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("value", range(1, 9))
def test_size_is_as_a_viewer_shows_it(kind: str, value: int) -> None:
    """From the header alone as after decoding, turned or not."""
    content = with_orientation(Image.fromarray(pixels(5)), value, kind)
    assert images.size(content) == probe(content) == ((HEIGHT, WIDTH) if value < 5 else (WIDTH, HEIGHT))


JPEG = encoded(1, kind="jpeg", height=97, width=131)
PNG = encoded(2, kind="png")


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(kind: bytes, body: bytes) -> bytes:
    """A whole PNG with one more chunk behind its header."""
    return PNG[:33] + chunk(kind, body) + PNG[33:]


def bitmap(bits: int, compression: int) -> bytes:
    """The header of a BMP of some kind, and zeros."""
    header = struct.pack("<IiiHHIIiiII", 40, 4, 4, 1, bits, compression, 64, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 118, 0, 0, 54) + header + bytes(64)


def tiff(bits: int, samples: int, *, compression: int = 1, photometric: int = 1) -> bytes:
    """A grey TIFF of 4 x 4 zeros; `samples` are 1 unsigned, 2 signed, 3 floating-point."""
    size = 2 * bits
    values = {
        256: 4, 257: 4, 258: bits, 259: compression, 262: photometric, 273: 8, 277: 1, 278: 4, 279: size, 339: samples,
    }  # fmt: skip
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in values.items())
    start = struct.pack("<4sI", b"II*\0", 8 + size)
    return start + bytes(size) + struct.pack("<H", len(values)) + tags + bytes(4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (b"<!DOCTYPE html><html>404", "not an image: starts with '<!DOCTYPE'"),
        (b"   \n", "not an image: starts with ' '"),
        (bytes(64), r"not an image: starts with '\x00"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not an image: starts with '%!PS-Adobe-3'"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "not an image: a Git LFS pointer; run `git lfs pull`",
        ),
        (
            b"\0\0\0\x1cftypheic",
            "refused: AVIF, HEIC and video give other pixels on other machines; convert it to JPEG or PNG",
        ),
        (JPEG[: len(JPEG) * 3 // 4], "truncated JPEG"),
        (JPEG[:3], "damaged JPEG"),
        (PNG[: len(PNG) // 2], "truncated PNG"),
        (PNG[:40] + b"\0\0\0\0" + PNG[44:], "damaged PNG"),
        (encoded(3, kind="bmp")[:-9], "truncated BMP"),
        (JPEG.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"), "refused: a 12-bit JPEG is not read"),
        (JPEG.replace(b"\xff\xc0\0\x11", b"\xff\xc3\0\x11"), "refused: a lossless JPEG is not read"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "refused: JPEG 2000 is not read; convert it to JPEG or PNG"),
        (b"\xff\x4f\xff\x51\0", "refused: JPEG 2000 is not read"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "not an image: starts with 'RIFF"),
        (b"BMW", "not an image: starts with 'BMW'"),
        (bitmap(24, 5), "refused: a BMP that holds a PNG is not read; convert it to JPEG or PNG"),
        (bitmap(2, 0), "refused: a BMP of 2 bits and compression 0 is not read; convert it to PNG"),
        (tiff(16, 2), "signed 16-bit TIFF: its range is not defined; convert it to 8 or unsigned 16 bits"),
        (tiff(8, 2), "signed 8-bit TIFF: its range is not defined; convert it to 8 or unsigned 16 bits"),
        (tiff(12, 1), "refused: a 12-bit TIFF is not read; convert it to 8 or 16 bits"),
        (tiff(32, 1), "32-bit TIFF: its range is not defined"),
        (tiff(64, 3), "refused: a floating-point 64-bit TIFF of this kind is not read; convert it to PNG"),
        (tiff(8, 1, compression=34887), "refused: a TIFF compressed as LERC is not read; convert it to PNG"),
        (tiff(8, 1, photometric=32803), "refused: a camera's raw pixels are not read"),
        (tiff(64, 3)[:-40], "damaged TIFF"),
        (with_chunk(b"tEXt", b"k\0" + bytes(65 * 2**20)), "too large: it holds over 64 MiB of text"),
        (
            saved(Image.new("F", (WIDTH, HEIGHT)), "TIFF"),
            "floating-point 32-bit TIFF: its range is not defined; convert it to 8 or unsigned 16 bits",
        ),
    ],
)
def test_unusable_bytes_say_why(content: bytes, message: str) -> None:
    """One short reason, without path or memory address, from both entrances."""
    with pytest.raises(ImageError) as told:
        probe(content)
    assert str(told.value).startswith(message)
    with pytest.raises(ImageError) as again:
        decode(content, height=9, width=11, resize="pad")
    assert str(again.value) == str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize(("photometric", "value"), [(1, 0), (0, 255)])
def test_a_grey_tiff_of_every_depth(bits: int, photometric: int, value: int) -> None:
    """Zero is black, or white where the file says so."""
    array = decode(tiff(bits, 1, photometric=photometric), height=4, width=4, resize="squash")
    assert (array == value).all()


@pytest.mark.parametrize(
    ("width", "height", "message"),
    [
        (16384, 16384, "too large: 16384x16384 pixels is over the limit of 200,000,000 pixels"),
        (70000, 10, "too large: 70000x10 pixels is over the limit of 65,535 a side"),
    ],
)
def test_sizes_are_refused_before_decoding(width: int, height: int, message: str) -> None:
    """A tiny file that claims a huge size is refused by its header: there are no pixels in it at all."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    with pytest.raises(ImageError, match=message):
        probe(_png_with(header))


def _png_with(header: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_hundred_megapixels_need_no_warning() -> None:
    """Pillow's own limit (89 million, a warning, which here is an error) is not the one that counts."""
    big = saved(Image.new("1", (9500, 9500)), "PNG")
    assert probe(big) == (9500, 9500)


def refused_elsewhere() -> bool:
    """Whether Pillow's own limit stops an image that is opened outside this package."""
    try:
        Image.open(io.BytesIO(PNG))
    except Image.DecompressionBombError:
        return True
    return False


def test_pillows_limit_is_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, while and after this package decodes, the limit that a user set stays and holds for other threads."""
    limit = HEIGHT * WIDTH // 4
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    check, meanwhile = images._check_size, []

    def checked(image: Image.Image) -> None:
        with ThreadPoolExecutor(1) as other:
            meanwhile.append((other.submit(refused_elsewhere).result(), Image.MAX_IMAGE_PIXELS))
        check(image)

    monkeypatch.setattr(images, "_check_size", checked)
    for entrance in (probe, overview, partial(decode, height=9, width=11, resize="pad")):
        entrance(PNG)
        assert refused_elsewhere()
    assert meanwhile == [(True, limit)] * 3
    assert limit == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("kind", ["GIF", "PNG", "BMP", "WEBP", "TIFF", "PPM", "JPEG"])
def test_no_format_asks_pillow_for_its_limit(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Far beyond Pillow's limit and within ours, every format is decoded, without a warning."""
    content = saved(Image.new("RGB", (WIDTH, HEIGHT), "red"), kind)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    assert probe(content) == (HEIGHT, WIDTH)
    assert overview(content).grey.shape == (128, 128)
    assert decode(content, height=9, width=11, resize="crop").shape == (9, 11, 3)


LONG = b"k\0\0" + zlib.compress(bytes(2 * 2**20))
COLOURFUL = [
    pytest.param(b"zTXt", LONG, id="text"),
    pytest.param(b"iTXt", b"k\0\1\0\0\0" + LONG[3:], id="international text"),
    pytest.param(b"iCCP", LONG, id="colour profile"),
    pytest.param(b"iCCP", b"k\0\0" + zlib.compress(bytes(70 * 2**20)), id="more than is read of it"),
]


@pytest.mark.parametrize(("kind", "body"), COLOURFUL)
def test_long_texts_and_profiles_do_no_harm(kind: bytes, body: bytes) -> None:
    """Pixels are those without the chunk, and other threads keep Pillow's limit for it."""
    content = with_chunk(kind, body)
    np.testing.assert_array_equal(shown(content), shown(PNG))
    assert images.size(content) == (HEIGHT, WIDTH)
    with pytest.raises(ValueError, match="MAX_TEXT_CHUNK"):
        Image.open(io.BytesIO(content))


def test_importing_leaves_pillow_as_it_is() -> None:
    """A notebook that imports this package keeps Pillow's own limit."""
    code = (
        "from PIL import Image; before = Image.MAX_IMAGE_PIXELS; import frostline.images; "
        "assert Image.MAX_IMAGE_PIXELS == before is not None"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_limit_is_tried_on_small_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly at the limit is fine, one over is not."""
    monkeypatch.setattr(images, "MAX_PIXELS", HEIGHT * WIDTH)
    assert probe(PNG) == (HEIGHT, WIDTH)
    monkeypatch.setattr(images, "MAX_PIXELS", HEIGHT * WIDTH - 1)
    with pytest.raises(ImageError, match="too large"):
        probe(PNG)


def stripes(height: int, width: int) -> bytes:
    """Left third red, middle green, right blue; the top and bottom quarter white over all of it."""
    array = np.zeros((height, width, 3), np.uint8)
    for third in range(3):
        array[:, third * width // 3 : (third + 1) * width // 3, third] = 255
    array[: height // 4] = array[-(height // 4) :] = 255
    return saved(Image.fromarray(array), "PNG")


def test_squash_fills_the_frame_with_all_of_it() -> None:
    """All three stripes and both white edges are there, whatever the aspect ratio."""
    array = decode(stripes(60, 90), height=40, width=30, resize="squash")
    assert array.shape == (40, 30, 3)
    assert array[20, [3, 15, 27]].argmax(axis=1).tolist() == [0, 1, 2]
    assert array[[0, 39]].min() == 255


def test_crop_cuts_the_sides_of_a_wide_image() -> None:
    """A 60x90 image in a 40x20 frame keeps its full height and the middle third."""
    array = decode(stripes(60, 90), height=40, width=20, resize="crop")
    assert array.shape == (40, 20, 3)
    assert (array[20].argmax(axis=1) == 1).all()
    assert array[[0, 39]].min() == 255


def test_pad_shows_everything_between_black_borders() -> None:
    """A 60x90 image in a 90x45 frame is 30x45 in the middle; nothing is cut."""
    array = decode(stripes(60, 90), height=90, width=45, resize="pad")
    assert array.shape == (90, 45, 3)
    assert array[:30].max() == 0
    assert array[60:].max() == 0
    assert array[30].min() == 255
    assert array[45, [3, 22, 41]].argmax(axis=1).tolist() == [0, 1, 2]


def test_shrinking_averages() -> None:
    """Antialiasing: a fine checkerboard becomes grey, not black or white."""
    board = np.indices((64, 96)).sum(axis=0) % 2 * 255
    array = decode(saved(Image.fromarray(board.astype(np.uint8)), "PNG"), height=8, width=12, resize="squash")
    assert np.abs(array.astype(int) - 127).max() < 8


def test_pixels_are_pinned() -> None:
    """A change of pixels must come with a change of DECODE_VERSION.

    Row 1 of 4 weighs source rows 2-6 as 1:2:3:2:1, so that 1/9 is white; columns likewise.
    """
    array = decode(stripes(12, 18), height=4, width=6, resize="squash")
    assert images.DECODE_VERSION == "frostline-2/pillow-13"
    assert array[1].tolist() == [
        [255, 28, 28], [230, 53, 28], [53, 230, 28], [28, 230, 53], [28, 53, 230], [28, 28, 255],
    ]  # fmt: skip


LARGE = saved(Image.fromarray(pixels(21, height=660, width=940)), "JPEG", quality=90)


@pytest.mark.parametrize("resize", ["squash", "crop", "pad"])
def test_large_jpegs_are_decoded_smaller_without_a_visible_difference(resize: str) -> None:
    """A JPEG decoded at a quarter and the same pixels from a PNG differ by well below a level on average."""
    exact = saved(Image.open(io.BytesIO(LARGE)), "PNG")
    quick, full = (decode(content, height=60, width=80, resize=resize) for content in (LARGE, exact))
    difference = np.abs(quick.astype(int) - full)
    assert 0 < difference.max() <= 4  # it really went the other way
    assert difference.mean() < 0.3


@pytest.mark.parametrize("value", [1, 6])
def test_size_and_turn_are_those_of_the_whole_jpeg(value: int) -> None:
    """What `probe` says is the file's own size, also where a quarter of it was decoded, turned or not."""
    tall = with_orientation(Image.fromarray(pixels(22, height=660, width=940)), value, "JPEG")
    assert probe(tall) == ((660, 940) if value == 1 else (940, 660))
    upright = saved(Image.fromarray(shown(tall)), "PNG")
    quick, full = (decode(each, height=90, width=60, resize="squash") for each in (tall, upright))
    assert np.abs(quick.astype(int) - full).mean() < 0.3


PINNED = [[132, 141, 99], [135, 107, 157]]


def test_large_jpegs_are_pinned() -> None:
    """The reduced decoder's pixels stand in the contract too: libjpeg's integers, whatever the machine."""
    gradient = np.add.outer(np.arange(256), np.arange(320)) % 256
    content = saved(Image.fromarray(gradient.astype(np.uint8)).resize((640, 512)), "JPEG", quality=90)
    array = decode(content, height=2, width=3, resize="squash")
    assert array[..., 0].tolist() == PINNED


def test_damage_is_seen_at_any_scale() -> None:
    """Every cut of a large JPEG gets one answer from the full, the reduced and the overview decoder."""
    for cut in range(700, len(LARGE), len(LARGE) // 40):
        said = {
            attempt(
                lambda cut=cut, side=side: (
                    decode(LARGE[:cut], height=side, width=side, resize="squash").shape and 0
                )
            )
            for side in (8, 60, 700)
        }
        assert said == {"truncated JPEG"}
        assert attempt(lambda cut=cut: probe(LARGE[:cut])) == "truncated JPEG"


def test_overview_tells_what_the_bytes_are() -> None:
    """Format by content, frames, and the grey copy that the audit compares."""
    seen = images.overview(animated())
    assert (seen.format, seen.animated) == ("GIF", True)
    assert (seen.height, seen.width) == (HEIGHT, WIDTH)
    assert seen.grey.shape == (128, 128)
    assert abs(int(seen.grey.mean()) - 76) <= 1  # red as grey
    still = images.overview(saved(RED, "WEBP"))
    assert (still.format, still.animated) == ("WEBP", False)


def test_unknown_resize_is_a_mistake_in_the_program() -> None:
    """Params allow three words; another one is no matter of the image."""
    with pytest.raises(ValueError, match="squash, crop, pad"):
        decode(PNG, height=4, width=4, resize="stretch")


@pytest.mark.parametrize("resize", ["squash", "crop", "pad"])
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 50), st.integers(1, 50))
def test_any_size_fits_any_frame(resize: str, height: int, width: int, to_height: int, to_width: int) -> None:
    """No pair of sizes breaks the arithmetic of crop and pad, and one colour stays itself."""
    content = saved(Image.new("RGB", (width, height), (10, 200, 90)), "PNG")
    array = decode(content, height=to_height, width=to_width, resize=resize)
    assert array.shape == (to_height, to_width, 3)
    assert (array[(to_height - 1) // 2, (to_width - 1) // 2] == (10, 200, 90)).all()


VALID = [
    encoded(4, kind=kind, height=12, width=17)
    for kind in ("jpeg", "png", "gif", "bmp", "webp", "tiff", "ppm")
] + [
    saved(DEEP.resize((17, 12)), "PNG"),
    saved(CLEAR.resize((17, 12)), "PNG"),
    with_orientation(RED.resize((17, 12)), 6, "JPEG"),
    animated(),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid image with some bytes changed, perhaps cut, perhaps with something in between."""
    content = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(0, 6))):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    cut = draw(st.integers(0, len(content)))
    extra = draw(st.binary(max_size=8))
    return draw(
        st.sampled_from([bytes(content), bytes(content[:cut]), bytes(content[:cut] + extra + content[cut:])])
    )


def attempt(call: Callable[[], Any]) -> Any:
    """What a call gives, or the text of its ImageError; anything else passes through."""
    try:
        return call()
    except ImageError as error:
        return str(error)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(mutated(), st.binary(max_size=200)))
def test_any_bytes_are_an_image_or_an_image_error(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Whatever is damaged: an array of the asked shape, or ImageError with one line; nothing else."""
    monkeypatch.setattr(images, "MAX_PIXELS", 1_000_000)
    with warnings.catch_warnings(action="ignore"):
        found = attempt(lambda: decode(content, height=7, width=5, resize="crop"))
        probed = attempt(lambda: probe(content))
    if isinstance(found, str):
        assert found
        assert "\n" not in found
        assert probed == found
    else:
        assert (found.shape, found.dtype) == ((7, 5, 3), np.uint8)
        assert min(probed) > 0
