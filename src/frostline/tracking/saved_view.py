"""A saved view of MLflow's list of runs: the figures as columns, the most accurate run first. Pure.

MLflow's own list shows no figure before somebody picks columns. Saved views are tags of the experiment, as its
pages write them (3.10 to 3.17 seen): a name, times, and the page's state as JSON.
"""

import json

NAME, ID = "Figures", "figures"
TAG = f"mlflow.sharedViewState.{ID}"
MAIN = "test_accuracy"
COLUMNS = (MAIN, "val_accuracy", "train_accuracy", "test_loss", "test_accuracy_low", "test_accuracy_high")
SECTIONS = ("Test and validation", "epoch", "f1")  # the latter two as MLflow names them by the metrics' names


def tag() -> tuple[str, str]:
    """The tag's key and value."""
    state = {
        "selectedColumns": [_metric(name) for name in COLUMNS],
        "orderByKey": _metric(MAIN),
        "orderByAsc": False,
        "compareRunCharts": [_bars(name) for name in (MAIN, "test_loss", "val_accuracy")],
        "compareRunSections": [_section(name) for name in SECTIONS],
        "isAccordionReordered": True,  # else MLflow sorts sections by name
    }
    return TAG, json.dumps({"name": NAME, "createdAt": 0, "updatedAt": 0, "state": json.dumps(state)})


def _metric(name: str) -> str:
    return f"metrics.`{name}`"


def _bars(name: str) -> dict[str, object]:
    """A chart with a bar for each run."""
    return {
        "type": "BAR",
        "uuid": name,
        "metricKey": name,
        "displayName": name,
        "metricSectionId": SECTIONS[0],
        "runsCountToCompare": 10,
        "deleted": False,
        "isGenerated": True,
    }


def _section(name: str) -> dict[str, object]:
    return {
        "uuid": name,
        "name": name,
        "display": True,
        "isReordered": False,
        "deleted": False,
        "isGenerated": name != SECTIONS[0],
    }
