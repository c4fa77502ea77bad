"""Which class is explained, by which classifier, and on which grid."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frostline.errors import InputError
from frostline.scoring import explanation

CLASSES = ("cat", "dog")


def even(batch: Any) -> Any:
    """A network that never decides."""
    return np.full((len(batch), 2), 0.5, np.float32)


def test_class_number() -> None:
    """By its name; the model's classes where it has none of that name."""
    assert [explanation.class_number(label, CLASSES) for label in (None, "dog")] == [None, 1]
    with pytest.raises(InputError, match="cat, dog"):
        explanation.class_number("cow", CLASSES)


def test_a_file_alone_has_no_project(tmp_path: Path) -> None:
    """Wherever it lies."""
    for path in (Path("/model.onnx"), tmp_path / "artifacts/models/x/model.onnx"):
        assert explanation.project_of(path, None) is None  # type: ignore[arg-type]  # not read


@pytest.mark.parametrize("cells", [1, 9, 65])
def test_a_grid_that_does_not_fit(cells: int) -> None:
    """At least four cells, none smaller than a pixel."""
    with pytest.raises(InputError, match=f"cells={cells}"):
        explanation.by_occlusion(even, CLASSES, np.zeros((8, 9, 3), np.uint8), 0, cells=cells)


def test_occlusion_of_a_class() -> None:
    """Its label and probability; no heat where nothing changes."""
    found = explanation.by_occlusion(even, CLASSES, np.zeros((8, 9, 3), np.uint8), 1, cells=3)
    assert (found.label, found.prob, found.method, found.drop) == ("dog", 0.5, "occlusion", 0)
    assert found.heat.shape == (3, 3)
