"""Frozen layers as a transformer of scikit-learn: paths of images in, features out."""

import os
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from frostline.errors import InputError
from frostline.training.features import Location, read_file, rows_of
from frostline.training.frozen import LayerSelection, selection


class FrozenFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped bases
    """Paths of image files to what frozen layers make of them: the first step of a scikit-learn pipeline.

    Nothing is learnt: `fit` builds the layers, `transform` takes each image's row from the cache or computes it,
    so that cross-validation and searches compute features once. The arguments are those of `extract_features`.
    `unreadable` says what becomes of an image that cannot be read: `raise` an InputError, or a row of `nan`.

    After `fit`: `n_features_out_`, the numbers per image, and `note_`, what must stand beside every number that
    comes of them ("" for trained weights).
    """

    def __init__(  # noqa: PLR0913  # as extract_features
        self,
        *,
        classifier: str | None = None,
        weights: Location | None = None,
        backbone: str | None = None,
        size: int | tuple[int, int] | None = None,
        resize: Literal["squash", "crop", "pad"] | None = None,
        pooling: Literal["average", "max", "flatten"] | None = None,
        end_at: str | Sequence[str] | None = None,
        image_transform: Literal["backbone", "rescale"] | None = None,
        precision: Literal["float32", "bfloat16", "float16"] | None = None,
        project: Location | None = None,
        unreadable: Literal["raise", "nan"] = "raise",
    ) -> None:
        self.classifier = classifier
        self.weights = weights
        self.backbone = backbone
        self.size = size
        self.resize = resize
        self.pooling = pooling
        self.end_at = end_at
        self.image_transform = image_transform
        self.precision = precision
        self.project = project
        self.unreadable = unreadable

    def fit(self, X: Any, y: Any = None) -> "FrozenFeatures":  # noqa: ARG002, N803  # scikit-learn's names
        """Build the layers; `X` are N paths, of which nothing is learnt. InputError for anything else."""
        if self.unreadable not in ("raise", "nan"):
            raise InputError(f"unreadable {self.unreadable!r}: use raise or nan")
        _paths(X)
        frozen = self._layers().open()
        self.n_features_out_ = frozen.width
        self.note_ = frozen.note
        return self

    def transform(self, X: Any) -> npt.NDArray[np.float32]:  # noqa: N803
        """(N, D) float32 of N paths, in their order."""
        check_is_fitted(self)
        names, layers = _paths(X), self._layers()
        rows, unreadable = rows_of(names, read_file, layers.open(), layers.cache)
        if not unreadable:
            return rows
        if self.unreadable == "raise":
            name, reason = next(iter(unreadable.items()))
            raise InputError(f"{name}: {reason}; leave it out, or use unreadable='nan'")
        whole = np.full((len(names), rows.shape[1]), np.nan, np.float32)
        whole[[name not in unreadable for name in names]] = rows
        return whole

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:  # noqa: ARG002
        """(D,) names: frozenfeatures0, frozenfeatures1, …"""
        check_is_fitted(self)
        return np.array([f"frozenfeatures{number}" for number in range(self.n_features_out_)], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.no_validation = True  # no numbers come in
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _layers(self) -> LayerSelection:
        return selection(**{field.name: getattr(self, field.name) for field in fields(LayerSelection)})


def _paths(given: Any) -> list[str]:
    """The paths of a list, a column, or a table of one column; InputError for anything else."""
    column = np.asarray(given, dtype=object)
    if column.ndim == 2 and column.shape[1] == 1:
        column = column[:, 0]
    if column.ndim != 1:
        raise InputError(f"X has shape {column.shape}; give the paths of image files, one per row")
    if wrong := [path for path in column if not isinstance(path, str | os.PathLike)]:
        raise InputError(f"X holds {type(wrong[0]).__name__}; give the paths of image files, one per row")
    return [os.fspath(path) for path in column]
