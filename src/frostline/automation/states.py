"""How runs begin and end."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frostline.automation import artifacts
from frostline.automation.api import require
from frostline.automation.inbox import NewImages
from frostline.automation.notifications import notify
from frostline.errors import FrostlineError

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State


NOTHING = "Nothing to do"


def nothing_to_do(why: str) -> "State[Any]":
    """A good end that says on Prefect's page that no work was needed."""
    from prefect.states import Completed

    return Completed(name=NOTHING, message=f"nothing to do: {why}")


def nothing_more(why: str, *, after: "State[Any] | None") -> "State[Any]":
    """Nothing to do; where work went before that did something, its end, with its name and its words."""
    if after is None or after.name == NOTHING:
        return nothing_to_do(why)
    from prefect.states import Completed

    return Completed(name=after.name, message=f"{after.message}; no retraining: {why}")


def done(what: str, *, data: Any = None) -> "State[Any]":
    """A good end that says what was done; `data` is what a calling flow gets."""
    from prefect.states import Completed

    return Completed(message=what, data=data)


def scored(job: Path, batch: NewImages, *, block: str) -> "State[Any]":
    """A good end of a score job, whose `data` is its drift; above a limit people are told through a block too."""
    from prefect.states import Completed

    what, score = f"{batch.images} images scored into {batch.out}", artifacts.drift(job)
    above = artifacts.above_limits(job)
    if not above:
        return done(what, data=score)
    notify(block, subject="drift", body=f"{what}; {above}")
    return Completed(name="Drift", message=f"{what}; {above}", data=score)


def main(flow: Callable[[], Any]) -> None:
    """Run a flow from a shell: only if the API that is named answers; what goes wrong is one line."""
    try:
        require()
        flow()
    except FrostlineError as error:
        print(f"frostline: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
