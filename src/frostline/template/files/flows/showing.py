"""What a retraining shows on its page."""

from collections.abc import Sequence
from typing import Any

from frostline import automation, tracking
from frostline.automation import messages, outputs
from frostline.pipeline import stages


def show(done: Sequence[stages.Outcome], rows: list[dict[str, Any]], names: Sequence[str]) -> None:
    """Stages, results, pictures, links."""
    automation.show_table("stages", messages.stages(done), text=messages.counts(done))
    automation.show_table("results", rows)
    for name in names:
        automation.show_text(f"pictures-{name}", outputs.pictures(name))
    uri = tracking.store()
    pages = {
        each["classifier"]: tracking.page(
            each["classifier"], dataset=each["dataset"], key=each["key"], uri=uri
        )
        for each in outputs.metrics(names)
    }
    automation.show_text("links", outputs.links(pages))
