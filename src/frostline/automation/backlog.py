"""Nights that were missed: one run makes up for all of them."""

from datetime import UTC, datetime
from typing import Any


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
    found = client.read_flow_runs(
        deployment_filter=filters.DeploymentFilter(id=filters.DeploymentFilterId(any_=[deployment])),
        flow_run_filter=filters.FlowRunFilter(
            state=filters.FlowRunFilterState(
                type=filters.FlowRunFilterStateType(any_=[StateType.SCHEDULED, StateType.PENDING])
            ),
            expected_start_time=filters.FlowRunFilterExpectedStartTime(before_=now),
        ),
    )
    return [run for run in found if run.auto_scheduled]


def _cancel(client: Any, run: Any) -> None:
    from prefect.states import Cancelled

    client.set_flow_run_state(run.id, Cancelled(message="missed; another run does its work"), force=True)
