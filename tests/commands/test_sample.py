"""The sample is scikit-learn's digits, pixel for pixel, in one zip that never changes."""

import io
import os
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from frostline.commands import sample
from frostline.datasets.source import open_source
from frostline.errors import FrostlineError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "data/digits.zip"
    sample.run(path)
    return path


def test_every_digit_is_there_unscaled(made: Path) -> None:
    """1,797 grey 8x8 PNG files under their class, 0-16 spread over 0-255."""
    digits = load_digits()
    with zipfile.ZipFile(made) as archive:
        names = archive.namelist()
        assert names == sorted(names)
        assert (names[0], len(names)) == ("0/digit-0000.png", 1797)
        for name in names:
            number = int(name[-8:-4])
            picture = Image.open(io.BytesIO(archive.read(name)))
            assert (picture.mode, picture.size, int(name[0])) == ("L", (8, 8), digits.target[number])
            np.testing.assert_allclose(np.asarray(picture), digits.images[number] * 255 / 16, atol=0.5)


def test_bytes_are_the_same_in_another_process(made: Path, tmp_path: Path) -> None:
    """Neither the clock, the time zone, the mask nor the hash seed is in them."""
    code = (
        "import os, pathlib; os.umask(0o77); "
        "from frostline.commands import sample; sample.run(pathlib.Path('x.zip'))"
    )
    environment = {**os.environ, "TZ": "Pacific/Auckland", "PYTHONHASHSEED": "5"}
    subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, capture_output=True
    )
    assert (tmp_path / "x.zip").read_bytes() == made.read_bytes()


def test_entries_hold_no_date_and_are_stored(made: Path) -> None:
    """DVC compresses its transfers itself; what is stored depends on no zlib version."""
    with zipfile.ZipFile(made) as archive:
        entries = archive.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert {entry.create_system for entry in entries} == {3}


def test_preprocess_can_read_it(made: Path) -> None:
    """Ten classes of 174 to 183 images, listed by the room that training uses."""
    with open_source(made) as source:
        counts = Counter(name.split("/")[0] for name in source.names())
    assert sorted(counts) == list("0123456789")
    assert (min(counts.values()), max(counts.values())) == (174, 183)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """One line; nothing half-written stays."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FrostlineError, match=r"cannot write .*file/digits.zip"):
        sample.run(tmp_path / "file/digits.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
