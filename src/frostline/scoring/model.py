"""An exported model in Python: the same answers as `frostline score`, for paths, arrays and folders."""

import contextlib
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from frostline import memory
from frostline.errors import FrostlineError, InputError
from frostline.features.executor import Block
from frostline.files import printable
from frostline.images import ImageError
from frostline.runtime import foreign_models
from frostline.runtime.contract import FEATURES, to_values
from frostline.runtime.foreign_models import ForeignModel
from frostline.runtime.sessions import Session, open_session
from frostline.scoring import explanation, model_path, python_inputs
from frostline.scoring.explanation import CELLS, Explanation
from frostline.scoring.plan import Options, answer_rule
from frostline.scoring.python_inputs import Batches, Image, Images
from frostline.scoring.rows import Scorer
from frostline.scoring.score_table import Scores
from frostline.scoring.sources import Source

Device = Literal["auto", "cpu", "openvino", "cuda", "tensorrt"]
Precision = Literal["auto", "float32", "bfloat16", "float16", "int8"]
Location = str | os.PathLike[str]


def open_model(  # noqa: PLR0913  # the options of the command
    model: Location,
    *,
    device: Device = "auto",
    precision: Precision = "auto",
    batch_size: int | None = None,
    threads: int | None = None,
    contract: Location | None = None,
) -> "Model":
    """Open an exported model: a `model.onnx`, a classifier of the project here, or `models:/NAME@champion`.

    `device` is where it runs; `auto` takes the fastest that works here. `precision` `auto` is
    float32. `batch_size` images go through the network at once; None measures what is fastest, some seconds
    when a model is first used on a machine, and remembers it, as `frostline score` does. Fewer
    images than that take as long as a whole batch: to predict one image at a time, give 1. `threads` of the
    processor, None: all. `contract` is the JSON description of a model that frostline did not export.

    InputError for a model or an option that there is not, FrostlineError where the device does not work.
    """
    memory.spare_pandas()
    Options(device=device, precision=precision, batch_size=batch_size, threads=threads)
    path = model_path.resolve(os.fspath(model))
    described = foreign_models.read(Path(contract)) if contract is not None else None
    session = open_session(
        path, device=device, precision=precision, threads=threads, parallel=True, foreign=described
    )
    return Model(session, path=path, batch_size=batch_size, foreign=described)


class Model:
    """An exported model, open; `open_model` makes one. Use it in a `with`, or close it.

    Its methods may be called from several threads at once. Images are paths (a folder, an archive, an image,
    or a list of them), arrays ((H, W, 3) uint8 RGB of any size, several as a list or (N, H, W, 3)), PIL images, or
    the bytes of image files. Arrays and PIL images (turned as their EXIF data say) meet the resizer that files meet;
    mind that a program of your own may decode a file into other pixels (orientation, colours, size), and that the
    path alone is sure to give the answer of `frostline score`.
    """

    def __init__(
        self,
        session: Session,
        *,
        path: Path,
        batch_size: int | None = None,
        foreign: ForeignModel | None = None,
    ) -> None:
        self.path = path
        self._predicting: Batches | None = Batches(session, batch_size)
        self._embedding: Batches | None = None
        self._batch_size, self._foreign = batch_size, foreign
        self._lock = threading.Lock()

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the probabilities."""
        return self._session.contract.classes

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels of what the network sees."""
        return self._session.contract.height, self._session.contract.width

    @property
    def metadata(self) -> dict[str, Any]:
        """What the model says of itself: classes, image, resize, backbone, weights, classifier, recipe, dataset, …"""
        return to_values(self._session.contract)

    @property
    def sha256(self) -> str:
        """The hash that its rows carry: of the model file's bytes."""
        return self._session.sha256

    @property
    def device(self) -> str:
        """Where it runs: `cpu`, `cuda:0`, …"""
        return self._session.device

    @property
    def precision(self) -> str:
        """What it computes in: float32, bfloat16, float16 or int8."""
        return self._session.precision

    @property
    def note(self) -> str:
        """What must stand beside every number of this model; "" for trained weights."""
        return self._session.contract.note

    def predict(
        self,
        images: Images,
        *,
        top_k: int = 5,
        min_confidence: float = 0.0,
        unknown: float | None = None,
        coverage: float | None = None,
    ) -> Scores:
        """One row per image, in order: those of `frostline score` for the same files, bit for bit.

        An image that cannot be read is a row with an `error`. `top_k` labels are ranked; below
        `min_confidence` (0-1) there is no label, and none for an image that is as far from the training images as at
        most the share `unknown` (0-1, such as 0.05) of images like them (status unknown). With `coverage` (0-1, such
        as 0.95) `prediction_set` holds the classes that cover the actual one with that probability. InputError for
        images that are none of those that a model takes, for a folder without any, and for what the model cannot tell.
        """
        options = Options(top_k=top_k, min_confidence=min_confidence, unknown=unknown, coverage=coverage)
        return self.score(python_inputs.open_given(images), options)

    def score(self, source: Source, options: Options) -> Scores:
        """As `predict`, of a source that is open; it is closed then."""
        batches = self._open
        scorer = Scorer(
            self.classes,
            options.top_k,
            self.sha256,
            options.min_confidence,
            **answer_rule(self._session, options),
        )
        empty = scorer.schema.empty_table()
        tables = [scorer.table(block) for block in batches.blocks(source)]
        return Scores(pa.concat_tables([empty, *tables]), classes=self.classes, note=self.note)

    def embed(
        self, images: Images, *, unreadable: Literal["raise", "nan"] = "raise"
    ) -> npt.NDArray[np.float32]:
        """What the frozen layers make of images: (N, D) float32, in the order of `predict(images)`.

        They are the features at the frost line, flattened, as `frostline score --features` writes them. The
        first call loads the model a second time. An image that cannot be read is an InputError, or with
        `unreadable="nan"` a row of NaN. InputError for a model of which nothing is frozen.
        """
        computed = self._features().blocks(python_inputs.open_given(images))
        blocks = [_embedded(block, unreadable) for block in computed]
        width = max((rows.shape[1] for rows in blocks), default=0)
        # A block without one readable image knows no width.
        whole = [rows if rows.shape[1] else np.full((len(rows), width), np.nan) for rows in blocks]
        return np.concatenate([np.zeros((0, width)), *whole], dtype=np.float32)

    def explain(
        self,
        image: Image,
        *,
        label: str | None = None,
        method: Literal["auto", "gradcam", "occlusion"] = "auto",
        cells: int = CELLS,
    ) -> Explanation:
        """Where the network looks when it decides for `label` (None: the most probable class).

        `gradcam` takes gradients, which an exported model has not: it needs the trained classifier in its
        project, TensorFlow, and some ten seconds once. `occlusion` works for every model: it covers parts of
        the image on a grid of `cells` x `cells` and asks again, which costs as much as predicting cells² + 1
        images. `auto` takes Grad-CAM for a model that lies in its project, else occlusion. InputError for an
        image that cannot be read, a label that the model has not, and `gradcam` without a project.
        """
        if method not in ("auto", "gradcam", "occlusion"):
            raise InputError(f"method {method!r}: use auto, gradcam or occlusion")
        number = explanation.class_number(label, self.classes)
        pixels = self.decode(image)
        trained = explanation.project_of(self.path, self._session.contract) if method != "occlusion" else None
        if trained is None and method == "gradcam":
            raise InputError(
                f"{printable(self.path)} does not lie in its project, or TensorFlow is not installed; use "
                "method='occlusion', or open the classifier by open_project(…).model(…)"
            )
        if trained or number is None:
            [probs] = self._probs(pixels[None])
            number = int(probs.argmax()) if number is None else number
        if trained:
            found = explanation.by_gradients(trained, self.classes, probs, pixels, number)
            if found is not None:
                return found
            if method == "gradcam":
                raise InputError(
                    "its network comes from an ONNX file without a map to explain by; use occlusion"
                )
        return explanation.by_occlusion(self._probs, self.classes, pixels, number, cells=cells)

    def decode(self, image: Image) -> npt.NDArray[np.uint8]:
        """What the network sees of an image: (height, width, 3) uint8 RGB; InputError where it cannot be read."""
        with contextlib.closing(python_inputs.open_given(image)) as source:
            items = list(source.items())
            if len(items) != 1:
                raise InputError(f"{len(items)} images where one is wanted")
            try:
                return self._open.decode(items[0].read())
            except (ImageError, OSError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise InputError(f"{items[0].name}: {reason}; give another image") from None

    def close(self) -> None:
        """Let go of the model; it is of no use then."""
        self._predicting = self._embedding = None

    def __enter__(self) -> "Model":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._predicting is None:
            return f"Model({printable(self.path)}, closed)"
        note = f"; {self.note}" if self.note else ""
        height, width = self.image_size
        return (
            f"Model({self.metadata['classifier']}: {len(self.classes)} classes, {height}x{width} pixels, "
            f"{self.precision} on {self.device}{note})"
        )

    @property
    def _open(self) -> Batches:
        if self._predicting is None:
            raise FrostlineError(f"{printable(self.path)} has been closed; open it again")
        return self._predicting

    @property
    def _session(self) -> Session:
        return self._open.session

    def _features(self) -> Batches:
        """The model once more, giving features."""
        session = self._session
        with self._lock:
            if self._embedding is None:
                try:
                    again = open_session(
                        session.content, device=session.asked, precision=session.precision,
                        threads=session.threads, features=True, parallel=True, foreign=self._foreign,
                    )  # fmt: skip
                except InputError:
                    raise InputError(
                        f"{printable(self.path)} has no features: nothing of this network is frozen; use a "
                        "classifier on a pretrained backbone"
                    ) from None
                self._embedding = Batches(again, self._batch_size)
            return self._embedding

    def _probs(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(N, height, width, 3) uint8 → (N, C) probabilities."""
        return self.predict(pixels).probs


def _embedded(block: Block, unreadable: str) -> npt.NDArray[np.float32]:
    """(n, D) features of a block; (n, 0) where not one of its images could be read."""
    bad = [place for place, error in enumerate(block.errors) if error]
    if bad and unreadable != "nan":
        raise InputError(
            f"{block.names[bad[0]]}: {block.errors[bad[0]]}; leave it out, or use unreadable='nan'"
        )
    features = block.outputs.get(FEATURES, np.zeros((len(block.names), 0), np.float32))
    flat = np.array(features.reshape(len(features), -1), np.float32)
    flat[bad] = np.nan
    return flat
