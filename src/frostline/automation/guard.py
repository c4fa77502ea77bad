"""MLflow's and Prefect's servers behind a guard: only their own pages and programs that have the login get in.

Prefect asks for a login itself but answers under every name, MLflow answers everybody on this machine, and both
run commands for whoever may speak to them. uvicorn calls `prefect` and `mlflow`; the guard is plain ASGI.
"""

import hmac
import os
from base64 import b64decode
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

NAMES = ("127.0.0.1", "localhost")
HEALTH = "/health"  # of MLflow, says no more than that it is up
FRAMES = [(b"x-frame-options", b"DENY"), (b"content-security-policy", b"frame-ancestors 'none'")]
ANYBODY = (b"access-control-allow-origin", b"*")
FILES = "mlflow-artifacts:/"  # new experiments keep their files with the server


@dataclass(frozen=True)
class Refusal:
    """An answer instead of the server's."""

    status: int
    why: str


@dataclass(frozen=True)
class Guard:
    """An app that answers under its own address alone, to its own pages alone, and to who has the login.

    login: NAME:PASSWORD; "" leaves that question to the app.
    """

    app: App
    login: str = ""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, one socket, or the app's own beginning and end."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif refused := refusal(scope, self.login):
            await _refuse(refused, scope, send)
        else:
            await self.app(scope, receive, _private(send))


def refusal(scope: Message, login: str) -> Refusal | None:
    """Why a request is not let in: a foreign Host (a name that was bent to here), a foreign page, no login."""
    own = {f"{name}:{scope['server'][1]}" for name in NAMES}
    if len(hosts := _values(scope, b"host")) != 1 or hosts[0] not in own:
        return Refusal(403, "this server has another name; open it by its own address")
    if any(origin not in {f"http://{host}" for host in own} for origin in _values(scope, b"origin")):
        return Refusal(403, "pages of other servers may not speak to this one")
    if login and scope["path"] != HEALTH and not _knows(scope, login):
        return Refusal(401, "this server wants the login of its project")
    return None


def _values(scope: Message, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _knows(scope: Message, login: str) -> bool:
    """Whether a request has the login; whoever pastes the whole of it as a password may use any name."""
    given = _values(scope, b"authorization")
    scheme, _, encoded = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() != "basic":
        return False
    try:
        presented = b64decode(encoded.strip(), validate=True)
    except ValueError:
        return False
    whole = hmac.compare_digest(presented, login.encode())
    return hmac.compare_digest(presented.partition(b":")[2], login.encode()) or whole


async def _refuse(refused: Refusal, scope: Message, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": refused.why})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    if refused.status == 401:
        headers.append((b"www-authenticate", b'Basic realm="frostline"'))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{refused.why}\n".encode()})


def _private(send: Send) -> Send:
    """Answers that no other page may read, as Prefect lets all with some errors, or frame to steal clicks."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message.get("headers", []) if pair[0].lower() != FRAMES[0][0]]
            kept = [pair for pair in kept if (pair[0].lower(), pair[1]) != ANYBODY]
            message = {**message, "headers": [*kept, *FRAMES]}
        await send(message)

    return sending


def prefect() -> Guard:
    """Prefect's server; it asks for the login itself, in a way that its own pages can answer."""
    from prefect.server.api.server import create_app
    from prefect.settings import PREFECT_SERVER_API_AUTH_STRING

    if not PREFECT_SERVER_API_AUTH_STRING.value():
        raise SystemExit("PREFECT_SERVER_API_AUTH_STRING is not set: this server starts with a login only")
    return Guard(create_app(final=True))


def mlflow() -> Guard:
    """MLflow's server, as `mlflow server` starts it, on a store and a folder for files."""
    from mlflow.server import constants
    from mlflow.server.handlers import initialize_backend_stores

    store, folder = os.environ["MLFLOW_BACKEND_STORE_URI"], os.environ["MLFLOW_ARTIFACTS_DESTINATION"]
    os.environ |= {
        constants.BACKEND_STORE_URI_ENV_VAR: store,
        constants.ARTIFACT_ROOT_ENV_VAR: FILES,
        constants.SERVE_ARTIFACTS_ENV_VAR: "true",
        constants.ARTIFACTS_DESTINATION_ENV_VAR: folder,
    }
    initialize_backend_stores(store, store, FILES)
    from mlflow.server.fastapi_app import app

    login = ":".join(os.environ[f"MLFLOW_TRACKING_{part}"] for part in ("USERNAME", "PASSWORD"))
    return Guard(app, login)
