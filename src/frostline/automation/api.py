"""Whether Prefect's API answers, and lets us in. Nothing here needs Prefect."""

import os
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from frostline.automation.credential import authorization
from frostline.errors import FrostlineError

VARIABLE = "PREFECT_API_URL"
LOGIN = "PREFECT_API_AUTH_STRING"
SECONDS = 5.0
HINT = "the line that `frostline serve` prints for another shell has it"


def address() -> str:
    """The API that runs report to; "" where none is named."""
    return os.environ.get(VARIABLE, "").strip()


def reachable() -> str:
    """ "" when the API answers or none is named, else one line with what mends it. ≤ 10 s."""
    if not (url := address().rstrip("/")):
        return ""
    try:
        with urlopen(f"{url}/health", timeout=SECONDS):
            return "" if _lets_in(url) else f"Prefect's API {url} wants another login; set {LOGIN}: {HINT}"
    except HTTPError as error:
        problem = f"answers {error.code} {error.reason}"
    except (OSError, ValueError) as error:
        problem = f"does not answer ({getattr(error, 'reason', None) or error})"
    return f"Prefect's API {url} {problem}; start it: frostline serve (or set {VARIABLE} to another)"


def _lets_in(url: str) -> bool:
    """Whether the API takes our login; with a key of Prefect Cloud that is not asked."""
    if os.environ.get("PREFECT_API_KEY"):
        return True
    request = Request(f"{url}/version", headers=authorization(os.environ.get(LOGIN, "")))
    try:
        with urlopen(request, timeout=SECONDS):
            return True
    except HTTPError as error:
        return error.code != 401


def require() -> None:
    """Raise FrostlineError before any work where the API that is named does not answer."""
    if problem := reachable():
        raise FrostlineError(problem)
