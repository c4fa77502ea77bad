"""The server that Prefect starts by itself for the time of one run."""

import os
import secrets

from frostline.automation.credential import NAME


def close_own_server() -> None:
    """Let a server that Prefect would start for this run alone take this run's login and no foreign pages.

    As Prefect starts it, any page and any user of this machine may speak to it. Where an API is named, by the
    environment or a profile, nothing changes.
    """
    from prefect.context import refresh_global_settings_context
    from prefect.settings import PREFECT_API_URL

    if PREFECT_API_URL.value():
        return
    login = f"{NAME}:{secrets.token_urlsafe(32)}"
    os.environ |= {
        "PREFECT_API_AUTH_STRING": login,
        "PREFECT_SERVER_API_AUTH_STRING": login,
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": "http://127.0.0.1",  # which is no page of it: its port differs
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
    }
    refresh_global_settings_context()
