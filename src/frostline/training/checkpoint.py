"""Where a training stands after an epoch, kept in the cache under its key: killed, it goes on from there."""

import contextlib
import io
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import files, paths
from frostline.checksums import sealed, unsealed
from frostline.files import printable
from frostline.progress import note
from frostline.training.loop import Epoch

SECONDS = 1.0  # between two checkpoints: what a kill can cost

Arrays = list[npt.NDArray[Any]]


@dataclass(frozen=True)
class TrainingState:
    """Epochs so far, each with its phase's name; the model's variables; the state of the phase's fit."""

    epochs: list[tuple[str, Epoch]]
    variables: Arrays
    fit: Arrays


@dataclass
class Checkpoint:
    """The file of one training, by its key: recipe, data, weights, code and packages."""

    key: str
    written: float = 0.0

    @property
    def path(self) -> Path:
        """Its place in the cache."""
        return paths.cache() / "checkpoints" / self.key[:32] / "state.npz"

    def due(self) -> bool:
        """Whether the last one was written long enough ago."""
        return time.monotonic() - self.written >= SECONDS

    def write(self, state: TrainingState) -> None:
        """Replace the one before, in one step."""
        epochs = json.dumps([[phase, asdict(epoch)] for phase, epoch in state.epochs])
        arrays = {f"variable{number}": array for number, array in enumerate(state.variables)}
        arrays |= {f"fit{number}": array for number, array in enumerate(state.fit)}
        content = io.BytesIO()
        np.savez(content, epochs=np.array(epochs), **arrays)  # type: ignore[arg-type]
        with files.writing(self.path) as temporary:
            temporary.write_bytes(sealed(content.getvalue()))
        self.written = time.monotonic()

    def read(self) -> TrainingState | None:
        """What was written last; None where there is nothing, or, which is said, nothing whole."""
        try:
            content = unsealed(self.path.read_bytes())
        except OSError:
            return None
        if content is None:
            note(f"damaged in the cache: {printable(self.path)}; the training begins anew")
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            arrays = dict(found)
        epochs = json.loads(str(arrays.pop("epochs")))
        return TrainingState(
            epochs=[(phase, Epoch(**epoch)) for phase, epoch in epochs],
            variables=_numbered(arrays, "variable"),
            fit=_numbered(arrays, "fit"),
        )

    def remove(self) -> None:
        """The training is done: nothing is left to go on from."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
            self.path.parent.rmdir()


def _numbered(arrays: dict[str, npt.NDArray[Any]], name: str) -> Arrays:
    count = sum(key.startswith(name) for key in arrays)
    return [arrays[f"{name}{number}"] for number in range(count)]
