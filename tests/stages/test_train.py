"""What `train` says at its end."""

from types import SimpleNamespace
from typing import Any

import pytest

from frostline.config.solvers import LogisticPhase
from frostline.stages import train
from frostline.training.loop import Epoch


def said(measure: str, losses: list[float], *, planned: int) -> list[str]:
    """The lines about a phase `head` with these validation losses, accuracies falling as losses do."""
    rule = SimpleNamespace(measure=measure, patience=2)
    entry = SimpleNamespace(
        training=SimpleNamespace(early_stopping=rule) if measure else None,
        phases={"head": SimpleNamespace(epochs=planned)},
    )
    inputs: Any = SimpleNamespace(entry=entry)
    return list(train._stopped(inputs, [("head", Epoch(0.0, 0.0, each, each)) for each in losses]))


@pytest.mark.parametrize(
    ("measure", "planned", "parts"),
    [
        ("loss", 9, ("after epoch 4", "since epoch 2")),
        ("accuracy", 9, ("after epoch 4", "since epoch 1")),
        ("loss", 4, None),  # all epochs ran
        ("", 9, None),  # no rule
    ],
)
def test_early_stopping_is_said(measure: str, planned: int, parts: tuple[str, ...] | None) -> None:
    """The last epoch and the one whose weights are kept; nothing where no rule ended the phase."""
    lines = said(measure, [0.5, 0.3, 0.4, 0.4], planned=planned)
    assert len(lines) == (parts is not None)
    assert all(part in lines[0] for part in parts or ())


def test_strengths_that_are_left_out_are_no_early_stopping() -> None:
    """A solver chooses by its own rule, which has a line of its own, whatever the rule of the phases after it."""
    head = LogisticPhase.model_construct(freeze="all", solver="logistic", C=[0.1, 1.0, 10.0, 100.0])
    rule = SimpleNamespace(measure="accuracy", patience=2)
    entry = SimpleNamespace(training=SimpleNamespace(early_stopping=rule), phases={"head": head})
    inputs: Any = SimpleNamespace(entry=entry)
    epochs = [("head", Epoch(0.0, 0.0, each, each)) for each in (0.3, 0.4, 0.5)]
    assert list(train._stopped(inputs, epochs)) == []
    (line,) = train._chosen(inputs, epochs)
    assert "C 0.1 has the lowest validation loss" in line
    assert "100 and above were not tried" in line


def test_epochs_are_counted_after_what_phases_before_them_left_out() -> None:
    """Of three strengths two were tried: the first of four epochs is the third of six rows."""
    head = LogisticPhase.model_construct(freeze="all", solver="logistic", C=[0.1, 1.0, 10.0])
    inputs: Any = SimpleNamespace(
        entry=SimpleNamespace(phases={"head": head, "thaw": SimpleNamespace(epochs=4)})
    )
    rows = [(name, Epoch(0.0, 0.0, 0.0, 0.0)) for name in ("head", "head", "thaw")]
    assert train._line(inputs, rows[:2]).startswith("C 1  ")
    assert train._line(inputs, rows).startswith("epoch 3/6 thaw ")
