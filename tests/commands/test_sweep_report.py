"""What a sweep says of its values."""

import numpy as np
import pytest

from frostline.commands import sweep_report
from frostline.commands.sweep_plan import SweepTraining
from frostline.commands.sweep_report import SweepOutcome
from frostline.evaluation import study_plots
from frostline.evaluation.study_plots import Variant


def outcome(value: str, right: list[bool], seconds: float) -> SweepOutcome:
    """One training with so many seconds that gets these images right."""
    hits = np.array(right)
    accuracy = study_plots.measured(float(hits.mean()), images=len(hits))
    variant = Variant(value, accuracy, epochs=1, trainable=1, feature_bytes=1, renderings=1, seconds=seconds)
    return SweepOutcome(SweepTraining(value, value, None), variant, (), (), hits)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("others", "taken"),
    [
        (
            [outcome("b", [True] * 18 + [False] * 2, 10.0)],
            "take b: ",
        ),  # 2 images more: no proof, and much cheaper
        ([outcome("b", [True] * 18 + [False] * 2, 39.0)], ""),  # no cheaper than noise
        ([outcome("b", [True] * 18 + [False] * 2, 31.0)], ""),  # fewer seconds than anybody would notice
        ([outcome("b", [True] * 15 + [False] * 5, 10.0)], ""),  # not significant, yet 5 images in 20
        ([outcome("b", [True] * 10 + [False] * 10, 10.0)], ""),  # worse
    ],
)
def test_of_equals_the_cheaper(others: list[SweepOutcome], taken: str) -> None:
    """What is within a standard error and clearly cheaper is named; nothing else is."""
    lines = sweep_report.verdict([outcome("a", [True] * 20, 40.0), *others])
    assert lines[0] == "most accurate: a"
    assert (
        any(line.startswith(taken) for line in lines) if taken else not any("take" in line for line in lines)
    )


def test_equals_have_no_winner() -> None:
    """Values that get as many images right are called equal, and the quickest to train is named."""
    right = [True] * 9 + [False]
    lines = sweep_report.verdict([outcome("0", right, 3.5), outcome("0.5", right[::-1], 1.6)])
    assert len(lines) == 1
    assert lines[0].endswith("equally: 0, 0.5; quickest to train: 0.5 (1.6 s)")
    alike = sweep_report.verdict([outcome("0", right, 1.7), outcome("0.5", right[::-1], 1.6)])
    assert [line.endswith("equally: 0, 0.5") for line in alike] == [True]


def test_over_seeds_what_was_trained_counts() -> None:
    """A solver's last value need not be the one it chose, and its values climb nowhere."""
    courses = np.array([[0.7, 0.9, 0.5], [0.7, 0.8, 0.5]])
    band = study_plots.Band("linear", courses, ("1", "2"), courses[:, 1], tried="C")
    line = sweep_report.course(band)
    assert line.startswith("linear: validation accuracy 85.0% ± ")
    assert "slope" not in line
    ends = sweep_report.course(study_plots.Band("cnn", courses, ("1", "2"), courses[:, -1]))
    assert "cnn: validation accuracy 50.0% ± 0.0" in ends
    assert "slope" in ends
