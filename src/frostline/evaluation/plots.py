"""Confusion matrix and training curves: pure functions to matplotlib Figures. Nothing here saves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from frostline.evaluation.history import History
from frostline.evaluation.solver_rows import SolverRows
from frostline.evaluation.style import INK, MUTED, PAPER, RIGHT, WRONG, canvas, names, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NARROW = 5.0  # inches: readable on a phone
_COUNTED = 20  # more classes than this: cells too small to hold their count
_PANEL = 50  # characters that a panel of curves is wide
_LABELLED = 120  # more classes than this: only some named


@styled
def confusion(matrix: np.ndarray, classes: Sequence[str], *, classifier: str, note: str) -> "Figure":
    """Confusion matrix, (C, C) counts, row = actual: correct ones blue, errors vermilion.

    A cell's depth is its share of the row, by its square root, so that one mistake in a hundred shows
    too.
    """
    drawn = names(classes)
    side = float(np.clip(0.52 * len(drawn), 2.6, 12.0))
    label = max(len(name) for name in drawn) * 0.075
    figure = canvas(
        width=max(_NARROW, side + label + 1.4),
        height=side + min(label, 2.2) + 0.6,
        title=_confusion_title(matrix, classifier),
        subtitle=_confusion_subtitle(matrix, drawn),
        note=note,
    )
    axes = figure.add_subplot()
    axes.imshow(_cell_colours(matrix), interpolation="nearest")
    axes.set(xlabel="predicted", ylabel="actual")
    axes.spines[:].set_visible(False)
    _name_ticks(axes, drawn, cell=side / len(drawn))
    if len(drawn) <= _COUNTED:
        _write_counts(axes, matrix, cell=side / len(drawn))
    return figure


@styled
def curves(history: History, *, classifier: str, note: str, solved: SolverRows | None = None) -> "Figure":
    """Loss and accuracy over the epochs, train and validation, with the phases' boundaries.

    `solved`: the first points are the strengths that a solver tried, each a head of its own.
    """
    solved = solved or SolverRows()
    figure = canvas(
        width=_NARROW,
        height=6.0,
        title=_curves_title(history, classifier, solved),
        subtitle=_phases(history, solved),
        note=note,
    )
    figure.get_layout_engine().set(h_pad=0.12)  # type: ignore[union-attr, call-arg]
    loss, accuracy = figure.subplots(2, 1)
    _curve(loss, "loss (nats)", train=history.loss, validation=history.val_loss)
    _curve(accuracy, "accuracy", train=history.accuracy, validation=history.val_accuracy)
    if solved.values:
        for axes in (loss, accuracy):
            _name_strengths(axes, solved, rows=len(history))
    accuracy.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%" if value <= 1 else "")
    for axes in (loss, accuracy):
        _mark_phases(axes, history)
    return figure


def _confusion_title(matrix: np.ndarray, classifier: str) -> str:
    total, right = int(matrix.sum()), int(np.trace(matrix))
    if right == total:
        return f"{classifier}: test accuracy 100% ({total:,}/{total:,})"
    return f"{classifier}: test accuracy {right / total:.1%} ({right:,}/{total:,})"


def _confusion_subtitle(matrix: np.ndarray, drawn: Sequence[str]) -> str:
    mistakes = np.where(np.eye(len(matrix), dtype=bool), 0, matrix)
    if not mistakes.any():
        return "blue: correct; no errors"
    most = np.argsort(-mistakes, axis=None, kind="stable")[:3].tolist()
    places = [divmod(cell, len(matrix)) for cell in most if mistakes.flat[cell]]
    pairs = ", ".join(
        f"{drawn[actual]} predicted as {drawn[predicted]} ({mistakes[actual, predicted]:,})"
        for actual, predicted in places
    )
    how = "blue: correct, orange: errors; the darker, the larger the share of that actual class"
    return f"most frequent errors: {pairs}\n{how}"


def _cell_colours(matrix: np.ndarray) -> np.ndarray:
    """(C, C, 3) float RGB in 0..1; an empty cell is white."""
    from matplotlib.colors import to_rgb

    share = np.sqrt(matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1))[..., None]
    hue = np.where(np.eye(len(matrix), dtype=bool)[..., None], to_rgb(RIGHT), to_rgb(WRONG))
    empty = np.array(to_rgb("#F5F6F8"))
    return np.where(share > 0, 1 - (0.12 + 0.88 * share) * (1 - hue), empty)


def _name_ticks(axes: "Axes", drawn: Sequence[str], *, cell: float) -> None:
    """Class names on both axes; turned when longer than their cell, thinned when too many."""
    every = max(1, -(-len(drawn) // _LABELLED))
    at = np.arange(0, len(drawn), every)
    size = float(np.clip(cell * every * 72 * 0.62, 4.5, 9.0))
    wide = max(len(name) for name in drawn) * size * 0.62 / 72 > cell * every * 0.95
    shown = drawn[::every]
    axes.set_xticks(at, shown, rotation=90 if wide else 0, size=size, color=INK)
    axes.set_yticks(at, shown, size=size, color=INK)
    if cell > 0.2:
        edges = np.arange(len(drawn) + 1) - 0.5
        axes.set_xticks(edges, minor=True)
        axes.set_yticks(edges, minor=True)
        axes.tick_params(which="minor", length=0)
        axes.grid(which="minor", color=PAPER, linewidth=1.5)


def _write_counts(axes: "Axes", matrix: np.ndarray, *, cell: float) -> None:
    """Each count in its cell of `cell` inches, no wider than the cell."""
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    for row, column in np.argwhere(matrix > 0):
        text = f"{matrix[row, column]:,}"
        size = min(9.5, 0.85 * cell * 72 / (0.62 * len(text)))
        ink = PAPER if share[row, column] > 0.3 else INK
        axes.text(column, row, text, ha="center", va="center", color=ink, size=size)


def _name_strengths(axes: "Axes", solved: SolverRows, *, rows: int) -> None:
    """Strengths in place of numbers of epochs; a few of those for which there is no room."""
    strengths = [f"{value:g}" for value in solved.values]
    labels = [*strengths, *(f"{row + 1}" for row in range(len(strengths), rows))]
    every = -(-sum(len(label) + 2 for label in labels) // _PANEL)
    axes.set_xticks(range(1, rows + 1, every), labels[::every], size=8)
    then = ", then epoch" if rows > len(solved.values) else ""
    axes.set_xlabel(f"{solved.name} of the head{then}")


def _curves_title(history: History, classifier: str, solved: SolverRows) -> str:
    epochs = len(history)
    if not np.isfinite(history.val_loss).any():
        return f"{classifier}: validation loss was not finite in any of {epochs} epochs; training diverged"
    best = int(np.nanargmin(history.val_loss))
    figures = f"{history.val_loss[best]:.3g} (accuracy {history.val_accuracy[best]:.1%})"
    tried = f"{epochs} values" if epochs == len(solved.values) else f"{epochs}"
    return f"{classifier}: lowest validation loss {figures} at {solved.label(best)} of {tried}"


def _phases(history: History, solved: SolverRows) -> str:
    spans = history.spans
    named = ", ".join(f"{name} ({solved.span(start - 1, end - 1)})" for name, start, end in spans)
    return f"{'phase' if len(spans) == 1 else 'phases'}: {named}"


def _curve(axes: "Axes", title: str, *, train: np.ndarray, validation: np.ndarray) -> None:
    """Two lines, each named at its end rather than in a legend."""
    epochs = np.arange(1, len(train) + 1)
    axes.set_title(title, pad=17)
    axes.set_xlabel("epoch")
    axes.grid(axis="y")
    axes.set_xlim(min(0.5, 1 - 0.02 * len(epochs)), len(epochs) + max(0.5, 0.02 * len(epochs)))
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)  # type: ignore[call-arg]
    axes.yaxis.get_major_locator().set_params(nbins=6)  # type: ignore[call-arg]
    for name, figures, colour in (("train", train, MUTED), ("validation", validation, RIGHT)):
        axes.plot(epochs, figures, color=colour, marker="o" if len(epochs) <= 25 else "", markersize=3.5)
        ends = (_last(figures), _last(train if figures is validation else validation))
        above = ends[0] > ends[1] or (ends[0] == ends[1] and figures is validation)
        axes.annotate(
            name,
            (1.0, _last(figures)),
            xycoords=("axes fraction", "data"),
            xytext=(3, 5 if above else -5),
            textcoords="offset points",
            color=colour,
            va="center",
            annotation_clip=False,
        )


def _last(figures: np.ndarray) -> float:
    """The last that is a number, 0 where none is."""
    finite = figures[np.isfinite(figures)]
    return float(finite[-1]) if len(finite) else 0.0


def _mark_phases(axes: "Axes", history: History) -> None:
    """A dashed line where a phase begins, its name above it where there is room; one alone needs none."""
    spans = history.spans if len(history.spans) > 1 else []
    for index, (name, start, end) in enumerate(spans):
        if index:
            axes.axvline(start - 0.5, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        left = max(axes.get_xlim()[0], start - 0.5)
        if len(name) > (end + 0.5 - left) / len(history) * _PANEL:
            continue
        axes.annotate(
            name,
            (left, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(1, 2),
            textcoords="offset points",
            color=MUTED,
            size=8,
        )
