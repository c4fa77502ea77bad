"""Every night: score what is new, retrain if there is a reason, else say that there is nothing to do."""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.scoring import scoring
from flows.training import training
from frostline import automation, config
from frostline.automation import tasks


@flow(name="nightly", **tasks.WATCHED)
def nightly(  # noqa: PLR0913  # a parameter each, so that Prefect's page asks for them by name
    folder: str = "", model: str = "", champion_days: float | None = None, drift: float | None = None,
    author: str = "frostline <frostline@localhost>", set_aside: bool = False, push_results: bool = False,
    push_to: str = "", notify: str = "", at_once: Annotated[int, Field(ge=1)] = 1, pool: str = "",
    ray_address: str = "", unknown: float | None = None, coverage: float | None = None, page: bool = False,
) -> State:  # fmt: skip
    """Score the new images of a folder (if one is named), then decide about retraining.

    A retraining is due when DVC finds data, params or code changed, when drift is above its limit, or when a
    champion is older than champion_days. pool: a work pool that the retraining goes to, as the deployment
    `training/POOL`; "" retrains here. The other parameters are those of scoring and training.
    """
    automation.drop_missed()
    scored: Any = None
    if folder:
        asked: dict[str, Any] = {"unknown": unknown, "coverage": coverage, "page": page}
        scored = scoring(folder, model, ray_address=ray_address, notify=notify, return_state=True, **asked)
    now = scored.result() if scored else None
    why = tasks.reasons(config.load(), champion_days=champion_days, drift=drift, now=now)
    if not why:
        return automation.nothing_more("data, params and code are as they were", after=scored)
    how: dict[str, Any] = {
        "because": "; ".join(why), "author": author, "set_aside": set_aside, "push_results": push_results,
        "push_to": push_to, "notify": notify, "at_once": at_once,
    }  # fmt: skip
    return automation.done(automation.run_in_pool("training", pool, how) if pool else training(**how))


if __name__ == "__main__":
    automation.main(nightly)
