"""Features of any images below the frost line, as arrays, from the cache that training uses."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from frostline import files, memory, system
from frostline.datasets import labels
from frostline.datasets.archives import check_size
from frostline.datasets.source import ImageSource, open_source
from frostline.errors import InputError
from frostline.features import extraction
from frostline.files import printable
from frostline.images import ImageError
from frostline.training.frozen import LOCK, FrozenTrunk, selection

Location = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class Features:
    """What frozen layers make of N images.

    `paths`: each image's name in its folder or archive, or as it was given. `features`: (N, D) float32, in the
    order of `paths`. `labels` and `splits`: (N,) text, the class and the given split ("" for none) by the
    folders or the table beside them; None where they do not tell. `unreadable`: path → why it has no row.
    `note` is what must stand beside every number that comes of them; "" for trained weights.
    """

    paths: tuple[str, ...]
    features: npt.NDArray[np.float32]
    labels: npt.NDArray[np.str_] | None
    splits: npt.NDArray[np.str_] | None
    unreadable: dict[str, str] = field(default_factory=dict)
    note: str = ""

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        classes = "no labels" if self.labels is None else f"{len(set(self.labels))} classes"
        parts = [f"{len(self)} images, {self.features.shape[1]} numbers each", classes]
        if self.unreadable:
            parts.append(f"{len(self.unreadable)} unreadable")
        return f"Features({'; '.join([*parts, *filter(None, [self.note])])})"


def extract_features(  # noqa: PLR0913  # what decides a feature
    photos: Location | Sequence[Location],
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
) -> Features:
    """What frozen layers make of photos, cached by each photo's content: computed once, then read.

    `photos`: a folder or archive, whose class folders (or table of labels) give labels, or a list of image files.
    The layers are those of a trained `classifier` of the project: below its last freeze point, the very rows that
    its training took; or those of an entry of the project's `weights`; or those of a `backbone` with `weights`: a
    Keras weights file, `imagenet` (the default, downloaded by Keras) or `random` (a smoke test only). The network of an
    ONNX file has to be an entry. `project`: its folder, None: the one around the current folder, if there is one; its
    cache is used.

    For weights or a backbone: `size` in pixels, or (height, width), (default: of its ImageNet images), `resize`
    (squash), `pooling` (average), `end_at` a layer, or several (None: the last), `image_transform` of the pixels
    (backbone: what it was trained with), `precision` (float32); they mean what they mean in params.yaml.

    A photo that cannot be read is in `unreadable` and has no row. InputError for what was given wrongly.
    """
    memory.spare_pandas()
    layers = selection(
        classifier=classifier,
        weights=weights,
        backbone=backbone,
        size=size,
        resize=resize,
        pooling=pooling,
        end_at=end_at,
        image_transform=image_transform,
        precision=precision,
        project=project,
    )
    with _opened(photos) as (names, read, known):
        frozen = layers.open()
        rows, unreadable = rows_of(names, read, frozen, layers.cache)
        readable = [place for place, name in enumerate(names) if name not in unreadable]
    return Features(
        paths=tuple(names[place] for place in readable),
        features=rows,
        labels=None if known is None else np.array([known[place].label for place in readable], dtype=np.str_),
        splits=None if known is None else np.array([known[place].split for place in readable], dtype=np.str_),
        unreadable=unreadable,
        note=frozen.note,
    )


def rows_of(
    names: Sequence[str], read: Callable[[str], bytes], frozen: FrozenTrunk, cache: Path
) -> tuple[npt.NDArray[np.float32], dict[str, str]]:
    """(N, D) features of the readable images, in the order of their names, and name → reason of the others."""
    with ThreadPoolExecutor(2 * system.processors()) as threads:
        hashed = dict(zip(names, threads.map(partial(_hashed, read), names), strict=True))
    unreadable = {name: value for name, (value, good) in hashed.items() if not good}
    ids = {name: value for name, (value, good) in hashed.items() if good}
    some = extraction.Images(Path(), list(ids), list(ids.values()), frozen.rule, cache=cache, read=read)
    wrong: dict[str, str] = {}
    with LOCK:
        rows = extraction.features(some, trunk=frozen.trunk, key=frozen.key, unreadable=wrong)
    unreadable |= {name: wrong[id_] for name, id_ in ids.items() if id_ in wrong}
    place = {name: number for number, name in enumerate(name for name in ids if name not in unreadable)}
    order = np.array([place[name] for name in names if name in place], np.int64)
    if not len(order):
        return np.zeros((0, frozen.width), np.float32), unreadable
    return np.asarray(rows[order].reshape(len(order), frozen.width), np.float32), unreadable


def _hashed(read: Callable[[str], bytes], name: str) -> tuple[str, bool]:
    """A file's hash and True, or why it cannot be read and False."""
    try:
        return files.sha256(read(name)), True
    except ImageError as error:
        return str(error), False
    except OSError as error:
        return f"cannot be read: {error.strerror or error}", False


def read_file(name: str) -> bytes:
    """The bytes of one image file."""
    path = Path(name)
    check_size(path.stat().st_size)
    return path.read_bytes()


@contextmanager
def _opened(
    photos: Location | Sequence[Location],
) -> Iterator[tuple[Sequence[str], Callable[[str], bytes], Sequence[Any] | None]]:
    """Names, how to read one, and its label and split where they are known."""
    if not isinstance(photos, str | os.PathLike):
        yield [os.fspath(photo) for photo in photos], read_file, None
        return
    if not os.fspath(photos):
        raise InputError("the name of the photos is empty; give a folder, an archive or a list of paths")
    path = Path(photos)
    with open_source(path) as source:
        if not len(source.names()):
            raise InputError(f"no images in {printable(path)}; name a folder or an archive that has some")
        known = _labelled(source, path)
        yield (source.names() if known is None else [image.name for image in known]), source.read, known


def _labelled(source: ImageSource, path: Path) -> Sequence[Any] | None:
    """Labels by a table or folders; None where the folders are no classes. A table that is wrong is an error."""
    if source.notes.tables:
        return labels.read(source, path)
    try:
        return labels.read(source, path)
    except InputError:
        return None
