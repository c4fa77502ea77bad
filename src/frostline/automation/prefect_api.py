"""Prefect's API over HTTP: whether it answers and lets us in, and runs that ended together with the servers.

Nothing here needs Prefect: `frostline serve` does not load it, and Prefect's own settings name another API or none.
"""

import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

from frostline.automation.credential import authorization
from frostline.errors import FrostlineError

VARIABLE = "PREFECT_API_URL"
LOGIN = "PREFECT_API_AUTH_STRING"
SECONDS = 5.0
ANSWER_SECONDS = 60.0  # an answer of a server that has just come up
UNFINISHED = ("PENDING", "RUNNING", "CANCELLING")
WHY = "interrupted: the servers were stopped while it ran; the next run goes on where it ended"
HINT = "the line that `frostline serve` prints for another shell has it"


def address() -> str:
    """The API that runs report to; "" where none is named."""
    return os.environ.get(VARIABLE, "").strip()


def reachable() -> str:
    """ "" when the API answers or none is named, else one line with what mends it. ≤ 10 s."""
    if not (url := address().rstrip("/")):
        return ""
    try:
        with urlopen(f"{url}/health", timeout=SECONDS):
            return "" if _lets_in(url) else f"Prefect's API {url} refused the login; set {LOGIN}: {HINT}"
    except HTTPError as error:
        problem = f"answers {error.code} {error.reason}"
    except (OSError, ValueError) as error:
        problem = f"does not answer ({getattr(error, 'reason', None) or error})"
    return f"Prefect's API {url} {problem}; start it: frostline serve (or set {VARIABLE} to another)"


def _lets_in(url: str) -> bool:
    """Whether the API takes our login; with a key of Prefect Cloud that is not asked."""
    if os.environ.get("PREFECT_API_KEY"):
        return True
    request = Request(f"{url}/version", headers=authorization(os.environ.get(LOGIN, "")))
    try:
        with urlopen(request, timeout=SECONDS):
            return True
    except HTTPError as error:
        return error.code != 401


def require() -> None:
    """Raise FrostlineError before any work where the API that is named does not answer."""
    if problem := reachable():
        raise FrostlineError(problem)


@dataclass(frozen=True)
class Api:
    """Prefect's API, and what every question to it carries."""

    url: str
    headers: Mapping[str, str]

    def ask(self, path: str, **body: Any) -> Any:
        """The answer to a POST."""
        return _answer(Request(f"{self.url}/{path}", json.dumps(body).encode(), dict(self.headers)))


def connect(url: str, login: str) -> Api:
    """The API, with the login and the token that Prefect wants against forged requests."""
    client = str(uuid.uuid4())
    headers = {"content-type": "application/json", **authorization(login)}
    token = _answer(Request(f"{url}/csrf-token?client={quote(client)}", headers=headers))["token"]
    return Api(url, {**headers, "prefect-csrf-token": token, "prefect-csrf-client": client})


def _answer(request: Request) -> Any:
    with urlopen(request, timeout=ANSWER_SECONDS) as answer:
        return json.load(answer)


def end_interrupted(api: Api, pool: str) -> list[str]:
    """Mark the unfinished runs of a pool, and their parts in the same process, as crashed; their names.

    For whoever knows that no worker of the pool is at work: a run that nobody carries on any more holds the
    one place of its deployment, and all later ones would wait for it without end.
    """
    at_work = {"state": {"type": {"any_": list(UNFINISHED)}}}
    runs = api.ask("flow_runs/filter", work_pools={"name": {"any_": [pool]}}, flow_runs=at_work)
    parts = _parts(api, [run["id"] for run in runs], at_work)
    for run in [*parts, *runs]:
        state = {"type": "CRASHED", "name": "Crashed", "message": WHY}
        api.ask(f"flow_runs/{run['id']}/set_state", state=state, force=True)
    return [run["name"] for run in runs]


def _parts(api: Api, whole: list[str], at_work: dict[str, Any]) -> list[dict[str, Any]]:
    """Flows that ran within these; one that has a deployment is another worker's, and may be at work."""
    if not whole:
        return []
    runs = api.ask("flow_runs/filter", flow_runs={**at_work, "parent_flow_run_id": {"any_": whole}})
    return [run for run in runs if run["deployment_id"] is None]
