"""Files that the project's own MLflow server keeps, also while it is not running."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from frostline.tracking import store_uri

if TYPE_CHECKING:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository


def find(uri: str) -> None:
    """Let MLflow read and write such files of the project's own store; any other store is left alone.

    Experiments that a server makes name theirs `mlflow-artifacts:/…`, which MLflow resolves through a server alone.
    """
    if store_uri.is_own(uri):
        from mlflow.store.artifact import artifact_repository_registry as known

        # The other way to register one, an entry point, would hold for the server too.
        known._artifact_repository_registry.register("mlflow-artifacts", repository)  # type: ignore[no-untyped-call]


def repository(
    artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
) -> "ArtifactRepository":
    """Where files of a URI are: in the project, or with the server that is the store."""
    import mlflow
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
    from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository

    if not store_uri.is_own(tracking_uri or mlflow.get_tracking_uri()):
        return MlflowArtifactsRepository(artifact_uri, tracking_uri, registry_uri)
    place = store_uri.served() / urlsplit(artifact_uri).path.lstrip("/")
    return LocalArtifactRepository(place.as_uri(), tracking_uri, registry_uri)
