"""Runs of flows: how they begin, wait for each other, run in another pool, and end.

One retraining at a time in a workspace, whoever starts it, and one run for all nights that were missed.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frostline.automation import artifacts
from frostline.automation.inbox import NewImages
from frostline.automation.notifications import notify
from frostline.automation.prefect_api import require
from frostline.errors import FrostlineError, InputError, shell_command
from frostline.pipeline.processes import BusyError

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State


LOCK = Path(".frostline/retraining.lock")
NOTHING = "Nothing to do"


@contextlib.contextmanager
def alone(*, seconds: float) -> Iterator[None]:
    """Wait until no other retraining is at work here; BusyError after `seconds`. A killed one holds nothing."""
    from filelock import FileLock, Timeout

    LOCK.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(LOCK, timeout=seconds):
            yield
    except Timeout:
        raise BusyError(
            f"another retraining has held {LOCK} for {seconds:g} seconds; run this when it is done"
        ) from None


def drop_missed() -> int:
    """Cancel this deployment's other scheduled runs whose time has come too; how many there were.

    After days without a worker each missed night waits as a late run. The first that starts does the work of
    all; runs that a person asked for stay.
    """
    from prefect.runtime import deployment, flow_run

    if not deployment.id or flow_run.parent_flow_run_id:  # a part of another run leaves that to the whole
        return 0
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        missed = [run for run in _due(client, deployment.id) if str(run.id) != str(flow_run.id)]
        for run in missed:
            _cancel(client, run)
    return len(missed)


def _due(client: Any, deployment: Any) -> list[Any]:
    """Runs that the scheduler made, whose time has come and which have not begun."""
    from prefect.client.schemas import filters
    from prefect.client.schemas.objects import StateType

    now: Any = datetime.now(UTC)
    runs = client.read_flow_runs(
        deployment_filter=filters.DeploymentFilter(id=filters.DeploymentFilterId(any_=[deployment])),
        flow_run_filter=filters.FlowRunFilter(
            state=filters.FlowRunFilterState(
                type=filters.FlowRunFilterStateType(any_=[StateType.SCHEDULED, StateType.PENDING])
            ),
            expected_start_time=filters.FlowRunFilterExpectedStartTime(before_=now),
        ),
    )
    return [run for run in runs if run.auto_scheduled]


def _cancel(client: Any, run: Any) -> None:
    from prefect.states import Cancelled

    client.set_flow_run_state(run.id, Cancelled(message="missed; another run does its work"), force=True)


def nothing_to_do(why: str) -> "State[Any]":
    """A good end that says on Prefect's page that no work was needed."""
    from prefect.states import Completed

    return Completed(name=NOTHING, message=f"nothing to do: {why}")


def nothing_more(why: str, *, after: "State[Any] | None") -> "State[Any]":
    """Nothing to do; where work went before that did something, its end, with its name and its words."""
    if after is None or after.name == NOTHING:
        return nothing_to_do(why)
    from prefect.states import Completed

    return Completed(name=after.name, message=f"{after.message}; no retraining: {why}")


def done(what: str, *, data: Any = None) -> "State[Any]":
    """A good end that says what was done; `data` is what a calling flow gets."""
    from prefect.states import Completed

    return Completed(message=what, data=data)


def scored(job: Path, batch: NewImages, *, block: str) -> "State[Any]":
    """A good end of a score job, whose `data` is its drift; above a limit a message goes out through a block too."""
    from prefect.states import Completed

    doubt = artifacts.unknown(job)
    unlike = f", {doubt} unlike the training images" if doubt else ""
    what, score = f"{batch.images} images scored into {batch.out}{unlike}", artifacts.drift(job)
    above = artifacts.above_limits(job)
    if not above:
        return done(what, data=score)
    notify(block, subject="drift", body=f"{what}; {above}")
    return Completed(name="Drift", message=f"{what}; {above}", data=score)


def main(flow: Callable[[], Any]) -> None:
    """Run a flow from a shell: only if the API that is named answers; what goes wrong is one line."""
    try:
        require()
        flow()
    except FrostlineError as error:
        print(f"frostline: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def run_in_pool(flow: str, pool: str, parameters: dict[str, Any]) -> str:
    """Run the deployment `flow/pool` as a part of this run and wait for its end; its message.

    The deployment is made in the clone on the other machine, whose folder it remembers. InputError where
    there is none or it belongs to another pool, FrostlineError where its run did not end well.
    """
    from prefect.client.orchestration import get_client
    from prefect.deployments import run_deployment
    from prefect.exceptions import ObjectNotFound

    name = f"{flow}/{pool}"
    words = ("prefect", "deploy", f"flows/{flow}.py:{flow}", "--name", pool, "--pool", pool)
    make = f"in the clone there: {shell_command(*words)}"
    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment_by_name(name)
        except ObjectNotFound:
            raise InputError(f"there is no deployment {name}; {make}") from None
    if deployment.work_pool_name != pool:
        raise InputError(f"the deployment {name} belongs to the pool {deployment.work_pool_name}; {make}")
    run: Any = run_deployment(name, parameters=parameters)
    state = run.state
    if state is None or not state.is_completed():
        ended = f"{state.name}: {state.message}" if state else "no state"
        raise FrostlineError(f"{name} did not end well on the other worker ({ended}); see run {run.name}")
    return f"{name}, run {run.name}: {state.message or state.name}"
