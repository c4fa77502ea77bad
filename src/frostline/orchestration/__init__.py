"""The only room that knows Prefect, beside the flows: its API, its pages, its messages, its processes."""

from frostline.orchestration.api import address, reachable, require
from frostline.orchestration.backlog import drop_missed
from frostline.orchestration.logs import sentences
from frostline.orchestration.notices import notify, on_trouble
from frostline.orchestration.pools import elsewhere
from frostline.orchestration.shows import show_table, show_text
from frostline.orchestration.states import done, drifted, main, nothing_more, nothing_to_do

__all__ = [
    "address", "done", "drifted", "drop_missed", "elsewhere", "main", "nothing_more", "nothing_to_do", "notify",
    "on_trouble", "reachable", "require", "sentences", "show_table", "show_text",
]  # fmt: skip
