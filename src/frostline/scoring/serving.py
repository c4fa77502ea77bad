"""How MLflow runs an exported model: image files in, the rows of `frostline score` out.

`mlflow models serve` and `mlflow.pyfunc.load_model` call `_load_pyfunc`. The model's folder in MLflow
holds this module and what it imports, so that a server needs neither frostline nor the pipeline.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frostline import images
from frostline.features.local_stream import Item, stream
from frostline.images import ImageError
from frostline.runtime.contract import UNKNOWN
from frostline.runtime.sessions import Session, open_session
from frostline.scoring.rows import Scorer

if TYPE_CHECKING:
    import pandas as pd

COLUMN = "image"  # of the input: an image file's bytes, or their base64
OUTPUTS = ("status", "error", "label", "prob", "probs")  # and `unknown`, where the model tells it
BATCH = 32
BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")


class Served:
    """A model on this machine's best device; `predict` is what MLflow calls."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def predict(self, table: "pd.DataFrame", params: dict[str, Any] | None = None) -> "pd.DataFrame":  # noqa: ARG002
        """A row per image: status ok or error, the reason, the label, its probability, all probabilities.

        `table` has the column `image`; `probs` are in the order of the contract's classes, which
        MLmodel's metadata names; `unknown` (0 to 1) is there where the model tells it. An image that cannot be read is
        a row, as in `frostline score`.
        """
        import pandas as pd

        contents = list(table[COLUMN])
        rows = [row for rows in self._rows(contents) for row in rows]
        names = (*OUTPUTS, UNKNOWN) if self._tells_unknown else OUTPUTS
        return pd.DataFrame({name: [row[name] for row in rows] for name in names}, dtype=object)

    @property
    def _tells_unknown(self) -> bool:
        return UNKNOWN in self.session.outputs

    def _rows(self, contents: list[Any]) -> Iterator[list[dict[str, Any]]]:
        contract = self.session.contract
        scorer = Scorer(
            contract.classes, top_k=1, model=self.session.sha256, tells_unknown=self._tells_unknown
        )
        items = (Item(str(number), _reader(content)) for number, content in enumerate(contents))
        blocks = stream(
            items,
            decode=lambda content: images.decode(
                content, height=contract.height, width=contract.width, resize=contract.resize
            ),
            network=self.session.run,
            batch_size=(size := max(1, min(BATCH, len(contents)))),
            patience=self.session.patience(size),
        )
        for block in blocks:
            yield scorer.table(block).to_pylist()


def _reader(content: Any) -> Callable[[], bytes]:
    """The image file's bytes, when they are asked for: a value that holds none is that row's error."""

    def read() -> bytes:
        if isinstance(content, str):
            return _decoded("".join(content.split()).encode("ascii", "replace"))
        if not isinstance(content, bytes | bytearray | memoryview):
            raise ImageError(f"neither bytes nor base64: {type(content).__name__}")
        # Some of MLflow's request forms hand base64 on as it came; no image file is all letters and digits.
        return _decoded(bytes(content)) if BASE64.fullmatch(content) else bytes(content)

    return read


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ImageError("not base64") from None


def _load_pyfunc(path: str) -> Served:
    """MLflow's entry: the model file at `path`, or in that folder."""
    return Served(open_session(Path(path), device="auto"))
