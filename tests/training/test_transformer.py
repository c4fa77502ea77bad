"""FrozenFeatures by scikit-learn's own checks of estimators.

They feed rows of numbers, and FrozenFeatures takes paths; so each row is drawn into an image file, and the path is
handed on. All that the checks ask of fitting, cloning, pickling, order and subsets is asked of FrozenFeatures then.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from frostline import files
from frostline.errors import InputError
from frostline.training.transformer import FrozenFeatures
from helpers.networks import KERAS_COPIES

pytestmark = KERAS_COPIES
SIDE = 32
QUICK: dict[str, Any] = {
    "backbone": "mobilenet", "weights": "random", "size": SIDE, "end_at": "conv_pw_1_relu", "pooling": "average",
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FROSTLINE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def drawn(rows: npt.NDArray[Any]) -> list[str]:
    """Each row's bits as the pixels of an image file; equal rows, equal files."""
    folder = Path(os.environ["FROSTLINE_CACHE"]) / "drawn"
    return [str(_file(folder, np.ascontiguousarray(row, np.float64).tobytes())) for row in rows]


def _file(folder: Path, content: bytes) -> Path:
    path = folder / f"{files.sha256(content)[:32]}.png"
    if not path.is_file():
        pixels = np.resize(np.frombuffer(content, np.uint8), (SIDE, SIDE, 3))
        with files.writing(path) as temporary:
            Image.fromarray(pixels).save(temporary)
    return path


class DrawnRows(FrozenFeatures):  # type: ignore[misc]
    """Rows of numbers drawn into images, with scikit-learn's own check of numbers before."""

    def fit(self, X: Any, y: Any = None) -> "DrawnRows":  # noqa: N803
        return super().fit(drawn(validate_data(self, X)), y)

    def transform(self, X: Any) -> npt.NDArray[np.float32]:  # noqa: N803
        check_is_fitted(self)
        return np.asarray(super().transform(drawn(validate_data(self, X, reset=False))))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = tags.input_tags.string = tags.no_validation = False
        tags.input_tags.two_d_array = True
        return tags


@parametrize_with_checks([DrawnRows(**QUICK)])
def test_scikit_learn_s_checks(estimator: Any, check: Any) -> None:
    """Every check that there is for a transformer."""
    check(estimator)


def test_tags() -> None:
    """It says of itself that it takes one text per row and no numbers."""
    tags = FrozenFeatures().__sklearn_tags__().input_tags
    assert (tags.one_d_array, tags.two_d_array, tags.string) == (True, False, True)


@pytest.mark.parametrize("wrong", [np.zeros((3, 2)), [1.5, 2.5], [["a.png", "b.png"]], "a.png", None, [b"a"]])
def test_numbers_are_no_paths(wrong: Any) -> None:
    """Whatever is no list of paths, or one column of them, is refused."""
    with pytest.raises(InputError):
        FrozenFeatures(**QUICK).fit(wrong)


def test_a_column_of_a_data_frame() -> None:
    """As scikit-learn's ColumnTransformer hands it on: a Series, or a frame of one column."""
    import pandas as pd

    paths = drawn(np.arange(6.0).reshape(3, 2))
    wanted = FrozenFeatures(**QUICK).fit_transform(paths)
    frame = pd.DataFrame({"path": paths})
    assert (FrozenFeatures(**QUICK).fit_transform(frame["path"]) == wanted).all()
    assert (FrozenFeatures(**QUICK).fit_transform(frame[["path"]]) == wanted).all()


def test_a_wrong_rule_for_broken_images() -> None:
    """One of two words."""
    with pytest.raises(InputError, match="nan"):
        FrozenFeatures(**QUICK, unreadable="drop").fit([])  # type: ignore[arg-type]
