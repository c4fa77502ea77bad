"""The course of training: one row per epoch, counted through all phases."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frostline.errors import FrostlineError
from frostline.files import write_text

FIGURES = ("loss", "accuracy", "val_loss", "val_accuracy")
COLUMNS = ("epoch", "phase", *FIGURES)


@dataclass(frozen=True, eq=False)
class History:
    """E epochs, numbered from 1: the phase each belongs to, and (E,) float64 arrays.

    A figure that was no number stays NaN; it shows as a gap in the curve.
    """

    phases: tuple[str, ...]
    loss: np.ndarray
    accuracy: np.ndarray
    val_loss: np.ndarray
    val_accuracy: np.ndarray

    def __len__(self) -> int:
        return len(self.phases)

    @property
    def spans(self) -> list[tuple[str, int, int]]:
        """Each phase's name with its first and last epoch, in order."""
        starts = [i for i in range(len(self)) if i == 0 or self.phases[i] != self.phases[i - 1]]
        ends = [*starts[1:], len(self)]
        return [(self.phases[start], start + 1, end) for start, end in zip(starts, ends, strict=True)]


def write(history: History, path: Path) -> None:
    """Write as CSV, floats in their shortest exact form."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for index, phase in enumerate(history.phases):
        figures = [repr(float(getattr(history, name)[index])) for name in FIGURES]
        rows.writerow([index + 1, phase, *figures])
    write_text(path, text.getvalue())


def read(path: Path, *, made_by: str) -> History:
    """Read and check a history; any trouble is an error naming the stage to run again."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
        return _from_rows(rows)
    except FileNotFoundError:
        raise FrostlineError(f"{path} is missing; run `{made_by}`") from None
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise FrostlineError(f"{path} is not a training history ({error}); run `{made_by}` again") from None


def _from_rows(rows: list[dict[str, str]]) -> History:
    if not rows:
        raise ValueError("no epochs")
    if [row["epoch"] for row in rows] != [str(number) for number in range(1, len(rows) + 1)]:
        raise ValueError(f"epochs do not count from 1 to {len(rows)}")
    columns = {name: np.array([float(row[name]) for row in rows]) for name in FIGURES}
    return History(phases=tuple(row["phase"] for row in rows), **columns)
