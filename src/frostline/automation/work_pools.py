"""Work that another machine's worker does: a deployment of the flow in that worker's pool."""

from typing import Any

from frostline.errors import FrostlineError, InputError


def run_in_pool(flow: str, pool: str, parameters: dict[str, Any]) -> str:
    """Run the deployment `flow/pool` as a part of this run and wait for its end; what it said.

    The deployment is made in the clone on the other machine, whose folder it remembers. InputError where
    there is none or it belongs to another pool, FrostlineError where its run did not end well.
    """
    from prefect.client.orchestration import get_client
    from prefect.deployments import run_deployment
    from prefect.exceptions import ObjectNotFound

    name = f"{flow}/{pool}"
    make = f"in the clone there: prefect deploy flows/{flow}.py:{flow} --name {pool} --pool {pool}"
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
