"""Files of experiments that a server made, without the server."""

from pathlib import Path

import pytest
from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository

from frostline.tracking import served_files, store_uri
from frostline.tracking.session import session


def test_they_are_read_and_written_where_the_server_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The project's own store needs no server for them; another store's are asked of its server."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv(store_uri.VARIABLE, raising=False)
    with session(store_uri.store()) as client:
        run = client.create_run(client.create_experiment("pets", "mlflow-artifacts:/7")).info
        client.log_text(run.run_id, "text", "kept.txt")
        assert [each.path for each in client.list_artifacts(run.run_id)] == ["kept.txt"]
    kept = tmp_path / ".frostline/mlflow/files/7" / run.run_id / "artifacts/kept.txt"
    assert kept.read_text() == "text"
    there = served_files.repository("mlflow-artifacts:/7", "http://127.0.0.1:9")
    assert isinstance(there, MlflowArtifactsRepository)
