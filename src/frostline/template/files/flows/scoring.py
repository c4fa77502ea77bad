"""Scoring: the images of a folder that have not been scored yet, by the champion."""

from prefect import flow
from prefect.client.schemas.objects import State

from frostline import automation, config
from frostline.automation import inbox, tasks


@flow(name="scoring", **tasks.WATCHED)
def scoring(  # noqa: PLR0913  # as nightly
    folder: str, model: str = "", out: str = "scores", device: str = "auto", ray_address: str = "", notify: str = "",
    unknown: float | None = None, coverage: float | None = None, page: bool = False,
) -> State:  # fmt: skip
    """Score what is new in a folder into a Parquet file of its own; the next run begins after it.

    folder: where images arrive. model: models:/NAME@champion, a classifier's name or a file; "" is the champion
    where there is one classifier. out: a folder.
    ray_address: a Ray cluster that does the work, HOST:PORT or auto; "" works here.
    notify: a notification block for failures and drift, such as custom-webhook/frostline.
    unknown, coverage, page: as the options of `frostline score`, such as 0.05, 0.95 and true.

    The images are compared with the model's test images; above a limit of params.yaml the run ends in the
    state Drift.
    """
    params = config.load()
    automation.drop_missed()
    batch = inbox.batch(folder, out=out)
    if batch is None:
        return automation.nothing_to_do(f"no new images in {folder}")
    scorer = model or inbox.champion(params.classifiers)
    asked = {"unknown": unknown, "coverage": coverage, "page": page}
    job = tasks.score(batch, params, model=scorer, device=device, ray_address=ray_address, **asked)
    inbox.settle(batch)
    automation.show_scores(job, batch, folder=folder)
    return automation.scored(job, batch, block=notify)


if __name__ == "__main__":
    automation.main(scoring)
