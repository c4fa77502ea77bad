"""The page's server: who gets in, what it answers, and that nothing but a right request decides."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from frostline.review import app as apps
from frostline.review.session import ReviewSession
from helpers.reviews import session

TOKEN, BASE = "secret", "http://127.0.0.1:8765"
ended: list[bool] = []


@pytest.fixture
def reviewer(tmp_path: Path) -> ReviewSession:
    return session(tmp_path)


def ask(
    reviewer: ReviewSession, method: str, path: str, *, headers: dict[str, str] | None = None, **body: Any
) -> httpx.Response:
    """One request, as uvicorn would hand it on."""
    inner = apps.app(reviewer, TOKEN, end=lambda: ended.append(True))

    async def named(scope: Any, receive: Any, send: Any) -> None:
        await inner({**scope, "server": ("127.0.0.1", 8765)}, receive, send)

    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=named), base_url=BASE) as client:
            return await client.request(method, path, headers=headers, json=body or None)

    return asyncio.run(asked())


@pytest.mark.parametrize(
    "path", ["/", "/other/", "/state", "/secre/state", "/secret2/", "//secret/", "/SECRET/"]
)
def test_without_the_token_nothing_is_said(reviewer: ReviewSession, path: str) -> None:
    """Not even what lies there."""
    answer = ask(reviewer, "GET", path)
    assert answer.status_code == 404
    assert "pets" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"}, {"host": "evil.example:8765"}, {"host": "127.0.0.1:1"},
        {"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "http://127.0.0.1:1"},
    ],
)  # fmt: skip
@pytest.mark.parametrize(("method", "path"), [("GET", "/secret/state"), ("POST", "/secret/decide")])
def test_other_names_and_other_pages_are_refused(
    reviewer: ReviewSession, headers: dict[str, str], method: str, path: str
) -> None:
    """Also with the token: a name that was bent to here, a page of another server."""
    answer = ask(reviewer, method, path, headers=headers, number=0, action="keep", page=reviewer.open_page())
    assert answer.status_code == 403
    assert reviewer.state()["decided"] == 0


def test_the_page_loads_nothing_from_elsewhere(reviewer: ReviewSession) -> None:
    """Page, script and style are here; the browser is told to take nothing else, and to tell nobody the address."""
    page = ask(reviewer, "GET", "/secret/")
    assert 'content="1"' in page.text
    assert 'content="2"' in ask(reviewer, "GET", "/secret/").text
    policy = ",".join(page.headers.get_list("content-security-policy"))
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    for name in ("review.js", "review.css"):
        assert ask(reviewer, "GET", f"/secret/{name}").status_code == 200
        assert "http" not in ask(reviewer, "GET", f"/secret/{name}").text
    assert ask(reviewer, "GET", "/secret/app.py").status_code == 404


def test_a_decision_and_its_undo(reviewer: ReviewSession) -> None:
    """Answers say where to go on; photos come as JPEG."""
    page = reviewer.open_page()
    answer = ask(reviewer, "POST", "/secret/decide", number=0, action="label", label="dog", page=page)
    assert (answer.status_code, answer.json()["next"], answer.json()["decided"]) == (200, 1, 1)
    assert answer.json()["about"][0]["decision"]["new"] == "dog"
    [first] = ask(reviewer, "GET", "/secret/items?start=0&count=1").json()
    assert first["decision"]["new"] == "dog"
    assert ask(reviewer, "GET", "/secret/photo/0").content.startswith(b"\xff\xd8")
    assert ask(reviewer, "GET", "/secret/photo/99").status_code == 404
    assert ask(reviewer, "GET", "/secret/photo/0/0").status_code == 404
    assert ask(reviewer, "POST", "/secret/undo", page=page).json()["next"] == 0
    assert ask(reviewer, "GET", "/secret/state").json()["first"] == 0


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("decide", {}, 400),
        ("decide", {"number": "x", "action": "keep", "page": 1}, 400),
        ("decide", {"number": 0, "action": "burn", "page": 1}, 400),
        ("decide", {"number": 0, "action": "label", "label": "owl", "page": 1}, 400),
        ("decide", {"number": 0, "action": "keep", "page": 0}, 409),
        ("undo", {"page": 0}, 409),
        ("decide", {"number": 0, "action": "keep", "page": 1, "more": "x" * 20_000}, 400),
    ],
)
def test_what_is_no_decision_decides_nothing(
    reviewer: ReviewSession, path: str, body: dict[str, Any], status: int
) -> None:
    """A line says why."""
    reviewer.open_page()
    answer = ask(reviewer, "POST", f"/secret/{path}", **body)
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)
    assert reviewer.state()["decided"] == 0


def test_items_wants_numbers(reviewer: ReviewSession) -> None:
    """A piece of the list has a start and a length."""
    assert ask(reviewer, "GET", "/secret/items").status_code == 400
    assert ask(reviewer, "GET", "/secret/items?start=-5&count=2").json()[0]["number"] == 0


def test_the_page_can_end_it(reviewer: ReviewSession) -> None:
    """By a button, not by an address that a picture could ask for."""
    ended.clear()
    assert ask(reviewer, "GET", "/secret/end").status_code in {404, 405}
    assert not ended
    assert ask(reviewer, "POST", "/secret/end").json() == {"ended": True}
    assert ended == [True]
