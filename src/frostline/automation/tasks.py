"""The steps of all flows as Prefect tasks. DVC decides what is out of date: Prefect never keeps a result.

Only what waits for a network or a lock is tried again, each time after a longer pause. This is the one module that
imports Prefect when it is imported: only flows import it.
"""

import contextlib
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.tasks import exponential_backoff

from frostline import tracking
from frostline.automation import artifacts, gate, messages, notifications, retraining_due, settings
from frostline.automation.inbox import NewImages
from frostline.automation.timing import Timing
from frostline.config import Params
from frostline.errors import FrostlineError, InputError, LimitError
from frostline.pipeline import commits, holdings, processes, stages, workspace
from frostline.pipeline.commits import Author, Record
from frostline.progress import say
from frostline.scoring import job_runner as scoring
from frostline.scoring import output_paths
from frostline.tracking import sync as mlflow

settings.configure()

TROUBLE = [notifications.on_trouble]
WATCHED: dict[str, Any] = {  # of a flow: what goes wrong sends a message, whichever way
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
WHILE_AWAY = {**PATIENT, "retry_condition_fn": store_away}
pull = task(name="pull", **PATIENT)(workspace.pull)
reproduce = task(name="reproduce", task_run_name="{step.name}", **PATIENT)(stages.reproduce)
sync = task(name="sync", **WHILE_AWAY)(mlflow.run)
push = task(name="push", **PATIENT)(workspace.push)
share = task(name="push to git", **PATIENT)(commits.share)


def prepare(*, set_aside: bool) -> None:
    """A clean tree with all data: what a killed run left behind is ended, then everything is pulled."""
    for stage in processes.end_left_behind():
        say(f"ended, left behind by a killed run: {stage}")
    say(commits.require_clean(set_aside=set_aside) or "no uncommitted changes")
    say(pull())


def bring_up_to_date(*, at_once: int, hours: float) -> list[stages.Outcome]:
    """What became of every step, in DVC's order; at most `at_once` at a time, each at most `hours` long.

    DVC says once what is out of date, and is started again only for that and for what reads what that wrote. Where one
    fails, those beside it come to their end and nothing further begins.
    """
    how = {"seconds": hours * 3600, "wait": at_once > 1}
    done: dict[str, stages.Outcome] = {}
    stale = _stale()
    threads: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=at_once)
    with threads as runner, _ending_stages():
        for wave in stages.waves(stages.steps()):
            due = stages.due(wave, stale, done)
            begun = [
                runner.submit(reproduce, {"step": step, "unchanged": step not in due, **how}) for step in wave
            ]
            for future in begun:
                future.wait()
            done |= {step.name: future.result() for step, future in zip(wave, begun, strict=True)}
    return list(done.values())


def _stale() -> Collection[str] | None:
    """The steps that are out of date; None where DVC does not say it, as while another DVC is at work."""
    try:
        return stages.stale()
    except FrostlineError:
        return None


@contextlib.contextmanager
def _ending_stages() -> Iterator[None]:
    """A cancelled run ends its stages, whose threads would otherwise be waited for to the end."""
    try:
        yield
    except BaseException:
        processes.end_left_behind()
        raise


@task(name="promote", task_run_name="promote {name}", **WHILE_AWAY)
def promote(name: str, params: Params) -> gate.Verdict:
    """The challenger becomes champion or not, with each check in a table on the run's page; both are answers."""
    try:
        verdict = gate.judge(name, params.promotion)
    except InputError as error:
        verdict = gate.Verdict(name, gate.NONE, str(error))
    say(messages.ruling(verdict))
    artifacts.show_verdict(verdict)
    return verdict


def record(
    outcomes: Sequence[stages.Outcome], rows: messages.Rows, *, because: str, author: Author
) -> Record | None:
    """What changed as one commit with one tag; None where nothing did."""
    message = messages.commit_message(outcomes, [because], rows)
    return commits.record(message, author=author, day=datetime.now(UTC).date())


def send(recorded: Record | None, *, results: bool, remote: str) -> None:
    """`dvc push` where `results` are to go too; commit and tag to a git remote where one is named."""
    if results:
        say(push())
    if remote and recorded:
        say(share(recorded, remote=remote))


def finish(
    outcomes: Sequence[stages.Outcome],
    verdicts: Sequence[gate.Verdict],
    rows: messages.Rows,
    recorded: Record | None,
    *,
    notify: str,
) -> str:
    """How a retraining ended, in one line; a message goes out about a new commit or champion."""
    tag = recorded.tag if recorded else ""
    if recorded or gate.promoted(verdicts):
        what = "retrained" if recorded else "promoted"
        notifications.notify(notify, subject=what, body=messages.notice(verdicts, rows, tag=tag))
    return messages.closing(outcomes, verdicts, tag=tag)


@task(name="score", **WHILE_AWAY)
def score(
    batch: NewImages, params: Params, *, model: str, device: str, ray_address: str = "", **asked: Any
) -> Path:
    """Score a batch, here or on a Ray cluster, or go on where an interrupted one ended; returns the job file.

    `asked` are other options of a score job, such as `unknown`.
    """
    engine: dict[str, Any] = {"engine": "ray", "ray_address": ray_address} if ray_address else {}
    limits = params.drift.model_dump()
    try:
        scoring.run(
            [f"@{batch.listed}"], model=model, out=batch.out, resume=True, device=device, drift=True,
            limits=limits, **engine, **asked,
        )  # fmt: skip
    except LimitError as error:  # every row is there; the flow ends in the state Drift
        say(str(error))
    return output_paths.job_file(batch.out)


def reasons(
    params: Params, *, champion_days: float | None, drift: float | None, now: float | None
) -> list[str]:
    """Why to retrain, one line each, and say it; `now` is the drift of the newest scores.

    Photos that DVC does not see are no reason, for no retraining would see them: that is said alone. DVC and MLflow
    are asked at once: each takes seconds to load, on a core of its own.
    """
    if lost := holdings.unseen(Path(dataset.path) for dataset in params.datasets.values()):
        say(lost)
    took = Timing()
    with ThreadPoolExecutor(1) as beside:
        stale = beside.submit(took.of("dvc status")(stages.stale))
        ages = {} if champion_days is None else took.of("MLflow")(_champion_days)(params)
    say(took.line(due=flow_run.scheduled_start_time))
    facts = retraining_due.Facts(stale=stale.result(), champion_days=ages, drift=now)
    why = retraining_due.reasons(facts, retraining_due.Thresholds(champion_days, drift))
    if why:
        say("\n".join(["retraining, because", *why]))
        artifacts.show_text("reasons", messages.reasons(why))
    return why


def _champion_days(params: Params) -> dict[str, float | None]:
    return {name: tracking.champion_days(name, uri=tracking.store()) for name in params.classifiers}
