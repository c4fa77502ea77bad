"""The steps of all flows as Prefect tasks. DVC decides what is out of date: Prefect never keeps a result.

Only what waits for a network or a lock is tried again, each time after a longer pause.
"""

from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff

from frostline import graph, tracking
from frostline.nightly.inbox import Batch
from frostline.verbs import score as scoring
from frostline.verbs import sync

PAUSES: dict[str, Any] = {"retries": 4, "retry_delay_seconds": exponential_backoff(backoff_factor=15)}


def may_pass(_task: object, _run: object, state: Any) -> bool:
    """Whether a failure can mend itself: another DVC's lock, a remote that did not answer."""
    return isinstance(state.result(raise_on_failure=False), graph.BusyError | graph.RemoteError)


def store_away(_task: object, _run: object, _state: object) -> bool:
    """Whether MLflow is what failed."""
    return bool(tracking.reachable(tracking.store()))


LOCAL: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}
PATIENT = {**LOCAL, **PAUSES, "retry_condition_fn": may_pass}
pull = task(graph.pull, name="pull", **PATIENT)
reproduce = task(graph.reproduce, name="reproduce", task_run_name="{step.name}", **PATIENT)
track = task(sync.run, name="sync", **{**PATIENT, "retry_condition_fn": store_away})
push = task(graph.push, name="push", **PATIENT)
share = task(graph.share, name="push to git", **PATIENT)


@task(name="score", **{**PATIENT, "retry_condition_fn": store_away})
def score(batch: Batch, *, model: str, device: str) -> Path:
    """Score a batch, or go on where an interrupted one ended; returns the job file."""
    scoring.run(
        [f"@{batch.listed}"], model=model, out=batch.out, resume=True, device=device, batch_size=None,
        top_k=5, min_confidence=0.0, features=False,
    )  # fmt: skip
    return batch.out.with_name(batch.out.name + ".job.json")
