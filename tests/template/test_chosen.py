"""What a search writes of its choice: an entry that holds, whatever was chosen."""

from dataclasses import replace

import pytest

from frostline import config
from frostline.config import Phase, SolverPhase
from frostline.template import chosen
from frostline.template.chosen import Chosen

CHOSEN = Chosen(
    name="pets-search", dataset="pets", weights="net", why="Best.", found="97%.", height=160, width=224,
    end_at="conv_pw_12_relu", onnx=False, strength=0.03,
)  # fmt: skip


def entry(some: Chosen) -> config.Classifier:
    """As params.yaml would have it."""
    text = "classifiers:\n" + chosen.entry(some)
    assert text.count("  # ") == 3
    return config.Classifier.model_validate(config.plain(text)["classifiers"]["pets-search"])


def test_a_frozen_network() -> None:
    """Up to where it was best, with the head at its one strength."""
    found = entry(CHOSEN)
    assert (found.image.size.height, found.image.size.width) == (160, 224)
    (head,) = found.phases.values()
    assert isinstance(head, SolverPhase)
    assert (head.solver, head.strengths) == ("logistic", [0.03])


@pytest.mark.parametrize(("kind", "hidden"), [("lda", False), ("mlp", True)])
def test_other_heads(kind: str, hidden: bool) -> None:
    """One kind has a hidden layer."""
    found = entry(replace(CHOSEN, kind=kind, strength=0.5, end_at=""))
    assert bool(found.network.head.dense) is hidden
    assert next(iter(found.phases.values())).solver == kind


def test_a_thawed_one() -> None:
    """A second phase, which is no solver's."""
    found = entry(replace(CHOSEN, freeze="conv_pw_11_relu"))
    assert list(found.phases) == ["head", "thaw"]
    thaw = found.phases["thaw"]
    assert isinstance(thaw, Phase)
    assert (thaw.freeze, thaw.epochs) == ("conv_pw_11_relu", 3)
