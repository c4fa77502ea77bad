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
from frostline.errors import InputError
from frostline.features.local_stream import Item, stream
from frostline.images import ImageError
from frostline.runtime.contract import UNKNOWN
from frostline.runtime.sessions import Session, open_session
from frostline.scoring import answer_rules
from frostline.scoring.rows import Scorer

if TYPE_CHECKING:
    import pandas as pd

COLUMN = "image"  # of the input: an image file's bytes, or their base64
OUTPUTS = ("status", "error", "label", "prob", "probs")  # and `unknown`, where the model tells it
SET = "prediction_set"  # where a coverage is asked for
# Of a request: the options of `frostline score`, and what counts where one is not given.
PARAMS = {"min_confidence": 0.0, "unknown": None, "coverage": None}
BATCH = 32
BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")


class Served:
    """A model on this machine's best device; `predict` is what MLflow calls."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def predict(self, table: "pd.DataFrame", params: dict[str, Any] | None = None) -> "pd.DataFrame":
        """A row per image: status, the reason of an error, the label, its probability, all probabilities.

        `table` has the column `image`; `probs` are in the order of the contract's classes, which
        MLmodel's metadata names; `unknown` (0 to 1) is there where the model tells it, `prediction_set` where
        a coverage is asked for. `params` are those of PARAMS, with the meaning that `frostline score` gives them; one
        that is out of range, or that the model cannot follow, is MLflow's INVALID_PARAMETER_VALUE. An image that
        cannot be read is a row, as in `frostline score`.
        """
        import pandas as pd

        given = {name: value for name, value in (params or {}).items() if value is not None}
        contents, scorer = list(table[COLUMN]), self._scorer({**PARAMS, **given})
        rows = [row for rows in self._rows(contents, scorer) for row in rows]
        more = {UNKNOWN: scorer.tells_unknown, SET: scorer.set_from is not None}
        names = (*OUTPUTS, *(name for name, there in more.items() if there))
        return pd.DataFrame({name: [row[name] for row in rows] for name in names}, dtype=object)

    def _scorer(self, asked: dict[str, Any]) -> Scorer:
        try:
            answer_rules.require_in_range(**{name: asked[name] for name in PARAMS})
            rule = answer_rules.rule(self.session, unknown=asked["unknown"], coverage=asked["coverage"])
        except InputError as error:
            from mlflow.exceptions import MlflowException

            raise MlflowException.invalid_parameter_value(str(error)) from None
        return Scorer(
            self.session.contract.classes,
            top_k=1,
            model=self.session.sha256,
            min_confidence=asked["min_confidence"],
            **rule,
        )

    def _rows(self, contents: list[Any], scorer: Scorer) -> Iterator[list[dict[str, Any]]]:
        contract = self.session.contract
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
