"""compare A B: names and revisions to predictions, with real git and DVC."""

from pathlib import Path

import numpy as np
import pytest

from frostline import paths
from frostline.commands import versus
from frostline.errors import FrostlineError, InputError
from frostline.evaluation import predictions, temperature
from frostline.evaluation.log_loss import losses
from frostline.evaluation.predictions import Predictions
from helpers.projects import call, committed
from helpers.results import dataset, trained

GRAPH = """
stages:
  each:
    foreach: [pets-cnn, pets-vgg19]
    do:
      cmd: "true"
      outs:
        - artifacts/classifiers/${item}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """Two classifiers under git and DVC: 5 mistakes at the tag `old`, then 1 and 2 in the workspace."""
    root = tmp_path_factory.mktemp("versions")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        call("git", "init", "--quiet", cwd=root)
        call("dvc", "init", "--quiet", cwd=root)
        (root / ".gitignore").write_text("/artifacts\n/data\n")
        (root / "dvc.yaml").write_text(GRAPH)
        pets = dataset("pets")
        for wrong, tag in (((5, 5), "old"), ((1, 2), "new")):
            for name, count in zip(("pets-cnn", "pets-vgg19"), wrong, strict=True):
                trained(name, pets, wrong=count)
            call("dvc", "commit", "--force", "--quiet", cwd=root)
            committed(root, tag)
            call("git", "tag", tag, cwd=root)
    return root


@pytest.fixture(autouse=True)
def _inside(project, monkeypatch) -> None:
    monkeypatch.chdir(project)


def test_in_the_workspace() -> None:
    """Names alone: what lies there now."""
    assert "only pets-cnn correct: 1, only pets-vgg19 correct: 0" in versus.run("pets-cnn", "pets-vgg19")


def test_with_an_older_version() -> None:
    """NAME@REV: as the tag's dvc.lock has it, from DVC's cache; the tree stays as it is."""
    said = versus.run("pets-cnn", "pets-cnn@old")
    assert "only pets-cnn correct: 4, only pets-cnn@old correct: 0" in said
    assert call("git", "status", "--porcelain", cwd=Path()).stdout == ""


def test_over_revisions() -> None:
    """--rev reads both at each revision."""
    said = versus.run("pets-cnn", "pets-vgg19", revisions=("old", "new"))
    assert said.startswith("2 trainings of each, 9 test images")
    assert "training 2: pets-cnn 88.9%, pets-vgg19 77.8%" in said


def test_losses_are_those_of_calibrated_probabilities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the report and the exported model give them, not as the network does that is too sure."""
    monkeypatch.chdir(tmp_path)
    rng, names = np.random.default_rng(0), tuple(f"{number:04d}" for number in range(600))
    logits = rng.normal(size=(600, 2))
    labels = np.array([rng.choice(2, p=np.exp(row) / np.exp(row).sum()) for row in logits])
    sure = np.exp(4 * logits)
    probs = (sure / sure.sum(axis=1, keepdims=True)).astype(np.float32)
    splits = ("validation", "test") * 300
    for name, given in (("sure", probs), ("surer", temperature.apply(probs, 0.9))):
        made = Predictions(("a", "b"), names, names, splits, labels, given)
        predictions.write(made, paths.classifier(name) / "predictions.parquet")
    raw, calibrated = (
        losses(rows.labels, rows.probs).mean()
        for rows in (one.split("test") for one in (made, temperature.calibrated(made)))
    )
    assert calibrated < raw - 0.1
    assert f"loss {calibrated:.3f}" in versus.run("sure", "surer")


@pytest.mark.parametrize(
    ("arguments", "revisions", "error", "message"),
    [
        (("pets-cnn", "pets-cnn"), (), InputError, "pets-cnn is compared with itself"),
        (("pets-cnn", "pets-cnn@old"), ("new",), InputError, "pets-cnn@old names a revision already"),
        (("pets-cnn", "pets-cnn@nowhere"), (), FrostlineError, "predictions.parquet at nowhere: "),
        (("pets-cnn", "gone@old"), (), FrostlineError, "gone/predictions.parquet at old: "),
        (("pets-cnn", "gone"), (), FrostlineError, "params.yaml is missing"),
    ],
)
def test_refused_in_one_line(arguments, revisions, error, message: str) -> None:
    """Whatever cannot be had is named, with what to do."""
    with pytest.raises(error) as caught:
        versus.run(*arguments, revisions=revisions)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
