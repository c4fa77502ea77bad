"""For all tests: this environment's programs on the path, a git identity, nobody's settings."""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dvc  # noqa: F401  # binds its log to the stream it finds: not to that of one test, which ends with it
import hypothesis
import pytest

from frostline import files, progress
from frostline.cli import app
from frostline.config import Image
from frostline.features.extraction import Images
from helpers import warm_dvc
from helpers.browser import chromium
from helpers.images import encoded, folder
from helpers.networks import HEIGHT, WIDTH

# Files whose tests take long, though they are few: begun last, one process would wait for the other.
LONGEST = (
    "test_end_to_end", "stages/test_train_export", "features/test_ray_stream", "stages/test_onnx_weights",
    "tracking/test_publishing", "commands/test_resume", "commands/test_search", "commands/test_sweep", "test_cli",
    "test_dvc_graph", "training/test_loop", "automation/test_closed", "commands/test_init", "pipeline/test_stages",
    "runtime/test_conversion", "pipeline/test_workspace_remotes", "pipeline/test_subfolder", "commands/test_doctor",
    "commands/test_data_add", "training/test_transformer", "training/test_search_trunks", "api/test_public_names",
    "features/test_backends", "tracking/test_server", "tracking/test_observations", "stages/test_evaluate",
)  # fmt: skip
TESTS = Path(__file__).parent
# How many examples each property is tried on: `make test-slow` asks for the second.
hypothesis.settings.register_profile("quick", max_examples=20, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=200, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_collection_finish() -> None:
    """TensorFlow's and Keras' graphs are many small objects: collected less often than Python does by itself."""
    gc.set_threshold(10_000, 20, 20)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, all else as it is; `make test` gives files to processes in this order."""

    def place(item: pytest.Item) -> int:
        name = item.path.relative_to(TESTS).with_suffix("").as_posix()
        return LONGEST.index(name) if name in LONGEST else len(LONGEST)

    items.sort(key=place)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """What fails is named at once: a run that is cut short has said it."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        reason = (str(report.longrepr).splitlines() or [""])[-1]
        print(f"\n{report.nodeid} failed in its {report.when}: {reason}", file=sys.__stderr__, flush=True)


@pytest.fixture(autouse=True, scope="session")
def _environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Subprocesses find `dvc` and `frostline`; git commits work; a user's MLflow or cache is not touched."""
    settings = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "DVC_NO_ANALYTICS": "1",
        "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("user-cache")),
        "PREFECT_HOME": str(tmp_path_factory.mktemp("prefect")),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    for role in ("AUTHOR", "COMMITTER"):
        settings |= {f"GIT_{role}_NAME": "Test", f"GIT_{role}_EMAIL": "test@example.invalid"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        for name in ("MLFLOW_TRACKING_URI", "FROSTLINE_CACHE", "DVC_ROOT", "PYTHONDONTWRITEBYTECODE"):
            patch.delenv(name, raising=False)
        patch.setattr(subprocess, "run", warm_dvc.run)
        patch.setattr(sys, "dont_write_bytecode", False)  # each subprocess would compile TensorFlow again
        yield


@pytest.fixture(autouse=True, scope="module")
def _imported() -> None:
    """What is there before a file's tests is mostly imports, which stay: no search for garbage looks at it again.

    Else such searches take a fifth of the time of the tests.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _reporter() -> None:
    """What the package says is printed, as the command line does, so that tests can read it; a flow changes it."""
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One for all tests of a file."""
    with chromium() as started:
        yield started
