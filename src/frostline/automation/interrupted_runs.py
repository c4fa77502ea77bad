"""Runs that ended together with the servers: Prefect has them at work for good, and they keep the next ones waiting.

Spoken to over HTTP: `frostline serve` does not load Prefect, and its own settings name another API or none.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

from frostline.automation.credential import authorization

SECONDS = 60.0  # an answer of a server that has just come up
UNFINISHED = ("PENDING", "RUNNING", "CANCELLING")
WHY = "interrupted: the servers were stopped while it ran; the next run goes on where it ended"


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
    with urlopen(request, timeout=SECONDS) as answer:
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
