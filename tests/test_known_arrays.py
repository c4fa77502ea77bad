"""Arrays are kept by key, whole or not at all."""

import contextlib
from pathlib import Path

import numpy as np
import pytest

from frostline import known_arrays
from helpers.remarks import flip

KEY = {"trunk": "a" * 64}
ROWS = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path))


def known(key: dict[str, str] = KEY) -> known_arrays.Arrays:
    """What is kept under a key."""
    with known_arrays.kept("proofs", key) as arrays:
        return dict(arrays)


def test_what_is_put_in_is_there_the_next_time(tmp_path: Path) -> None:
    """Under its key alone; what is damaged is computed anew."""
    with known_arrays.kept("proofs", KEY) as arrays:
        assert arrays == {}
        arrays["alone"] = ROWS
        arrays["none"] = np.zeros(0, np.int64)
    assert known().keys() == {"alone", "none"}
    np.testing.assert_array_equal(known()["alone"], ROWS)
    assert known({"trunk": "b" * 64}) == {}
    [path] = tmp_path.rglob(known_arrays.NAME)
    flip(path, path.stat().st_size // 2)
    assert known() == {}


def test_what_a_failure_left_is_not_kept(tmp_path: Path) -> None:
    """No folder is made for it."""
    with contextlib.suppress(ValueError), known_arrays.kept("proofs", KEY) as arrays:
        arrays["alone"] = ROWS
        raise ValueError("the model disagrees")
    assert list(tmp_path.iterdir()) == []
    assert known() == {}
