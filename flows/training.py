"""Retraining: pull, reproduce stage by stage, sync, promote, record in git, push what may be pushed, tell."""

from typing import Annotated

from prefect import flow
from pydantic import Field

from frostline import automation, config
from frostline.automation import tasks


@flow(name="training", **tasks.WATCHED)
def training(  # noqa: PLR0913  # a parameter each, so that Prefect's page asks for them by name
    because: str = "asked for", author: str = "frostline <frostline@localhost>", set_aside: bool = False,
    push_results: bool = False, push_to: str = "", notify: str = "", stage_hours: float = 12.0,
    wait_hours: float = 2.0, at_once: Annotated[int, Field(ge=1)] = 1,
) -> str:  # fmt: skip
    """Bring everything up to date; what changed becomes one commit with one tag.

    because: the reason, for the commit. author: who commits. set_aside: put uncommitted changes into git's
    stash instead of refusing. push_results: `dvc push`. push_to: a git remote for commit and tag.
    notify: a notification block, such as custom-webhook/frostline. The hours are time limits.
    at_once: how many stages that need nothing of each other run side by side.
    """
    params, who = config.load(), tasks.Author.parse(author)
    names = list(params.classifiers)
    automation.drop_missed()
    with automation.alone(seconds=wait_hours * 3600):
        tasks.prepare(set_aside=set_aside)
        stages = tasks.bring_up_to_date(at_once=at_once, hours=stage_hours)
        tasks.sync(names)
        results = automation.show_training(stages, names)
        verdicts = [tasks.promote(name, params) for name in names]
        record = tasks.record(stages, results, because=because, author=who)
        tasks.send(record, results=push_results, remote=push_to)
    return tasks.finish(stages, verdicts, results, record, notify=notify)


if __name__ == "__main__":
    automation.main(training)
