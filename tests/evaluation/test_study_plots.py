"""Learning curves of several seeds: a band where it says something, else a line for each seed."""

import dataclasses

import numpy as np
import pytest

from frostline.evaluation import study_plots, style
from frostline.evaluation.study_plots import Band


def band(name: str, seeds: int) -> Band:
    """Courses that all differ."""
    courses = np.random.default_rng(len(name)).uniform(0.4, 0.9, (seeds, 12))
    return Band(name, courses, tuple(map(str, range(seeds))), courses[:, -1])


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("classifiers", [1, 2])
def test_few_seeds_are_drawn_one_by_one(seeds: int, classifiers: int) -> None:
    """Each by its own line, named, and no two alike; what is drawn is what was measured."""
    curves = [band(name, seeds) for name in ("frozen", "cnn")[:classifiers]]
    [axes] = study_plots.bands(curves, title="scenes", note="").axes
    assert len(axes.lines) == seeds * classifiers
    courses = [course for each in curves for course in each.accuracy]
    for line, course in zip(axes.lines, courses, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), course)
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.lines}
    assert len(looks) == len(courses)
    named = [text.get_text() for text in axes.get_legend().get_texts()]
    assert named == [f"{each.name}, seed {seed}" for each in curves for seed in each.seeds]


def test_more_seeds_are_a_band() -> None:
    """Around their mean."""
    curves = [band("frozen", 3), band("cnn", 3)]
    figure = study_plots.bands(curves, title="scenes", note="")
    [axes] = figure.axes
    assert (len(axes.lines), len(axes.collections)) == (2, 2)
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), curves[0].mean)
    assert "band: its 95% interval" in " ".join(text.get_text() for text in figure.texts)
    assert style.png(figure).startswith(b"\x89PNG")


def test_a_solvers_values_are_no_epochs() -> None:
    """The axis says what its points are."""
    epochs, tried = band("cnn", 2), dataclasses.replace(band("linear", 2), tried="C")
    assert [study_plots.by(some) for some in ([epochs], [tried], [epochs, tried])] == [
        "epoch", "C, by number of its value", "C, by number of its value or epoch",
    ]  # fmt: skip
    [axes] = study_plots.bands([tried], title="scenes", note="").axes
    assert axes.get_xlabel() == "C, by number of its value"
