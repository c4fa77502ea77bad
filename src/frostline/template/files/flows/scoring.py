"""Scoring: the images of a folder that have not been scored yet, by the champion."""

from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State

from flows import tasks
from frostline import automation, config
from frostline.automation import inbox, outputs


@flow(name="scoring", **tasks.WATCHED)
def scoring(  # noqa: PLR0913  # as nightly
    folder: str,
    model: str = "",
    out: str = "scores",
    device: str = "auto",
    ray_address: str = "",
    notify: str = "",
) -> State:
    """Score what is new in a folder into a Parquet file of its own; the next run begins after it.

    folder: where images arrive. model: models:/NAME@champion, a classifier's name or a file; "" is the champion
    where there is one classifier. out: a folder.
    ray_address: a Ray cluster that does the work, HOST:PORT or auto; "" works here.
    notify: a notification block for failures and drift, such as custom-webhook/frostline.

    The images are compared with the model's test images; beyond a limit of params.yaml the run ends in the
    state Drift.
    """
    automation.drop_missed()
    batch = inbox.batch(Path(folder), out=Path(out))
    if batch is None:
        return automation.nothing_to_do(f"no new images in {folder}")
    scorer = model or inbox.champion(config.load().classifiers)
    job = tasks.score(batch, model=scorer, device=device, ray_address=ray_address)
    inbox.settle(batch)
    automation.show_table("scores", outputs.scores(job), text=f"{batch.images} new images of {folder}")
    automation.show_table("drift", outputs.indices(job), text=f"{batch.out} beside the test images")
    told, score = f"{batch.images} images scored into {batch.out}", outputs.drift(job)
    if above := outputs.above_limits(job):
        return automation.drifted(f"{told}; {above}", block=notify, data=score)
    return automation.done(told, data=score)
