"""The review's page in a real browser: fifty photos by keyboard, a server that is killed in between, a phone."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from frostline import config, paths
from frostline.datasets import decisions
from helpers.images import classes, folder
from helpers.projects import pets
from helpers.reviews import answers

pytestmark = pytest.mark.browser
COUNTS = {"bird": 120, "cat": 140, "dog": 140}
SHOWN = "() => document.querySelector('#photos img')?.complete && document.querySelector('#path').textContent"
MOVED = "before => document.querySelector('#path').textContent !== before || !document.querySelector('#done').hidden"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four hundred photos, sixty of which a classifier takes for something else."""
    monkeypatch.chdir(pets(tmp_path))
    photos = classes(COUNTS)
    folder(tmp_path / "data/pets", photos)
    wrong = {f"cat/cat-{number}.png": "dog" for number in range(60)}
    assert wrong.keys() <= photos.keys()
    answers(next(iter(config.load().classifiers)), wrong=wrong)
    return tmp_path


@contextmanager
def served(place: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The command as a process, and the address that it says."""
    command = [sys.executable, "-m", "frostline.cli", "data", "review", "pets", "--no-browser"]
    with subprocess.Popen(
        command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        try:
            address = next(
                found[0] for line in running.stdout or () if (found := re.search(r"http://\S+/[\w-]+/", line))
            )
            yield running, address
        finally:
            running.kill()


def opened(browser: Any, address: str, *, width: int = 1280) -> tuple[Any, list[str]]:
    """The page with its first photo in sight, and what its console says."""
    page, said = browser.new_page(viewport={"width": width, "height": 800}), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    page.wait_for_function(SHOWN)
    return page, said


def press(page: Any, key: str) -> None:
    """A key, once the photo is there, and the next photo."""
    page.wait_for_function("() => ready && !busy")
    before = page.inner_text("#path")
    page.keyboard.press(key)
    page.wait_for_function(MOVED, arg=before)


def made() -> list[tuple[str, str]]:
    """Action and new class of every row."""
    return [(one.action, one.new) for one in decisions.read(paths.DECISIONS)]


def test_fifty_photos_by_keyboard(browser: Any, place: Path) -> None:
    """Killed after twenty-five, opened again, it goes on with the twenty-sixth; each key writes its own row once."""
    keys = [
        ("1", ("label", "bird")),
        ("3", ("label", "dog")),
        (" ", ("keep", "cat")),
        ("x", ("leave out", "")),
    ]
    expected = []
    with served(place) as (running, address):
        page, said = opened(browser, address)
        for number in range(25):
            key, row = keys[number % 4]
            press(page, key)
            expected.append(row)
        assert made() == expected
        assert said == []
        running.send_signal(signal.SIGKILL)
        running.wait()
        page.keyboard.press(" ")
        page.wait_for_selector("#message:not([hidden])")
        assert "does not answer" in page.inner_text("#message")
        page.close()
    assert made() == expected
    with served(place) as (_, address):
        page, _ = opened(browser, address)
        assert page.inner_text("#path").startswith("26 of ")
        for number in range(25, 50):
            key, row = keys[number % 4]
            press(page, key)
            expected.append(row)
        assert made() == expected
        press(page, "u")
        assert made() == [*expected, ("undo", expected[-1][1])]
        assert page.inner_text("#path").startswith("50 of ")
        page.close()


def test_a_key_that_is_held_down_decides_once(browser: Any, place: Path) -> None:
    """And one that comes before the photo is seen decides nothing."""
    with served(place) as (_, address):
        page, _ = opened(browser, address)
        page.wait_for_function("() => ready && !busy")
        page.keyboard.down("1")
        page.keyboard.down("1")  # the browser sends it as repeated
        page.keyboard.up("1")
        page.wait_for_function("() => ready && !busy")
        page.evaluate("ready = false")
        page.keyboard.press("2")
        page.wait_for_timeout(300)
        assert made() == [("label", "bird")]
        page.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_overflows(browser: Any, place: Path, width: int, tmp_path: Path) -> None:
    """On a phone the photo and the first classes are in sight together; a second window is told."""
    with served(place) as (_, address):
        page, said = opened(browser, address, width=width)
        page.wait_for_function("() => ready && !busy")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        bottom = page.evaluate(
            "document.querySelector('#classes').lastElementChild.getBoundingClientRect().bottom"
        )
        assert bottom <= 800
        assert said == []
        page.screenshot(path=tmp_path / "page.png")
        other, _ = opened(browser, address, width=width)
        page.keyboard.press(" ")
        page.wait_for_selector("#message:not([hidden])")
        assert "another window" in page.inner_text("#message")
        assert made() == []
        other.close()
        page.close()
