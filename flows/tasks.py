"""The steps of all flows as Prefect tasks. DVC decides what is out of date: Prefect never keeps a result.

Only what waits for a network or a lock is tried again, each time after a longer pause.
"""

from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff

from frostline import automation, tracking
from frostline.automation import gate, messages
from frostline.automation.inbox import NewImages
from frostline.commands import promote, sync
from frostline.commands import score as scoring
from frostline.errors import InputError, LimitError
from frostline.pipeline import commits, processes, remotes, stages

TROUBLE = [automation.on_trouble]
WATCHED: dict[str, Any] = {  # how a flow is: what goes wrong is told, whichever way
    "log_prints": True, "persist_result": False,
    "on_failure": TROUBLE, "on_crashed": TROUBLE, "on_cancellation": TROUBLE,
}  # fmt: skip
PAUSES: dict[str, Any] = {"retries": 4, "retry_delay_seconds": exponential_backoff(backoff_factor=15)}


def may_pass(_task: object, _run: object, state: Any) -> bool:
    """Whether a failure can mend itself: another DVC's lock, a remote that did not answer."""
    return isinstance(state.result(raise_on_failure=False), processes.BusyError | processes.RemoteError)


def store_away(_task: object, _run: object, _state: object) -> bool:
    """Whether MLflow is what failed."""
    return bool(tracking.reachable(tracking.store()))


LOCAL: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}
PATIENT = {**LOCAL, **PAUSES, "retry_condition_fn": may_pass}
pull = task(remotes.pull, name="pull", **PATIENT)
reproduce = task(stages.reproduce, name="reproduce", task_run_name="{step.name}", **PATIENT)
WHILE_AWAY = {**PATIENT, "retry_condition_fn": store_away}
track = task(sync.run, name="sync", **WHILE_AWAY)
push = task(remotes.push, name="push", **PATIENT)
share = task(commits.share, name="push to git", **PATIENT)


@task(name="promote", task_run_name="promote {name}", **WHILE_AWAY)
def meet_champion(name: str) -> gate.Verdict:
    """The challenger becomes champion or not, with each check in a table on the run's page; both are answers."""
    try:
        said = promote.judge(name, dry_run=False)
        decision = said.decision
        verdict = gate.Verdict(name, decision.action, decision.why, decision.version, said.checks)
    except InputError as error:
        verdict = gate.Verdict(name, gate.NONE, str(error))
    print(told := messages.ruling(verdict))
    automation.show_table(f"gate-{name}", messages.checks(verdict), text=told)
    return verdict


@task(name="score", **WHILE_AWAY)
def score(batch: NewImages, *, model: str, device: str, ray_address: str = "") -> Path:
    """Score a batch, here or on a Ray cluster, or go on where an interrupted one ended; returns the job file."""
    try:
        scoring.run(
            [f"@{batch.listed}"], model=model, out=batch.out, resume=True, device=device, precision="auto",
            batch_size=None, threads=None, top_k=5, min_confidence=0.0, features=False,
            engine="ray" if ray_address else "local", ray_address=ray_address or None, drift=True,
        )  # fmt: skip
    except LimitError as error:  # every row is there; the flow tells
        print(error)
    return batch.out.with_name(batch.out.name + ".job.json")
