"""How runs begin and end."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from frostline.errors import FrostlineError
from frostline.orchestration.api import require
from frostline.orchestration.notices import notify

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State


def nothing_to_do(why: str) -> "State[Any]":
    """A good end that says on Prefect's page that no work was needed."""
    from prefect.states import Completed

    return Completed(name="Nothing to do", message=f"nothing to do: {why}")


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
