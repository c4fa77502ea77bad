"""What a retraining shows on its page."""

from collections.abc import Sequence
from typing import Any

from frostline import graph, orchestration, tracking
from frostline.nightly import outputs, wording


def show(done: Sequence[graph.Outcome], rows: list[dict[str, Any]], names: Sequence[str]) -> None:
    """Stages, results, pictures, links."""
    orchestration.show_table("stages", wording.stages(done), text=wording.counts(done))
    orchestration.show_table("results", rows)
    for name in names:
        orchestration.show_text(f"pictures-{name}", outputs.pictures(name))
    uri = tracking.store()
    pages = {
        each["classifier"]: tracking.page(
            each["classifier"], dataset=each["dataset"], key=each["key"], uri=uri
        )
        for each in outputs.metrics(names)
    }
    orchestration.show_text("links", outputs.links(pages))
