"""The saved view of the list of runs, as MLflow's pages read it."""

import json

from frostline.tracking import content, saved_view
from helpers.outputs import metrics


def test_envelope_and_state() -> None:
    """A name, two numbers and the state as JSON inside JSON; every column is a figure that runs have."""
    key, value = saved_view.tag()
    assert key == "mlflow.sharedViewState.figures"
    envelope = json.loads(value)
    assert (envelope["name"], type(envelope["createdAt"]), type(envelope["state"])) == ("Figures", int, str)
    state = json.loads(envelope["state"])
    known = {f"metrics.`{name}`" for name, _, _ in content.results(metrics(), {})}
    assert set(state["selectedColumns"]) <= known
    assert state["orderByKey"] in known
    sections = {section["uuid"] for section in state["compareRunSections"]}
    assert {chart["metricSectionId"] for chart in state["compareRunCharts"]} <= sections
    assert len(value) < content.TAG_LENGTH
