"""Experiments and runs: found by their key in whatever state, and created exactly once."""

import getpass
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frostline.tracking import saved_view, store_uri
from frostline.tracking.content import CLASSIFIER, KEY, STUDY, identity
from frostline.tracking.session import session

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


@dataclass(frozen=True)
class RunIdentity:
    """A run: found by key and classifier, in the experiment named after the dataset.

    A new one is called `name`, else as the classifier, gets `tags` beside those it is found by, and began
    at `start` (milliseconds since 1970), else now.
    """

    key: str
    classifier: str
    dataset: str
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    start: int | None = None


def find_or_create(client: "MlflowClient", uri: str, wanted: RunIdentity) -> tuple["Run", bool]:
    """The one run of a key, whatever its state, and whether this call created it.

    Two machines can both find nothing and both create: whoever looks next keeps the older run and
    takes the other out, so that all end with the same one.
    """
    key, classifier = wanted.key, wanted.classifier
    experiment = _experiment(client, uri, wanted.dataset)
    if run := _one(client, experiment, key=key, classifier=classifier):
        return run, False
    created = client.create_run(
        experiment,
        start_time=wanted.start,
        run_name=wanted.name or classifier,
        tags={
            **identity(key=key, classifier=classifier, dataset=wanted.dataset),
            "mlflow.user": user(),
            "mlflow.source.name": "frostline",
            **wanted.tags,
        },
    )
    oldest = _one(client, experiment, key=key, classifier=classifier) or created
    return oldest, oldest.info.run_id == created.info.run_id


def _one(client: "MlflowClient", experiment: str, *, key: str, classifier: str) -> "Run | None":
    from mlflow.entities import ViewType

    candidates = client.search_runs(
        [experiment],
        filter_string=_filter(key, classifier),
        run_view_type=ViewType.ALL,
    )
    runs = sorted(candidates, key=lambda run: (_deleted(run), run.info.start_time, run.info.run_id))
    if not runs:
        return None
    for other in runs[1:]:
        if not _deleted(other):
            client.delete_tag(other.info.run_id, KEY)
            client.delete_run(other.info.run_id)
    if _deleted(runs[0]):
        client.restore_run(runs[0].info.run_id)
    return client.get_run(runs[0].info.run_id)


def _filter(key: str, classifier: str) -> str:
    return f"tags.`{KEY}` = '{key}' and tags.`{CLASSIFIER}` = '{classifier}'"


def _deleted(run: "Run") -> bool:
    return bool(run.info.lifecycle_stage == "deleted")


def first_of(client: "MlflowClient", run: "Run", classifier: str) -> "Run | None":
    """The first training of a classifier in the experiment of a run; None where that is the run itself."""
    known = client.search_runs(
        [run.info.experiment_id],
        filter_string=f"tags.`{CLASSIFIER}` = '{classifier}'",
        order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
    )
    first = next((training for training in known if STUDY not in training.data.tags), run)
    return None if first.info.run_id == run.info.run_id else first


def run_exists(client: "MlflowClient", run_id: str) -> bool:
    """Whether a run can still be read: `mlflow gc` takes what was deleted away for good."""
    from mlflow.exceptions import MlflowException

    try:
        client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False
    return True


def user() -> str:
    """Who runs this, as MLflow's own runs say it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"


def _experiment(client: "MlflowClient", uri: str, dataset: str) -> str:
    """The id of the experiment named after a dataset; a deleted one is restored."""
    from mlflow.exceptions import MlflowException

    location = store_uri.artifact_location(uri, dataset)
    experiment = client.get_experiment_by_name(dataset)
    if experiment is None:
        try:
            # The kind tells MLflow's pages that this is training, not a chat application.
            tags = {"mlflow.experimentKind": "custom_model_development", **dict([saved_view.tag()])}
            return client.create_experiment(dataset, location, tags=tags)
        except MlflowException as error:
            experiment = client.get_experiment_by_name(dataset)
            if experiment is None:
                raise error
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    if saved_view.TAG not in experiment.tags:
        client.set_experiment_tag(experiment.experiment_id, *saved_view.tag())
    return str(experiment.experiment_id)


def page(classifier: str, *, dataset: str, key: str, uri: str) -> str:
    """The address of a training's page on an MLflow server; "" where there is no server or no such run."""
    if not store_uri.is_server(uri):
        return ""
    with session(uri) as client:
        experiment = client.get_experiment_by_name(dataset)
        if experiment is None:
            return ""
        runs = client.search_runs([experiment.experiment_id], filter_string=_filter(key, classifier))
    if not runs:
        return ""
    return f"{store_uri.shown(uri).rstrip('/')}/#/experiments/{experiment.experiment_id}/runs/{runs[0].info.run_id}"
