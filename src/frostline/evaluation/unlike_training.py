"""How unlike the training images each test image is: the file that train leaves for evaluate."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from frostline import arrow
from frostline.errors import FrostlineError, first_line
from frostline.evaluation.predictions import Predictions
from frostline.files import writing

SCHEMA = pa.schema([("path", pa.string()), ("unknown", pa.float32())])

Floats = npt.NDArray[np.float32]


def write(paths: Sequence[str], unknown: Floats, path: Path) -> None:
    """A row for each image: its path, and the share of images like the training ones that are nearer (N,); none where
    nothing is frozen.
    """
    table = pa.table([pa.array(paths, pa.string()), pa.array(unknown, pa.float32())], schema=SCHEMA)
    with writing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read(path: Path, test: Predictions, *, made_by: str) -> Floats | None:
    """(N,) in the order of `test`; None where nothing is frozen or an earlier frostline wrote no file.

    FrostlineError where it is of other images, or cannot be read.
    """
    if not path.is_file():
        return None
    try:
        table = arrow.read_parquet(path).cast(SCHEMA)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise FrostlineError(f"{path} cannot be read ({first_line(error)}); run `{made_by}` again") from None
    if not len(table):
        return None
    if tuple(table["path"].to_pylist()) != test.paths:
        raise FrostlineError(f"{path} is of other images than the dataset; run `{made_by}` again")
    return np.asarray(table["unknown"].to_numpy(), np.float32)
