"""Whether Prefect's API answers. Nothing here needs Prefect."""

import os
from urllib.error import HTTPError
from urllib.request import urlopen

from frostline.errors import FrostlineError

VARIABLE = "PREFECT_API_URL"
SECONDS = 5.0


def address() -> str:
    """The API that runs report to; "" where none is named."""
    return os.environ.get(VARIABLE, "").strip()


def reachable() -> str:
    """ "" when the API answers or none is named, else one line with what starts it. ≤ 5 s."""
    if not (url := address()):
        return ""
    try:
        with urlopen(f"{url.rstrip('/')}/health", timeout=SECONDS):
            return ""
    except HTTPError as error:
        problem = f"answers {error.code} {error.reason}"
    except (OSError, ValueError) as error:
        problem = f"does not answer ({getattr(error, 'reason', None) or error})"
    return f"Prefect's API {url} {problem}; start it: make serve (or set {VARIABLE} to another)"


def require() -> None:
    """Raise FrostlineError before any work where the API that is named does not answer."""
    if problem := reachable():
        raise FrostlineError(problem)
