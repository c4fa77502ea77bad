"""What the flows call: all that knows Prefect, and what decides or remembers something for a run nobody watches."""

from frostline.automation.artifacts import show_scores, show_table, show_text, show_training
from frostline.automation.flow_runs import (
    alone,
    done,
    drop_missed,
    main,
    nothing_more,
    nothing_to_do,
    run_in_pool,
    scored,
)
from frostline.automation.notifications import notify, on_trouble
from frostline.automation.prefect_api import address, reachable, require
from frostline.automation.settings import configure

__all__ = [
    "address", "alone", "configure", "done", "drop_missed", "main", "nothing_more", "nothing_to_do",
    "notify", "on_trouble", "reachable", "require", "run_in_pool", "scored", "show_scores", "show_table", "show_text",
    "show_training",
]  # fmt: skip
