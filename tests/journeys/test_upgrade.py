"""An upgrade by wheels: it re-runs the stages whose arithmetic changed, and no other."""

import io
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import environments
from helpers.environments import ROOT, Edits
from helpers.images import encoded, folder
from helpers.projects import GIT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

NAME = "flowers-cnn"
SRC = "src/frostline/"
AFTER_TRAINING = [f"train@{NAME}", f"evaluate@{NAME}", f"export@{NAME}", "compare"]


def photo(number: int, channel: int) -> bytes:
    """A picture that is mostly of one colour."""
    with Image.open(io.BytesIO(encoded(number, height=40, width=44 + number % 5))) as image:
        pixels = np.asarray(image) // 3
    pixels[..., channel] += 150
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


class Upgrades:
    """A trained project under git, and an environment that has one wheel after another."""

    def __init__(self, place: Path) -> None:
        self.place, self.number = place, 0
        self.venv = environments.borrowing(place / "venv")
        self.root = place / "Fotos für alle/meine Blüten"
        self.call = partial(environments.call, venv=self.venv)
        self.install({})
        colours = {f"{name}/{number}.png": photo(100 * channel + number, channel)
                   for channel, name in enumerate(("red", "green", "blue")) for number in range(12)}  # fmt: skip
        photos = folder(place / "photos", colours)
        self.root.parent.mkdir()
        self.call("frostline", "init", "flowers", "--data", photos, "--weights", "none", cwd=self.root.parent)
        (self.root.parent / "flowers").rename(self.root)
        params = self.root / "params.yaml"
        params.write_text(re.sub(r"epochs: \d+", "epochs: 1", params.read_text()))
        said = self.call("dvc", "repro", cwd=self.root).stdout
        assert len(ran(said)) == 6
        self.commit()

    def install(self, edits: Edits) -> str:
        """A wheel of the tree after these edits, with a version of its own, takes the place of the one before."""
        self.number += 1
        version = f"0.2.{self.number}"
        numbered = {
            "pyproject.toml": lambda text: re.sub(r'(?m)^version = ".*"', f'version = "{version}"', text)
        }
        built = environments.wheel(self.place / f"wheel {self.number}", {**numbered, **edits})
        environments.install(self.venv, "--no-deps", "--reinstall", built)
        assert environments.origin(self.venv).is_relative_to(self.venv)
        said = self.call("frostline", "--version", cwd=self.place).stdout
        assert said.split()[-1] == version
        return version

    def commit(self) -> None:
        """All of the project as it is now."""
        self.call("git", "add", "--all", cwd=self.root)
        self.call(*GIT, "commit", "--quiet", "--message", "Trained", cwd=self.root)

    def lock(self) -> str:
        """What `frostline lock` says."""
        return self.call("frostline", "lock", cwd=self.root).stdout

    def pending(self) -> list[str]:
        """The stages that a `dvc repro` would run, itself running none."""
        return ran(self.call("dvc", "repro", "--dry", cwd=self.root).stdout)

    def changed(self) -> list[str]:
        """What differs from the commit: tracked files, and new ones."""
        return self.call("git", "status", "--porcelain", cwd=self.root).stdout.split("\n")[:-1]


def ran(said: str) -> list[str]:
    """The stages that a `dvc repro` ran, in order."""
    return [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage ")]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Upgrades:
    """A project that was made and trained by the wheel of the tree as it is."""
    return Upgrades(tmp_path_factory.mktemp("upgrade"))


@pytest.fixture
def project(trained: Upgrades) -> Iterator[Upgrades]:
    """The trained project as it was committed; each test brings a wheel of its own."""
    yield trained
    for command in (
        ("git", "checkout", "--quiet", "."),
        ("git", "clean", "-fdq"),
        ("dvc", "checkout", "--quiet"),
    ):
        trained.call(*command, cwd=trained.root)


def reworded(text: str) -> str:
    """The same code with another docstring, comments and blank lines."""
    text = text.replace('"""', '"""In other words: ', 1) if text.startswith('"""') else text
    return "# A remark.\n\n" + text.replace("\n\n\n", "\n\n\n\n# Another remark.\n") + "\n\n# The end.\n"


def added(line: str) -> Callable[[str], str]:
    """One more statement at the end of a module: other code."""
    return lambda text: f"{text}\n\n{line}\n"


def test_words(project: Upgrades) -> None:
    """Comments, docstrings and formatting of every module: nothing to lock, nothing re-runs."""
    modules = [path.relative_to(ROOT).as_posix() for path in (ROOT / SRC).rglob("*.py")]
    ours = [path for path in modules if "template/files" not in path and (ROOT / path).read_text().strip()]
    project.install(dict.fromkeys(ours, reworded))
    assert "code.yaml is up to date" in project.lock()
    assert project.changed() == []
    said = project.call("dvc", "repro", cwd=project.root)
    assert "Data and pipelines are up to date." in said.stdout + said.stderr


def test_scoring(project: Upgrades) -> None:
    """Scoring is no stage: all of it but what export writes into the model for it."""
    exported = {"__init__.py", "answer_fit.py", "drift_baseline.py", "drift_stats.py"}
    modules = [path for path in (ROOT / SRC / "scoring").glob("*.py") if path.name not in exported]
    assert len(modules) > 10
    project.install({path.relative_to(ROOT).as_posix(): added("OTHER = 1") for path in modules})
    project.lock()
    assert project.changed() == []
    assert project.pending() == []


def test_evaluation(project: Upgrades) -> None:
    """Figures are computed anew from the predictions that are there, and compared; nothing else runs."""
    figures = ("metrics", "plots", "rejections")
    project.install({f"{SRC}evaluation/{name}.py": added("OTHER = 1") for name in figures})
    said = project.lock()
    assert {line.partition(":")[0] for line in said.splitlines() if "code changed" in line} <= {
        "evaluate",
        "compare",
    }
    assert ran(project.call("dvc", "repro", cwd=project.root).stdout) == [f"evaluate@{NAME}", "compare"]
    assert project.changed() == [" M code.yaml", " M dvc.lock"]


def test_training_code(project: Upgrades) -> None:
    """The stage refuses until it is locked, with the command that mends it."""
    project.install({SRC + "training/loop.py": added("OTHER = 1")})
    refused = project.call("frostline", "train", NAME, cwd=project.root, check=False)
    assert refused.returncode == 2
    assert re.search(r"code\.yaml names other code .*run `frostline lock`, then `dvc repro`", refused.stderr)
    assert project.pending() == []
    assert "train: code changed" in project.lock()
    assert project.pending() == [f"train@{NAME}"]


def test_a_training_step(project: Upgrades) -> None:
    """Smaller steps: other weights, and so all that follows them; photos and weights files are left alone."""
    smaller = "inner.learning_rate.assign(rates[number] / 2)"
    project.install({
        SRC + "training/steps.py": lambda text: text.replace("inner.learning_rate.assign(rates[number])", smaller)
    })  # fmt: skip
    project.lock()
    stages = ran(project.call("dvc", "repro", cwd=project.root).stdout)
    assert sorted(stages) == sorted(AFTER_TRAINING)
    assert (stages[0], stages[-1]) == (AFTER_TRAINING[0], AFTER_TRAINING[-1])


def test_a_new_key(project: Upgrades) -> None:
    """The schema's next version: params.yaml is migrated, comments and order kept, and nothing re-runs."""
    steps = """STEPS: tuple[Step, ...] = (
    Added("datasets.*.audit", "dusty", "keep"),
    Added("classifiers.*", "rounds", "1"),
"""
    old = (project.root / "params.yaml").read_text()
    project.install({
        SRC + "config/schema.py": lambda text: text
        .replace("    unreadable: Strict\n", "    dusty: Policy\n    unreadable: Strict\n")
        .replace("    augmentation: Augm", "    rounds: int\n    augmentation: Augm"),
        SRC + "config/migration.py": lambda text: text.replace("STEPS: tuple[Step, ...] = (\n", steps),
    })  # fmt: skip
    refused = project.call("frostline", "preprocess", "flowers", cwd=project.root, check=False)
    assert "dusty" in refused.stderr
    said = project.lock()
    assert "datasets.flowers.audit.dusty: keep added" in said
    now = (project.root / "params.yaml").read_text()
    assert [
        line for line in now.splitlines() if line.strip() not in {"dusty: keep", "rounds: 1"}
    ] == old.splitlines()
    assert now.count("dusty: keep") == now.count("rounds: 1") == 1
    done = project.call("dvc", "repro", cwd=project.root)
    assert "Data and pipelines are up to date." in done.stdout + done.stderr
    assert {line[3:] for line in project.changed()} <= {"params.yaml", "code.yaml", "dvc.lock"}
    assert project.call("frostline", "net", "describe", NAME, cwd=project.root).stdout


def test_the_graph(project: Upgrades) -> None:
    """An edited dvc.yaml stays as it is, with this version's own beside it; an untouched one follows."""
    graph = project.root / "dvc.yaml"
    mine = "# mine\n" + graph.read_text()
    theirs = {SRC + "template/files/pipeline.yaml": lambda text: "# theirs\n" + text}
    project.install(theirs)
    project.lock()
    assert graph.read_text().startswith("# theirs\n")
    project.call("git", "checkout", "--quiet", ".", cwd=project.root)
    graph.write_text(mine)
    said = project.lock()
    assert "dvc.yaml.new" in said
    assert graph.read_text() == mine
    assert (project.root / "dvc.yaml.new").read_text().startswith("# theirs\n")
    assert project.pending() == []
