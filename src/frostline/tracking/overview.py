"""Looking things up in MLflow without changing anything: the champion's age, a run's page."""

import time

from frostline.tracking import store_uri
from frostline.tracking.content import CLASSIFIER, KEY
from frostline.tracking.registry import CHAMPION
from frostline.tracking.session import session


def champion_days(name: str, *, uri: str) -> float | None:
    """Days since the champion of a registered model was registered; None without a champion."""
    from mlflow.exceptions import MlflowException

    store_uri.require(uri)
    with session(uri) as client:
        try:
            version = client.get_model_version_by_alias(name, CHAMPION)
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise
    return (time.time() - version.creation_timestamp / 1000) / 86400


def page(classifier: str, *, dataset: str, key: str, uri: str) -> str:
    """The address of a training's page on an MLflow server; "" where there is no server or no such run."""
    if not store_uri.is_server(uri):
        return ""
    with session(uri) as client:
        experiment = client.get_experiment_by_name(dataset)
        if experiment is None:
            return ""
        wanted = f"tags.`{KEY}` = '{key}' and tags.`{CLASSIFIER}` = '{classifier}'"
        runs = client.search_runs([experiment.experiment_id], filter_string=wanted)
    if not runs:
        return ""
    return f"{store_uri.shown(uri).rstrip('/')}/#/experiments/{experiment.experiment_id}/runs/{runs[0].info.run_id}"
