"""Plots: what they say, that it fits, and that nothing outside the figure is touched."""

import io
import itertools

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from frostline.errors import RANDOM_WEIGHTS
from frostline.evaluation import plots, style
from frostline.evaluation.solver_rows import SolverRows
from helpers.results import course


def texts(figure: Figure) -> list[str]:
    """All text that a figure shows, headings first."""
    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_text()]


def told(figure: Figure) -> str:
    """The same without its line breaks."""
    return " ".join(texts(figure))


def inside(figure: Figure) -> bool:
    """Nothing drawn reaches beyond the figure's edge (0.02 inches of slack)."""
    figure.draw_without_rendering()
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    return min(drawn.x0, drawn.y0, width - drawn.x1, height - drawn.y1) > -0.02


def confusion(matrix: np.ndarray, classes: list[str], *, note: str = "") -> Figure:
    return plots.confusion(np.asarray(matrix), classes, classifier="digits-cnn", note=note)


def test_confusion_says_what_is_seen() -> None:
    """The title counts, the subtitle names the three most frequent mistakes, the cells hold counts."""
    figure = confusion([[90, 10, 0], [3, 97, 0], [0, 0, 100]], ["cat", "dog", "élan"])
    said = texts(figure)
    assert "digits-cnn: test accuracy 95.7% (287/300)" in said
    assert "most frequent errors: cat predicted as dog (10), dog predicted as cat (3)" in told(figure)
    assert {"90", "10", "3", "97", "100"} <= set(said)
    assert "0" not in said
    assert figure.axes[0].get_ylabel() == "actual"


def test_perfect_confusion_names_no_mistake() -> None:
    """All right: no mistake is invented from an empty cell."""
    said = told(confusion([[1200, 0], [0, 31]], ["cat", "dog"]))
    assert "digits-cnn: test accuracy 100% (1,231/1,231)" in said
    assert "predicted as" not in said


def test_confusion_colours() -> None:
    """Right answers are blue, mistakes vermilion, deeper with their share; an empty cell is neither."""
    figure = confusion([[75, 24, 1], [0, 100, 0], [0, 0, 0]], ["a", "b", "c"])
    (image,) = figure.axes[0].images
    cells = np.asarray(image.get_array())
    np.testing.assert_allclose(cells[1, 1], to_rgb(style.RIGHT))
    assert cells[0, 0, 2] > cells[0, 0, 0]
    assert cells[0, 1, 0] > cells[0, 1, 2]
    assert cells[0, 2].sum() > cells[0, 1].sum()
    assert len({tuple(cells[2, column]) for column in range(3)} | {tuple(cells[1, 0])}) == 1


@pytest.mark.parametrize("note", ["", RANDOM_WEIGHTS])
@pytest.mark.parametrize(
    "classes",
    [
        ["cat", "dog"],
        ["$\\nosuch$", "a street with a very long and winding name indeed", "日本", "x\ny", "b"],
        [str(number) for number in range(10)],
        [f"species number {number}" for number in range(100)],
        [f"s{number}" for number in range(300)],
    ],
)
def test_confusion_fits(classes: list[str], note: str) -> None:
    """From 2 to 300 classes nothing is cut off, and random weights are said in the heading."""
    count = len(classes)
    figure = confusion(np.eye(count, dtype=np.int64) * 1234 + 1, classes, note=note)
    assert inside(figure)
    assert (RANDOM_WEIGHTS in texts(figure)) == bool(note)
    assert max(figure.get_size_inches()) < 18


@pytest.mark.parametrize(
    ("classes", "rotation", "labels"),
    [
        (["cat", "dog"], 0, 2),
        ([f"species number {n}" for n in range(30)], 90, 30),
        ([f"c{n}" for n in range(300)], 90, 100),
    ],
)
def test_class_names(classes: list[str], rotation: int, labels: int) -> None:
    """Names turn when they are longer than a cell, and thin out when there are too many."""
    axes = confusion(np.eye(len(classes), dtype=np.int64), classes).axes[0]
    ticks = axes.get_xticklabels()
    assert {tick.get_rotation() for tick in ticks} == {rotation}
    assert len(ticks) == labels
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [tick.get_text() for tick in ticks]


def test_many_classes_write_no_counts() -> None:
    """Cells too small for a number stay without one."""
    assert not confusion(np.eye(40, dtype=np.int64) * 7, [f"c{n}" for n in range(40)]).axes[0].texts


def test_curves_say_what_is_seen() -> None:
    """The title has the lowest validation loss and where, the subtitle the phases."""
    history = course(5, phases=("head", "head", "head", "thaw", "thaw"))
    history.val_loss[4] = 0.9
    figure = plots.curves(history, classifier="pets", note=RANDOM_WEIGHTS)
    said = texts(figure)
    assert "pets: lowest validation loss 0.55 (accuracy 76.3%) at epoch 4 of 5" in told(figure)
    assert "phases: head (epochs 1 to 3), thaw (epochs 4 to 5)" in said
    assert said.count("train") == said.count("validation") == 2
    assert RANDOM_WEIGHTS in said


def test_strengths_of_a_solver_are_named() -> None:
    """They are no epochs: the title, the phase and the axis say which values they are."""
    history = course(5)
    history.val_loss[3] = 0.1
    solved = SolverRows("C", (0.001, 0.01, 0.1, 1.0, 10.0))
    figure = plots.curves(history, classifier="pets", note="", solved=solved)
    assert "at C 1 of 5 values" in told(figure)
    assert "phase: head (C 0.001 to 10)" in texts(figure)
    assert "epoch" not in told(figure)
    assert {"0.001", "0.01"} <= set(texts(figure))
    history = course(4, phases=("head", "head", "thaw", "thaw"))
    history.val_loss[3] = 0.1
    figure = plots.curves(history, classifier="pets", note="", solved=SolverRows("C", (0.01, 0.1)))
    assert "at epoch 4 of 4" in told(figure)
    assert "head (C 0.01 to 0.1), thaw (epochs 3 to 4)" in told(figure)


@pytest.mark.parametrize("count", [1, 11, 50])
def test_many_strengths_fit(count: int) -> None:
    """Their names do not touch each other."""
    values = tuple(0.0001 * 1.3**number for number in range(count))
    figure = plots.curves(
        course(count, phases=("head",) * count), classifier="pets", note="", solved=SolverRows("C", values)
    )
    assert inside(figure)
    boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert not any(one.overlaps(other) for one, other in itertools.pairwise(boxes))


def test_curves_draw_the_figures() -> None:
    """Four lines hold the history's own numbers over epochs from 1; a boundary lies between epochs."""
    history = course(5, phases=("head", "head", "head", "thaw", "thaw"))
    loss, accuracy = plots.curves(history, classifier="pets", note="").axes
    drawn = [line for axes in (loss, accuracy) for line in axes.lines if len(line.get_xdata()) == 5]
    expected = (history.loss, history.val_loss, history.accuracy, history.val_accuracy)
    for line, figures in zip(drawn, expected, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3, 4, 5])
        np.testing.assert_array_equal(line.get_ydata(), figures)
    boundaries = [line.get_xdata()[0] for line in loss.lines if len(line.get_xdata()) == 2]
    assert boundaries == [3.5]


def test_one_phase_has_no_boundary() -> None:
    """A single phase is told in words, not drawn."""
    figure = plots.curves(course(4), classifier="pets", note="")
    assert [len(axes.lines) for axes in figure.axes] == [2, 2]
    assert "phase: head (epochs 1 to 4)" in texts(figure)


@pytest.mark.parametrize(
    "history",
    [
        course(1),
        course(200, phases=("a-quite-long-phase",) * 3 + ("head",) * 97 + ("thaw",) * 100),
        course(9, phases=tuple("abcdefghi")),
    ],
    ids=["one epoch", "a phase too short for its name", "a phase an epoch"],
)
def test_curves_fit(history) -> None:
    """Nothing is cut off, whatever the phases."""
    assert inside(
        plots.curves(history, classifier="a-classifier-whose-name-is-rather-long", note=RANDOM_WEIGHTS)
    )


@pytest.mark.parametrize("apart", [0.0, 1e-6, -1e-6, 0.004, -0.2])
def test_the_names_of_the_curves_never_overlap(apart: float) -> None:
    """Each other, where both end at the same figure; and they are inside the picture."""
    history = course(5)
    history.val_loss[-1] = history.loss[-1] + apart
    history.val_accuracy[-1] = history.accuracy[-1]
    figure = plots.curves(history, classifier="pets", note="")
    figure.draw_without_rendering()
    for axes in figure.axes:
        boxes = [
            text.get_window_extent() for text in axes.texts if text.get_text() in {"train", "validation"}
        ]
        assert len(boxes) == 2
        assert not boxes[0].overlaps(boxes[1])
        assert max(box.x1 for box in boxes) <= figure.bbox.width


def test_diverged_training_is_said() -> None:
    """NaN in every epoch makes a picture that says so, and no warning."""
    history = course(3)
    for name in ("loss", "val_loss"):
        getattr(history, name)[:] = np.nan
    figure = plots.curves(history, classifier="pets", note="")
    style.png(figure)
    assert "pets: validation loss was not finite in any of 3 epochs; training diverged" in told(figure)


def test_settings_of_the_process_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither do we change matplotlib's settings, nor do a user's change the picture."""
    plain = style.png(confusion([[5, 1], [0, 4]], ["a", "b"]))
    monkeypatch.setitem(mpl.rcParams, "font.size", 23.0)
    monkeypatch.setitem(mpl.rcParams, "axes.facecolor", "black")
    monkeypatch.setitem(mpl.rcParams, "savefig.dpi", 31)
    before = dict(mpl.rcParams)
    assert style.png(confusion([[5, 1], [0, 4]], ["a", "b"])) == plain
    assert dict(mpl.rcParams) == before


def test_png_carries_nothing_but_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """No software, no date, nothing transparent: the file is a function of the figure, which is drawn once."""
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "draw", lambda f, *a, draw=Figure.draw: drawn.append(f) or draw(f, *a))
    content = style.png(plots.curves(course(2), classifier="pets", note=""))
    assert len(drawn) == 1
    with Image.open(io.BytesIO(content)) as image:
        assert image.mode == "RGB"
        assert image.format == "PNG"
        assert set(image.info) <= {"dpi"}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["cat", "dog"], ["cat", "dog"]),
        (["$x$", "a_b"], ["$x$", "a_b"]),
        (["猫", "犬"], ["0 □", "1 □"]),
        (["a\nb", "ok"], ["0 a□b", "ok"]),
        (["x" * 26, "y" * 27], ["x" * 26, "y" * 12 + "…" + "y" * 13]),
        (["p" * 20 + "1" + "p" * 20, "p" * 20 + "2" + "p" * 20],
         ["0 " + "p" * 12 + "…" + "p" * 13, "1 " + "p" * 12 + "…" + "p" * 13]),
    ],
)  # fmt: skip
def test_names(given: list[str], shown: list[str]) -> None:
    """Names are drawable, short and still different."""
    assert style.names(given) == shown
    assert all(len(name) <= style.LONGEST + 4 for name in style.names(given))
