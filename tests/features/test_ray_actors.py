"""What runs in the processes of a cluster: the feed of chunks, and workers that refuse other code."""

import asyncio
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import frostline
from frostline.errors import FrostlineError
from frostline.features import ray_actors


def test_the_feed_waits_for_what_is_ahead() -> None:
    """At most `ahead` chunks lie there; a finished one is empty when asked again; after the last comes None."""

    async def story() -> None:
        feed = ray_actors.Feed(2)
        assert await feed.put(0, b"a")
        assert await feed.put(1, b"b")
        third = asyncio.create_task(feed.put(2, b"c"))
        await asyncio.sleep(0.01)
        assert not third.done()
        assert await feed.get(0) == b"a"
        await feed.forget(1)
        assert await third
        assert await feed.get(0) == b""
        assert await feed.get(2) == b"c"
        await feed.close(3)
        assert await feed.get(3) is None
        assert not await feed.put(3, b"d")

    asyncio.run(story())


def test_installed_changes_with_the_code_at_the_same_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One byte of one module is other code, though the version is the same."""
    before = ray_actors.installed()
    assert ray_actors.installed() == before
    assert frostline.__version__ in before
    copy = tmp_path / "frostline"
    shutil.copytree(Path(frostline.__file__).parent, copy)
    monkeypatch.setattr(frostline, "__file__", str(copy / "__init__.py"))
    assert ray_actors.installed() == before
    with (copy / "images.py").open("a") as file:
        file.write("\n")
    assert ray_actors.installed() != before


def test_a_worker_refuses_a_driver_with_other_code() -> None:
    """The error travels as the chunk's result; it says what each of the two has."""
    worker = ray_actors.Worker(work=None, batch_size=1, workers=1, driver="frostline 9 (code 0)")
    chunk: Any = {ray_actors.COLUMN: np.array([pickle.dumps((3, b"not for other code"))], dtype=object)}
    (row,) = worker(chunk)
    sent = pickle.loads(row[ray_actors.COLUMN][0])
    assert sent.number == 3
    assert isinstance(sent.result, FrostlineError)
    assert ray_actors.installed() in str(sent.result)
    assert "frostline 9 (code 0)" in str(sent.result)
