"""What the flows call: all that knows Prefect, and what decides or remembers something for a run nobody watches."""

from frostline.automation.api import address, reachable, require
from frostline.automation.artifacts import show_scores, show_table, show_text, show_training
from frostline.automation.concurrency import alone, drop_missed
from frostline.automation.notifications import notify, on_trouble
from frostline.automation.settings import configure
from frostline.automation.states import done, main, nothing_more, nothing_to_do, scored
from frostline.automation.work_pools import run_in_pool

__all__ = [
    "address", "alone", "configure", "done", "drop_missed", "main", "nothing_more", "nothing_to_do",
    "notify", "on_trouble", "reachable", "require", "run_in_pool", "scored", "show_scores", "show_table", "show_text",
    "show_training",
]  # fmt: skip
