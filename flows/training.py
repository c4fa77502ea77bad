"""Retraining as a Prefect flow: DVC's stages one by one, then MLflow.

Run it once from the project's root with `python flows/training.py`. DVC alone decides what is out of date;
Prefect shows, retries and schedules.
"""

import os

# Prefect starts a server of its own where none is configured; on a busy machine that takes longer than its 20 s.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")  # nothing is told to anybody

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from frostline import graph
from frostline.verbs import sync


@task(task_run_name="{step.name}", cache_policy=NO_CACHE)
def reproduce(step: graph.Step) -> graph.Outcome:
    """Bring one stage up to date; says whether it ran, was restored or was skipped."""
    return graph.reproduce(step)


@task(cache_policy=NO_CACHE, retries=2, retry_delay_seconds=10)
def track() -> None:
    """Bring MLflow up to date; a server that was away is tried again."""
    sync.run()


@flow(name="training", log_prints=True)
def training() -> dict[str, str]:
    """Reproduce every stage in order, then sync; returns what happened to each stage."""
    done = {step.name: reproduce(step).result for step in graph.steps()}
    track()
    return done


if __name__ == "__main__":
    training()
