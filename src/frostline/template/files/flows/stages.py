"""All of DVC's steps as tasks: one at a time, or side by side those that need nothing of each other."""

import contextlib
from collections.abc import Iterator

from prefect.task_runners import ThreadPoolTaskRunner

from flows import tasks
from frostline.pipeline import processes, stages


def bring_up_to_date(*, at_once: int, seconds: float) -> list[stages.Outcome]:
    """What became of every step, in DVC's order; at most `at_once` at a time, each at most `seconds` long.

    Where one fails, those beside it come to their end and nothing further begins.
    """
    done = []
    with ThreadPoolTaskRunner(max_workers=at_once) as runner, _ending_stages():
        for wave in stages.waves(stages.steps()):
            begun = [
                runner.submit(tasks.reproduce, {"step": step, "seconds": seconds, "wait": at_once > 1})
                for step in wave
            ]
            for each in begun:
                each.wait()
            done += [each.result() for each in begun]
    return done


@contextlib.contextmanager
def _ending_stages() -> Iterator[None]:
    """A cancelled run ends its stages, whose threads would otherwise be waited for to the end."""
    try:
        yield
    except BaseException:
        processes.end_left_behind()
        raise
