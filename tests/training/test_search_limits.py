"""What ends a search: the executor that stops when the time is over."""

import time

import numpy as np
import pytest

from frostline.features.executor import Item
from frostline.training import search_heads, search_limits


def test_the_executor_stops_and_keeps() -> None:
    """Blocks until the time is over come out; then it says so."""
    work = search_limits.until_then(time.monotonic() - 1)
    items = [Item(str(number), lambda: b"") for number in range(100)]
    blocks = work(
        items,
        decode=lambda _: np.zeros((2, 2, 3), np.uint8),
        network=lambda batch: {"rows": batch},
        batch_size=4,
    )
    assert next(iter(blocks)).names == ("0", "1", "2", "3")
    with pytest.raises(search_heads.TimeUpError):
        next(blocks)
