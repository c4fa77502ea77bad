"""What `datasets.scan` finds out about images, by an executor: the actors of a Ray cluster read, hash and decode."""

import contextlib
import hashlib
import pickle
from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

from frostline.datasets.image_stats import ImageStats, image_stats
from frostline.datasets.scan import Examine, ExaminedImage, OpenExamine
from frostline.datasets.source import ImageSource
from frostline.features import ray_stream
from frostline.features.executor import Executor, Item

BATCH = 32
_ROW = 8192  # bytes of an image's row: thumbnail and hashes take 4,176, a reason a few words


def opener(engine: str = "local", ray_address: str | None = None) -> OpenExamine | None:
    """What joins the cluster that `engine` and `ray_address` name; None where images are examined in this process.

    InputError for options that contradict each other.
    """
    ray_stream.require_engine(engine, ray_address)
    return None if engine == "local" else partial(_opened, ray_address)


@contextlib.contextmanager
def _opened(ray_address: str | None) -> Iterator[Examine]:
    with ray_stream.open_executor("ray", ray_address, gpu=False) as executor:
        yield partial(examine, executor=executor)


def examine(
    source: ImageSource, names: Iterable[str], measure: bool, *, executor: Executor
) -> Iterator[ExaminedImage]:
    """The named images in order; each is read from the source's path, wherever the executor works."""
    items = (Item(name, partial(source.read, name)) for name in names)
    blocks = executor(items, decode=partial(_packed, measure=measure), network=_as_they_are, batch_size=BATCH)
    for block in blocks:
        for place, error in enumerate(block.errors):
            yield (
                ExaminedImage(b"", 0, error, ImageStats())
                if error
                else _unpacked(block.outputs["rows"][place])
            )


def _packed(content: bytes, *, measure: bool) -> npt.NDArray[np.uint8]:
    """What is known of an image as a row of one length, which is all that an executor moves."""
    found = ExaminedImage(
        hashlib.sha256(content).digest(), len(content), "", image_stats(content, measure=measure)
    )
    return np.frombuffer(pickle.dumps(found).ljust(_ROW, b"\0"), np.uint8)


def _unpacked(row: npt.NDArray[np.uint8]) -> ExaminedImage:
    found: ExaminedImage = pickle.loads(row.tobytes())
    return found


def _as_they_are(batch: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.uint8]]:
    return {"rows": batch}
