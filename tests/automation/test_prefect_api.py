"""Runs that ended together with the servers, told to an API in Prefect's form."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from frostline.automation.credential import authorization
from frostline.automation.prefect_api import WHY, connect, end_interrupted

LOGIN = "frostline:a-login-of-these-tests"

NIGHT = {"id": "1", "name": "calm-owl", "deployment_id": "d", "work_pool": "frostline", "parent": None}
PART = {"id": "2", "name": "its-part", "deployment_id": None, "work_pool": None, "parent": "1"}
ELSEWHERE = {"id": "3", "name": "on-a-gpu", "deployment_id": "e", "work_pool": "gpu", "parent": "1"}


class Api(http.server.BaseHTTPRequestHandler):
    """The two questions of Prefect's API, on these runs; `ended` are those whose state was set."""

    runs: list[dict[str, Any]]
    ended: list[tuple[str, str, str]]

    def do_GET(self) -> None:
        """The token against forged requests, for whoever has the login."""
        assert self.headers["authorization"] == authorization(LOGIN)["authorization"]
        path, _, self.server.client = self.path.partition("?client=")
        assert path == "/api/csrf-token"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"token": "t"}')

    def do_POST(self) -> None:
        """One question."""
        given = {
            name: self.headers[name]
            for name in ("authorization", "prefect-csrf-token", "prefect-csrf-client")
        }
        assert list(given.values()) == [*authorization(LOGIN).values(), "t", self.server.client]
        said = json.loads(self.rfile.read(int(self.headers["content-length"])))
        found: Any = {}
        if self.path.endswith("/set_state"):
            assert said["force"]
            self.ended.append((self.path.split("/")[-2], said["state"]["type"], said["state"]["message"]))
        else:
            assert said["flow_runs"]["state"]["type"]["any_"] == ["PENDING", "RUNNING", "CANCELLING"]
            whole = said["flow_runs"].get("parent_flow_run_id", {}).get("any_")
            pools = said.get("work_pools", {}).get("name", {}).get("any_")
            found = [
                run for run in self.runs
                if (whole is None or run["parent"] in whole) and (pools is None or run["work_pool"] in pools)
            ]  # fmt: skip
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def api(request: pytest.FixtureRequest) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Its address, and what was ended."""
    ended: list[tuple[str, str, str]] = []
    handler = type("Here", (Api,), {"runs": request.param, "ended": ended})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/api", ended
        server.shutdown()


@pytest.mark.parametrize("api", [[NIGHT, PART, ELSEWHERE]], indirect=True)
def test_what_was_cut_off_ends(api: tuple[str, list[tuple[str, str, str]]]) -> None:
    """A night and its part in the same process; what another pool's worker does for it may go on."""
    url, ended = api
    assert end_interrupted(connect(url, LOGIN), "frostline") == ["calm-owl"]
    assert ended == [("2", "CRASHED", WHY), ("1", "CRASHED", WHY)]


@pytest.mark.parametrize("api", [[ELSEWHERE]], indirect=True)
def test_nothing_was_cut_off(api: tuple[str, list[tuple[str, str, str]]]) -> None:
    """The ordinary start."""
    url, ended = api
    assert end_interrupted(connect(url, LOGIN), "frostline") == []
    assert ended == []
