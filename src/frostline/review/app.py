"""The page's server: plain ASGI behind the guard, on loopback, below a secret that its address alone holds."""

import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frostline.automation.guard import Guard
from frostline.errors import FrostlineError, InputError
from frostline.images import ImageError
from frostline.review.session import ReviewSession, StalePageError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

STATIC = Path(__file__).parent / "static"
TYPES = {"review.js": "text/javascript", "review.css": "text/css"}
# Nothing from elsewhere, nothing to elsewhere: neither by a picture nor by the address of a link.
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
MOST_BYTES = 10_000  # of a decision


def app(session: ReviewSession, token: str, *, end: Callable[[], None]) -> Guard:
    """The server of one session; whoever does not know the token is told nothing. `end` ends it."""
    from starlette.applications import Starlette
    from starlette.routing import Route

    pages = _Pages(session, token, end)
    routes = [
        Route("/{token}/", pages.page),
        Route("/{token}/state", pages.state),
        Route("/{token}/items", pages.items),
        Route("/{token}/photo/{number:int}", pages.photo),
        Route("/{token}/photo/{number:int}/{other:int}", pages.photo),
        Route("/{token}/decide", pages.decide, methods=["POST"]),
        Route("/{token}/undo", pages.undo, methods=["POST"]),
        Route("/{token}/end", pages.end, methods=["POST"]),
        Route("/{token}/{file}", pages.file),
    ]
    return Guard(pages.guarded(Starlette(routes=routes)))


class _Pages:
    """Answers to requests, one method each."""

    def __init__(self, session: ReviewSession, token: str, end: Callable[[], None]) -> None:
        self._session, self._token, self._end = session, token, end

    def guarded(self, inner: Any) -> Any:
        """An app that knows nothing of other paths than those below the token, and sends our headers."""
        from starlette.responses import PlainTextResponse

        async def asked(scope: Any, receive: Any, send: Any) -> None:
            given = scope.get("path", "").split("/")
            if scope["type"] == "http" and not _same(given[1:2], self._token):
                answer = PlainTextResponse("open the address that the terminal shows\n", 404, HEADERS)
                await answer(scope, receive, send)
            else:
                await inner(scope, receive, send)

        return asked

    async def page(self, _: "Request") -> "Response":
        from starlette.responses import HTMLResponse

        number = self._session.open_page()
        text = (STATIC / "review.html").read_text(encoding="utf-8")
        return HTMLResponse(text.replace("PAGE_NUMBER", str(number)), headers=HEADERS)

    async def file(self, request: "Request") -> "Response":
        from starlette.responses import PlainTextResponse, Response

        name = request.path_params["file"]
        if name not in TYPES:
            return PlainTextResponse("no such file\n", 404, HEADERS)
        return Response((STATIC / name).read_bytes(), media_type=TYPES[name], headers=HEADERS)

    def state(self, _: "Request") -> "Response":
        return _json({**self._session.state(), "first": self._session.first_open()})

    def items(self, request: "Request") -> "Response":
        try:
            start, count = (int(request.query_params[name]) for name in ("start", "count"))
        except (KeyError, ValueError):
            return _json({"error": "items takes start and count"}, 400)
        return _json(self._session.items(start, count))

    def photo(self, request: "Request") -> "Response":
        from starlette.responses import Response

        place = request.path_params
        try:
            content = self._session.photo(place["number"], place.get("other", -1))
        except (ImageError, FrostlineError) as error:
            return _json({"error": str(error)}, 404)
        # A photo never changes below one token: what was seen is at hand when somebody goes back.
        return Response(
            content, media_type="image/jpeg", headers={**HEADERS, "cache-control": "private, max-age=3600"}
        )

    async def decide(self, request: "Request") -> "Response":
        return await self._changed(
            request, lambda given: self._session.decide(
                int(given["number"]), str(given["action"]), str(given.get("label", "")), page=int(given["page"])
            ),
        )  # fmt: skip

    async def undo(self, request: "Request") -> "Response":
        return await self._changed(request, lambda given: self._session.undo(page=int(given["page"])))

    async def end(self, _: "Request") -> "Response":
        self._end()
        return _json({"ended": True})

    async def _changed(self, request: "Request", change: Callable[[dict[str, Any]], int]) -> "Response":
        """Do what a request asks for and answer with the next candidate; nothing is done where it is refused."""
        from starlette.concurrency import run_in_threadpool

        body = await request.body()
        try:
            given = json.loads(body) if len(body) < MOST_BYTES else {}
            following = await run_in_threadpool(change, given)
        except StalePageError as error:
            return _json({"error": str(error)}, 409)
        except InputError as error:
            return _json({"error": str(error)}, 400)
        except FrostlineError as error:
            return _json({"error": str(error)}, 507)
        except (KeyError, ValueError, TypeError):
            return _json({"error": "a decision needs number, action and page"}, 400)
        about = self._session.items(int(given["number"]), 1) if "number" in given else []
        return _json({"next": following, "about": about, **self._session.state()})


def _same(given: list[str], token: str) -> bool:
    return bool(given) and hmac.compare_digest(given[0].encode(), token.encode())


def _json(value: Any, status: int = 200) -> "Response":
    from starlette.responses import JSONResponse

    return JSONResponse(value, status, HEADERS)
