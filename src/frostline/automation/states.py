"""How runs begin and end."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from frostline.automation.api import require
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


def drifted(what: str, *, block: str, data: Any = None) -> "State[Any]":
    """A good end of work whose images are not like those before, told through a notification block too."""
    from prefect.states import Completed

    notify(block, subject="drift", body=what)
    return Completed(name="Drift", message=what, data=data)


def main(flow: Callable[[], Any]) -> None:
    """Run a flow from a shell: only if the API that is named answers; what goes wrong is one line."""
    try:
        require()
        flow()
    except FrostlineError as error:
        print(f"frostline: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
