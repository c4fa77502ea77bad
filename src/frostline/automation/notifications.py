"""Messages to people, through whichever of Prefect's notification blocks is named: webhook, Slack, e-mail."""

from typing import Any

from frostline.errors import first_line
from frostline.progress import say

PREFACE = "Flow run encountered an exception: "  # Prefect's, before each reason


def notify(block: str, *, subject: str, body: str) -> str:
    """Send a message through a saved block (`custom-webhook/frostline`); "" or why it did not go.

    A message that cannot be sent never fails the work that it tells of. Addresses and tokens stay in the block.
    """
    if not block:
        return ""
    from prefect.blocks.core import Block

    try:
        sender: Any = Block.load(block)
        with sender.raise_on_failure():  # else a block of Apprise's tells nobody that nothing went out
            sender.notify(body, subject=subject)
    except Exception as error:  # whatever a block of whatever kind raises
        problem = first_line(error) if isinstance(error, ValueError) else type(error).__name__
        line = f"no message could be sent through {block}: {problem}"
        say(line)
        return line
    return ""


def on_trouble(flow: Any, flow_run: Any, state: Any) -> None:
    """Prefect calls it when a run failed, crashed or was cancelled: it tells through the run's own block.

    A worker names the arguments, a run itself gives them in this order: the names are Prefect's. What goes wrong
    in a part of a run goes wrong in the whole, which tells it, once.
    """
    if getattr(flow_run, "parent_task_run_id", None):
        return
    block = (flow_run.parameters or {}).get("notify", "")
    # A worker tells while the run is still about to end.
    what = "Cancelled" if state.name == "Cancelling" else state.name
    reason = (state.message or "").removeprefix(PREFACE).strip() or "no reason was given"
    notify(block, subject=f"{flow.name}: {what}", body=f"{flow_run.name}: {reason}")
