"""Who is let in, asked of the guard without a server."""

import asyncio
from typing import Any

import pytest

from frostline.automation.credential import authorization
from frostline.automation.guard import Guard, refusal

LOGIN = "frostline:a-password-of-a-test"
WITH = authorization(LOGIN)


def scope(
    kind: str = "http", path: str = "/x", host: str = "127.0.0.1:4200", **headers: str
) -> dict[str, Any]:
    """A request to port 4200, as uvicorn tells it."""
    told = {"host": host, **headers}
    pairs = [(name.encode(), value.encode()) for name, value in told.items()]
    return {"type": kind, "path": path, "server": ("127.0.0.1", 4200), "headers": pairs}


@pytest.mark.parametrize("host", ["127.0.0.1:4200", "localhost:4200"])
@pytest.mark.parametrize(
    "origin", [{}, {"origin": "http://127.0.0.1:4200"}, {"origin": "http://localhost:4200"}]
)
def test_its_own_pages_get_in(host: str, origin: dict[str, str]) -> None:
    """Under both names, from both names, and programs, which have no origin."""
    assert refusal(scope(host=host, **origin, **WITH), LOGIN) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example:4200", "127.0.0.1", "localhost", "127.0.0.1:4201", "127.0.0.1.evil.example:4200", "", "0.0.0.0:4200",
     "192.168.evil.example:4200", "LOCALHOST:4200@evil", "localhost:4200, evil.example"],
)  # fmt: skip
def test_foreign_names(host: str) -> None:
    """A name that somebody bent to this machine is refused, with the login too."""
    found = refusal(scope(host=host, **WITH), LOGIN)
    assert found is not None
    assert found.status == 403


def test_no_name_and_two_names() -> None:
    """Neither is what a browser or a client sends."""
    none, two = scope(**WITH), scope(**WITH)
    none["headers"] = [pair for pair in none["headers"] if pair[0] != b"host"]
    two["headers"].append((b"host", b"localhost:4200"))
    assert [(found := refusal(each, LOGIN)) and found.status for each in (none, two)] == [403, 403]


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "", "http://127.0.0.1:4201", "https://127.0.0.1:4200", "http://localhost",
     "http://127.0.0.1:4200.evil.example", "http://127.0.0.1:4200, http://evil.example"],
)  # fmt: skip
def test_foreign_pages(origin: str) -> None:
    """Pages of other ports of this machine are foreign too; so they are to sockets."""
    for kind in ("http", "websocket"):
        found = refusal(scope(kind, origin=origin, **WITH), LOGIN)
        assert found is not None
        assert found.status == 403


@pytest.mark.parametrize(
    ("given", "known"),
    [
        (LOGIN, True), (f"anybody:{LOGIN}", True), ("frostline:wrong", False), (f"{LOGIN}x", False),
        (LOGIN.partition(":")[2], False), (":", False), ("frostline:", False), ("x:frostline:", False),
    ],
)  # fmt: skip
def test_logins(given: str, *, known: bool) -> None:
    """The login, or the whole of it as the password of any name."""
    found = refusal(scope(**authorization(given)), LOGIN)
    assert (found is None) == known
    assert known or (found is not None and found.status == 401)


@pytest.mark.parametrize(
    "header", ["", "Basic", "Basic ####", "Bearer abc", f"Basic {LOGIN}", "basic =", "Basic é"]
)
def test_no_logins(header: str) -> None:
    """Whatever else stands there is no login and no error."""
    found = refusal(scope(authorization=header), LOGIN)
    assert found is not None
    assert found.status == 401


def test_health_is_open_to_programs_alone() -> None:
    """That a server is up may be asked without a login, not by another page."""
    assert refusal(scope(path="/health"), LOGIN) is None
    assert refusal(scope(path="/health", origin="http://evil.example"), LOGIN) is not None
    assert refusal(scope(path="/healthy"), LOGIN) is not None


def called(guard: Guard, told: dict[str, Any]) -> list[Any]:
    """What a guard sends."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {}

    asyncio.run(guard(told, receive, send))
    return sent


async def answering(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001  # an app is called so
    """An app that answers, with a header that the guard sets too."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Frame-Options", b"ALLOWALL")]})


def test_answers() -> None:
    """A refused request never reaches the app; an answer can be put into no frame; a browser is asked to log in."""
    [start] = called(Guard(answering), scope())
    assert start["headers"] == [
        (b"x-frame-options", b"DENY"),
        (b"content-security-policy", b"frame-ancestors 'none'"),
    ]
    start, body = called(Guard(answering, LOGIN), scope())
    assert (start["status"], dict(start["headers"])[b"www-authenticate"]) == (401, b'Basic realm="frostline"')
    assert body["body"] == b"this server wants the login of its project\n"
    [closed] = called(Guard(answering), scope("websocket", host="evil.example:4200"))
    assert (closed["type"], closed["code"]) == ("websocket.close", 1008)
    [begun] = called(Guard(answering, LOGIN), {"type": "lifespan"})
    assert begun["status"] == 200
