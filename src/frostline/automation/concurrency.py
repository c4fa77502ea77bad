"""One retraining at a time in a workspace, whoever starts it, and one run for all nights that were missed."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from frostline.pipeline.processes import BusyError

LOCK = Path(".frostline/retraining.lock")


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
