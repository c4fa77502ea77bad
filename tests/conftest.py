"""For all tests: this environment's programs on the path, a git identity, nobody's settings."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import dvc  # noqa: F401  # binds its log to the stream it finds: not to that of one test, which ends with it
import pytest

from frostline import files, progress
from frostline.cli import app
from frostline.config import Image
from frostline.features.extraction import Images
from helpers.images import encoded, folder
from helpers.networks import HEIGHT, WIDTH


@pytest.fixture(autouse=True, scope="session")
def _environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Subprocesses find `dvc` and `frostline`; git commits work; a user's MLflow or cache is not touched."""
    settings = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "DVC_NO_ANALYTICS": "1",
        "PREFECT_HOME": str(tmp_path_factory.mktemp("prefect")),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    for role in ("AUTHOR", "COMMITTER"):
        settings |= {f"GIT_{role}_NAME": "Test", f"GIT_{role}_EMAIL": "test@example.invalid"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        for name in ("MLFLOW_TRACKING_URI", "FROSTLINE_CACHE", "DVC_ROOT"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True, scope="session")
def _reporter() -> None:
    """What the package says is printed, as the command line does, so that tests can read it."""
    progress.report_to(app.REPORTER)


@pytest.fixture
def of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Images:
    """Thirty-five images and an empty cache."""
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    contents = {f"{number:02}.png": encoded(number, height=20 + number, width=33) for number in range(35)}
    size = {"height": HEIGHT, "width": WIDTH}
    return Images(
        root=folder(tmp_path / "photos", contents),
        paths=list(contents),
        ids=[files.sha256(content) for content in contents.values()],
        rule=Image.model_validate({"size": size, "resize": "squash", "transform": "rescale"}),
    )
