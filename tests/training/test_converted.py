"""A head's arrays are read from Keras' file without Keras; pipelines are in `stages/test_train_export.py`."""

from pathlib import Path

import numpy as np
import pytest

from frostline.config import ClassifierHead
from frostline.models import heads
from frostline.models.keras_backend import keras
from frostline.training import assemble, converted


def head(standardize: bool, **dense: int) -> ClassifierHead:
    return ClassifierHead(pooling="average", standardize=standardize, dense=dense, dropout=0.1)


@pytest.mark.parametrize("entry", [head(False), head(True, b=7, a=3)], ids=["plain", "hidden"])
def test_what_keras_saved_is_read(entry: ClassifierHead, tmp_path: Path) -> None:
    """Hidden layers in their order, standardisation where there is one."""
    keras(seed=1)
    made = heads.build(entry, features=4, classes=3)
    for number, weight in enumerate(made.weights):
        weight.assign(np.random.default_rng(number).normal(size=weight.shape))
    assemble.save(made, tmp_path)
    found, wanted = converted.read(tmp_path / assemble.KERAS_FILE, entry), heads.arrays(made)
    assert found is not None
    rows = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    np.testing.assert_array_equal(found(rows), wanted(rows))
    assert (found.mean is None) == (not entry.standardize)


def test_other_files_are_left_to_keras(tmp_path: Path) -> None:
    """None for a missing file, one that is no HDF5 file, and the file of another head."""
    path = tmp_path / assemble.KERAS_FILE
    assert converted.read(path, head(True)) is None
    path.write_bytes(b"none")
    assert converted.read(path, head(True)) is None
    keras(seed=1)
    assemble.save(heads.build(head(True, b=7), features=4, classes=3), tmp_path)
    assert converted.read(path, head(True, b=7)) is not None
    assert converted.read(path, head(True)) is None
    assert converted.read(path, head(True, other=7)) is None
