"""The only room that knows Prefect, beside the flows: its API, its pages, its messages, its processes."""

from frostline.automation.api import address, reachable, require
from frostline.automation.artifacts import show_table, show_text
from frostline.automation.backlog import drop_missed
from frostline.automation.logs import sentences
from frostline.automation.notifications import notify, on_trouble
from frostline.automation.states import done, drifted, main, nothing_more, nothing_to_do
from frostline.automation.work_pools import elsewhere

__all__ = [
    "address", "done", "drifted", "drop_missed", "elsewhere", "main", "nothing_more", "nothing_to_do", "notify",
    "on_trouble", "reachable", "require", "sentences", "show_table", "show_text",
]  # fmt: skip
