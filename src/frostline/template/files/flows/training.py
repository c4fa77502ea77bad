"""Retraining: pull, reproduce stage by stage, sync, promote, record in git, push what may be pushed, tell."""

from datetime import UTC, datetime
from typing import Annotated

from prefect import flow
from pydantic import Field

from flows import tasks
from flows.showing import show
from flows.stages import bring_up_to_date
from frostline import automation, config
from frostline.automation import gate, messages, outputs
from frostline.automation.exclusive import alone
from frostline.pipeline import commits, processes


@flow(name="training", **tasks.WATCHED)
def training(  # noqa: PLR0913  # a parameter each, so that Prefect's page asks for them by name
    because: str = "asked for",
    author: str = "frostline <frostline@localhost>",
    set_aside: bool = False,
    push_results: bool = False,
    push_to: str = "",
    notify: str = "",
    stage_hours: float = 12.0,
    wait_hours: float = 2.0,
    at_once: Annotated[int, Field(ge=1)] = 1,
) -> str:
    """Bring everything up to date; what changed becomes one commit with one tag.

    because: the reason, for the commit. author: who commits. set_aside: put uncommitted changes into git's
    stash instead of refusing. push_results: `dvc push`. push_to: a git remote for commit and tag.
    notify: a notification block, such as custom-webhook/frostline. The hours are time limits.
    at_once: how many stages that need nothing of each other run side by side.
    """
    who = commits.Author.parse(author)
    names = list(config.load().classifiers)
    automation.drop_missed()
    with alone(seconds=wait_hours * 3600):
        for stage in processes.end_left_behind():
            print(f"ended, left behind by a killed run: {stage}")
        print(commits.require_clean(set_aside=set_aside) or "no uncommitted changes")
        print(tasks.pull())
        done = bring_up_to_date(at_once=at_once, seconds=stage_hours * 3600)
        tasks.track()
        rows = messages.results(outputs.metrics(names))
        show(done, rows, names)
        verdicts = [tasks.meet_champion(name) for name in names]
        message = messages.commit_message(done, [because], rows)
        record = commits.record(message, author=who, day=datetime.now(UTC).date())
        if push_results:
            print(tasks.push())
        if push_to and record:
            print(tasks.share(record, remote=push_to))
    tag = record.tag if record else ""
    if record or gate.promoted(verdicts):
        what = "retrained" if record else "promoted"
        automation.notify(notify, subject=what, body=messages.notice(verdicts, rows, tag=tag))
    return messages.closing(done, verdicts, tag=tag)


if __name__ == "__main__":
    automation.main(training)
