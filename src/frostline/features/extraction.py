"""Images to rows through the cache: decoded pixels, or what the trunk makes of them.

Both are one loop over an executor; only what is not stored yet is read, decoded and computed.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import files, images, paths
from frostline.config import Augmentation, Image
from frostline.datasets.known_images import KnownImages
from frostline.errors import FrostlineError
from frostline.features import backends, inventory, trunks
from frostline.features.executor import Block, Decode, Executor, Item, Network
from frostline.features.exported import UnfitError
from frostline.features.local_stream import stream
from frostline.models import augmentation
from frostline.progress import note, progress
from frostline.store import Rows, Store, open_store

BATCH = 32
STARTED = time.time()  # what this process has used since then is not pruned by it


@dataclass(frozen=True)
class Images:
    """Some images of a dataset: the folder or archive, paths in it, contents' ids, how to decode.

    `root` is opened only when something has to be read, and not at all where `read` gives a path's bytes. `cache`
    is where rows are kept, None: with the project around the current folder.
    """

    root: Path
    paths: Sequence[str]
    ids: Sequence[str]
    rule: Image
    cache: Path | None = None
    read: Callable[[str], bytes] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels of every decoded image."""
        return (self.rule.size.height, self.rule.size.width, 3)

    @property
    def decode_key(self) -> dict[str, Any]:
        """All that decides the pixels besides the file's bytes."""
        return {"decode": images.DECODE_VERSION, "shape": list(self.shape), "resize": self.rule.resize}


@dataclass(frozen=True)
class View:
    """The `number`-th random rendering under an augmentation; training counts them from 1, as 0 is the image itself."""

    augmentation: Augmentation
    number: int


def pixels(wanted: Images, *, view: View | None = None, executor: Executor = stream) -> Rows:
    """Decoded images, rows of (H, W, 3) uint8, in the order of `wanted`; with a view, that rendering of each."""
    store = open_store(
        "pixels", wanted.decode_key, shape=wanted.shape, dtype="uint8", cache=wanted.cache or paths.cache()
    )
    return _rows(
        wanted, store=store, begin=lambda: _as_they_are, decode=_decode(wanted, view), row_ids=_row_ids(wanted, view),
        executor=executor,
    )  # fmt: skip


def _as_they_are(batch: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.uint8]]:
    return {"rows": batch}


def features(  # noqa: PLR0913  # what a pass over images has
    wanted: Images,
    *,
    trunk: Any,
    key: dict[str, Any],
    view: View | None = None,
    executor: Executor = stream,
    unreadable: dict[str, str] | None = None,
) -> Rows:
    """What a trunk (a Keras model from pixels, or an OnnxTrunk) makes of images, in their order; rows of its dtype.

    `key` says what the trunk is (backbone, weights checksum, cut, ...): equal keys must mean equal
    functions. Rows of 16-bit floats are read as the equal float32. With a view, of that rendering of each image.
    `executor` does the work: the local one, or another that gives the same rows. An image that cannot be read is
    an error; where `unreadable` is given, its id and the reason go there, and it has no row.
    """
    shape, dtype = trunks.shape(trunk), trunks.dtype(trunk)
    for backend in backends.available(trunk, parallel=True):
        full = {**wanted.decode_key, **key, "framework": backend.name}
        store = open_store("features", full, shape=shape, dtype=dtype, cache=wanted.cache or paths.cache())
        with contextlib.suppress(UnfitError):
            return _rows(
                wanted, store=store, begin=partial(backend.open, store.folder), decode=_decode(wanted, view),
                row_ids=_row_ids(wanted, view), executor=executor, unreadable=unreadable,
            )  # fmt: skip
    raise RuntimeError("the last backend runs every trunk")


def features_together(
    wanted: Images,
    parts: Sequence[tuple[Any, dict[str, Any]]],
    *,
    whole: Any,
    view: View | None = None,
    executor: Executor = stream,
) -> None:
    """Fill the cache with what several Keras trunks make of images, in one pass; `features` then finds it there.

    `parts`: trunks with their keys; `whole`: a Keras model of the same layers from pixels, with an output for each.
    Images that fewer than two of them miss are left to `features`, and so is everything where the first batch is not
    the same to the bit as by each trunk alone, or an image cannot be read.
    """
    stores = [_store(wanted, trunk, key) for trunk, key in parts]
    row_ids = _row_ids(wanted, view)
    missing = [set(store.missing(row_ids)) for store in stores]
    place = {id_: index for index, id_ in reversed(list(enumerate(row_ids)))}
    todo = [place[id_] for id_ in dict.fromkeys(row_ids) if sum(id_ in some for some in missing) > 1]
    if not todo:
        return
    with (
        contextlib.suppress(UnfitError),
        contextlib.ExitStack() as stack,
        _reading(wanted) as read,
        progress(len(todo), f"features of {len(parts)} trunks") as advance,
    ):
        appends = [stack.enter_context(store.appending()) for store in stores]
        items = [
            Item(wanted.paths[index], partial(_read, read, wanted.paths[index], wanted.ids[index]))
            for index in todo
        ]
        network = backends.Together(whole, [trunk for trunk, _ in parts])
        for block in executor(items, decode=_decode(wanted, view), network=network, batch_size=BATCH):
            if any(block.errors):
                return
            ids = [row_ids[index] for index in todo[block.start : block.start + len(block.names)]]
            for number, append in enumerate(appends):
                some = [row for row, id_ in enumerate(ids) if id_ in missing[number]]
                append([ids[row] for row in some], block.outputs[str(number)][some])
            advance(len(ids))


def _store(wanted: Images, trunk: Any, key: dict[str, Any]) -> Store:
    """Where the rows of a trunk lie that Keras computes."""
    full = {**wanted.decode_key, **key, "framework": backends.available(trunk)[-1].name}
    shape, dtype = trunks.shape(trunk), trunks.dtype(trunk)
    return open_store("features", full, shape=shape, dtype=dtype, cache=wanted.cache or paths.cache())


def _row_ids(wanted: Images, view: View | None) -> Sequence[str]:
    """A plain image's row goes by its content; a view's also by how it was rendered."""
    if view is None:
        return wanted.ids
    # `views` counts them; it does not change what the n-th looks like.
    how = files.digest([view.augmentation.model_dump(exclude={"views"}), view.number])
    return [files.sha256(f"{id_}:{how}".encode()) for id_ in wanted.ids]


def _decode(wanted: Images, view: View | None) -> Callable[[bytes], npt.NDArray[np.uint8]]:
    height, width, _ = wanted.shape
    plain = partial(images.decode, height=height, width=width, resize=wanted.rule.resize)
    if view is None:
        return plain

    def rendered(content: bytes) -> npt.NDArray[np.uint8]:
        name = files.sha256(content)
        return augmentation.render(plain(content), view.augmentation, content=name, view=view.number)

    return rendered


def _rows(  # noqa: PLR0913  # what a pass over images has
    wanted: Images,
    *,
    store: Store,
    begin: Callable[[], Network],
    decode: Decode,
    row_ids: Sequence[str],
    executor: Executor,
    unreadable: dict[str, str] | None = None,
) -> Rows:
    place = {id_: index for index, id_ in reversed(list(enumerate(row_ids)))}
    todo = [place[id_] for id_ in store.missing(row_ids)]
    if todo:
        network = begin()
        ids = [row_ids[index] for index in todo]
        with (
            _reading(wanted) as read,
            store.appending() as append,
            progress(len(todo), store.folder.parent.name) as advance,
        ):
            items = [
                Item(wanted.paths[index], partial(_read, read, wanted.paths[index], wanted.ids[index]))
                for index in todo
            ]
            size = getattr(network, "batch_size", BATCH)
            blocks = executor(items, decode=decode, network=network, batch_size=size)
            for block_ids, block_rows in _computed(blocks, ids, unreadable):
                append(block_ids, block_rows)
                advance(len(block_ids))
    rows = store.rows([id_ for id_ in row_ids if id_ not in unreadable] if unreadable else row_ids)
    if todo and (warning := inventory.keep_limit(wanted.cache or paths.cache(), since=STARTED)):
        note(f"note: {warning}")
    return rows


def _computed(
    blocks: Iterator[Block], ids: Sequence[str], unreadable: dict[str, str] | None
) -> Iterator[tuple[Sequence[str], npt.NDArray[Any]]]:
    for block in blocks:
        some = ids[block.start : block.start + len(block.names)]
        wrong = {place: error for place, error in enumerate(block.errors) if error}
        if not wrong:
            yield some, block.outputs["rows"]
            continue
        if unreadable is None:
            place, error = next(iter(wrong.items()))
            raise FrostlineError(
                f"{block.names[place]}: {error}, though preprocess could read it; run `dvc repro` again"
            )
        unreadable.update({some[place]: error for place, error in wrong.items()})
        if good := [place for place in range(len(some)) if place not in wrong]:
            yield [some[place] for place in good], block.outputs["rows"][good]


@contextlib.contextmanager
def _reading(wanted: Images) -> Iterator[Callable[[str], bytes]]:
    """How a path's bytes are read."""
    if wanted.read is not None:
        yield wanted.read
        return
    with KnownImages(wanted.root) as source:
        yield source.read


def _read(read: Callable[[str], bytes], path: str, digest: str) -> bytes:
    """The bytes of one image, proven to be those that the manifest speaks of."""
    content = read(path)
    if files.sha256(content) != digest:
        raise FrostlineError(f"{path} has changed since preprocess; run `dvc repro` again")
    return content
