"""The documentation as a site: built strictly, fetching nothing, read in Chromium on a desk and on a phone."""

import contextlib
import functools
import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import frostline
from helpers.commands import leaves

ROOT = Path(__file__).parents[1]
# What a browser fetches by itself: pictures, scripts, styles, fonts; not what a reader may follow.
FETCHED = re.compile(
    r"""(?:\bsrc|<link[^>]*\bhref)=["']?(https?:)?//|url\(["']?(https?:)?//|@import ["'](https?:)?//"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does, with warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", folder],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_in_the_site(site: Path) -> None:
    """Each Markdown page of docs/ is a page, and the order of them names each."""
    pages = {path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md")}
    assert {
        page for page in pages if page.name != "index" and not (site / page / "index.html").is_file()
    } == set()
    named = re.findall(
        r"[\w/-]+(?=\.md)", yaml.safe_dump(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    )
    assert sorted(named) == sorted(map(str, pages))


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    """No page, style or script of ours names a script, font or picture of another host."""
    pages = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(pages) > 20
    assert {str(path.relative_to(site)) for path in pages if FETCHED.search(path.read_text())} == set()


@pytest.mark.parametrize(
    "text", ['<script src="https://a.example/b.js">', "url(//a.example/f.woff)", '<link href="http://a">']
)
def test_the_check_for_elsewhere_can_fail(text: str) -> None:
    """Scripts, fonts and styles of other hosts are seen; a link for the reader is none."""
    assert FETCHED.search(text)
    assert not FETCHED.search('<a href="https://a.example">')


def test_the_reference_has_every_command(site: Path) -> None:
    """A heading for each, with its options and an example."""
    text = (site / "reference/commands/index.html").read_text()
    for name, command in leaves().items():
        assert f'id="frostline-{name.replace(" ", "-")}"' in text
        for option in command.params:
            assert not option.opts[0].startswith("--") or option.opts[0] in text, (name, option.opts)


def test_the_reference_has_every_public_name(site: Path) -> None:
    """Each name of `frostline.__all__`, from where it lives."""
    text = (site / "reference/python/index.html").read_text()
    for name in set(frostline.__all__) - {"__version__"}:
        assert f'id="frostline.{frostline._HOMES[name]}.{name}"' in text


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site on loopback."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextlib.contextmanager
def opened(browser: Any, address: str, width: int) -> Iterator[Any]:
    """A page that notes what leaves the machine and what goes wrong; nothing may."""
    page, wrong = browser.new_page(viewport={"width": width, "height": 800}), []
    page.on(
        "request",
        lambda request: wrong.append(request.url) if not request.url.startswith((address, "data:")) else None,
    )
    page.on("response", lambda answer: wrong.append(answer.url) if answer.status >= 400 else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    page.close()
    assert wrong == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_fits(browser: Any, address: str, site: Path, width: int) -> None:
    """Nothing is wider than the screen, and every picture shows."""
    with opened(browser, address, width) as page:
        wide = []
        for path in sorted(site.rglob("index.html")):
            page.goto(address + str(path.relative_to(site)).removesuffix("index.html"))
            if page.evaluate("document.documentElement.scrollWidth") > width:
                wide.append(path)
            assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)"), path
        assert wide == []


@pytest.mark.browser
def test_navigation_on_a_desk(browser: Any, address: str) -> None:
    """From the first page to a how-to page by the navigation, and on to a reference by a link."""
    with opened(browser, address, 1280) as page:
        page.goto(address)
        page.locator(".md-sidebar--primary").get_by_role("link", name="Start with your own photos").click()
        page.wait_for_url("**/how-to/your-photos/")
        page.locator("article").get_by_role("link", name="the reference").first.click()
        page.wait_for_url("**/reference/params/")
        assert page.locator("h1").inner_text().startswith("params.yaml")


@pytest.mark.browser
def test_navigation_on_a_phone(browser: Any, address: str) -> None:
    """The menu opens, its sections unfold, a page is reached."""
    with opened(browser, address, 390) as page:
        page.goto(address)
        page.locator("label.md-header__button[for=__drawer]").click()
        page.locator(".md-sidebar--primary").get_by_text("How to", exact=True).first.click()
        page.locator(".md-sidebar--primary").get_by_role("link", name="Notice drift").click()
        page.wait_for_url("**/how-to/drift/")


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
def test_search(browser: Any, address: str, width: int) -> None:
    """A word leads to the page about it, by the index that the site brings along."""
    with opened(browser, address, width) as page:
        page.goto(address)
        if width < 1000:
            page.locator("label.md-header__button[for=__search]").click()
        page.locator("input.md-search__input").click()
        page.locator("input.md-search__input").press_sequentially("early_stopping")
        page.locator(".md-search-result__link").first.click()
        page.wait_for_url("**/*?h=*")
        assert "early_stopping" in page.locator("article").inner_text()
