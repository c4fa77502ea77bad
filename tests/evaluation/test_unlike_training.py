"""What train leaves of how unlike the training images the test images are."""

from pathlib import Path

import numpy as np
import pytest

from frostline.errors import FrostlineError
from frostline.evaluation import unlike_training
from helpers.results import rows

TEST = rows([0, 1, 2, 0], [0, 1, 2, 0])
VALUES = np.array([0, 0.25, 0.5, 0.999], np.float32)


def test_written_and_read(tmp_path: Path) -> None:
    """The same numbers, of the same images; the same bytes each time."""
    path = tmp_path / "unknown.parquet"
    unlike_training.write(TEST.paths, VALUES, path)
    before = path.read_bytes()
    found = unlike_training.read(path, TEST, made_by="dvc repro")
    assert found is not None
    assert found.tolist() == VALUES.tolist()
    unlike_training.write(TEST.paths, VALUES, path)
    assert path.read_bytes() == before


def test_nothing_frozen(tmp_path: Path) -> None:
    """An empty table, and the file that an earlier frostline did not write."""
    path = tmp_path / "unknown.parquet"
    assert unlike_training.read(path, TEST, made_by="dvc repro") is None
    unlike_training.write((), VALUES[:0], path)
    assert unlike_training.read(path, TEST, made_by="dvc repro") is None


def test_of_other_images_or_broken(tmp_path: Path) -> None:
    """Named, with what makes it anew."""
    path = tmp_path / "unknown.parquet"
    unlike_training.write(TEST.paths[::-1], VALUES, path)
    with pytest.raises(FrostlineError, match="of other images"):
        unlike_training.read(path, TEST, made_by="dvc repro")
    path.write_bytes(b"PAR1")
    with pytest.raises(FrostlineError, match="run `dvc repro` again"):
        unlike_training.read(path, TEST, made_by="dvc repro")
