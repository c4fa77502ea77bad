"""An exported model in two files: `trunk.onnx`, pixels to features, and `head.onnx`, features to probabilities.

The trunk's bytes hold nothing of the classifier above it, so that classifiers on one trunk have the same
file, and its hash says whose features may be taken for whose. The head names the model and the trunk that
it belongs to.
"""

import dataclasses
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline.checksums import keep
from frostline.errors import FrostlineError, InputError
from frostline.files import printable, sha256, sha256_file, writing
from frostline.runtime import agreement, answers, canonical, contract, conversion, pool, sessions
from frostline.runtime.contract import FEATURES, KEY, PROBS, UNKNOWN
from frostline.runtime.sessions import Session

PART = "frostline.part"
TRUNK, HEAD = "trunk.onnx", "head.onnx"
TOLERANCE = 1e-5  # of a probability: the same arithmetic, summed perhaps in another order
PRECISIONS = ("float32", "bfloat16")  # the others are files of whole networks
_BATCH = 32

Floats = npt.NDArray[np.float32]


def make(model: bytes) -> tuple[bytes, bytes]:
    """The trunk and the head of an exported model that has `features`."""
    import onnx

    loaded = onnx.load_from_string(model)
    whole = {entry.key: entry.value for entry in loaded.metadata_props}
    promised = contract.from_json(whole[KEY])
    below, above = conversion.halves(loaded)
    pixels = {key: getattr(promised, key) for key in ("decode", "height", "resize", "width")}
    trunk = canonical.form(below, metadata={PART: _json(part="trunk", **pixels)})
    belongs_to = _json(part="head", model=sha256(model), trunk=sha256(trunk))
    head = canonical.form(
        above,
        metadata={**{key: whole[key] for key in (KEY, answers.KEY) if key in whole}, PART: belongs_to},
        input_name=FEATURES,
    )
    return trunk, head


def write_beside(model: Path) -> None:
    """Cut trunk and head out of a model that came alone, into its folder; nothing where none of it is frozen.

    Cut before, they are there; damaged since, they are cut anew. FrostlineError where the package onnx is missing,
    which a scorer needs for nothing else.
    """
    keep(model.parent, (TRUNK, HEAD), partial(_cut, model))


def _cut(model: Path) -> None:
    if find_spec("onnx") is None:
        raise FrostlineError(
            "--keep-features: a model from the registry is cut with onnx, not installed here; "
            "pip install 'frostline[registry]'"
        )
    import onnx

    content = model.read_bytes()
    if FEATURES not in {output.name for output in onnx.load_from_string(content).graph.output}:
        return
    for name, part in zip((TRUNK, HEAD), make(content), strict=True):
        with writing(model.with_name(name)) as temporary:
            temporary.write_bytes(part)


def _json(**values: Any) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def difference(
    model: bytes,
    trunk: bytes,
    head: bytes,
    pixels: npt.NDArray[np.uint8],
    *,
    kept: Mapping[str, Floats] | None = None,
) -> float:
    """The largest difference of a probability between head(trunk(x)) and model(x) over (n, H, W, 3) pixels.

    What the trunk gives inside the model and apart is put into the rows of `kept`, one for each image; where it is
    there already (no NaN), from the same trunk below another head, the head runs on both. FrostlineError beyond
    TOLERANCE.
    """
    above = pool.on_cpu(head)
    every = np.arange(len(pixels))
    new = every if kept is None else np.flatnonzero(agreement.unknown(kept["inside"] + kept["apart"]))
    given = itertools.chain(
        _computed(model, trunk, pixels, new, kept) if len(new) else (),
        (
            (above(kept["inside"][some])[PROBS], kept["apart"][some])
            for some in _batches(np.setdiff1d(every, new))
            if kept is not None
        ),
    )
    differences = [np.abs(above(apart)[PROBS].astype(np.float64) - probs).max() for probs, apart in given]
    largest = float(np.max(differences))  # which keeps a NaN
    if not largest <= TOLERANCE:
        raise FrostlineError(
            f"trunk and head disagree with the whole model: a probability differs by {largest:.2g}, allowed is "
            f"{TOLERANCE:g}; no model was written, please report this"
        )
    return largest


def _computed(
    model: bytes,
    trunk: bytes,
    pixels: npt.NDArray[np.uint8],
    new: npt.NDArray[np.intp],
    kept: Mapping[str, Floats] | None,
) -> Iterator[tuple[Floats, Floats]]:
    """Probabilities by the model, and features by the trunk, of the images at these places, batch by batch."""
    whole, below = pool.on_cpu(model), pool.on_cpu(trunk)
    for some in _batches(new):
        outputs, apart = whole(pixels[some]), below(pixels[some])[FEATURES]
        if kept is not None:
            kept["inside"][some], kept["apart"][some] = outputs[FEATURES], apart
        yield outputs[PROBS], apart


def _batches(places: npt.NDArray[np.intp]) -> Iterator[npt.NDArray[np.intp]]:
    return (places[at : at + _BATCH] for at in range(0, len(places), _BATCH))


@dataclass(frozen=True)
class Head:
    """The part above the frost line, on the CPU in float32.

    `session.run` takes (N, *shape) float32 features; its hash is the whole model's. `trunk` is the hash of
    the trunk whose features it wants, `model` the file of the whole model.
    """

    session: Session
    trunk: str
    shape: tuple[int, ...]
    model: Path


def open_head(model: Path, *, precision: str, threads: int | None = None) -> Head:
    """The head beside a model file; `precision` is that of the features it will be given.

    InputError where there is none (nothing is frozen), or where it is of another model.
    """
    if precision not in PRECISIONS:
        raise InputError(
            f"--keep-features: features are kept in {' or '.join(PRECISIONS)}, --precision is {precision}; leave "
            "out one of the two"
        )
    path = model.with_name(HEAD)
    content = _read(path, of=model)
    loaded = pool.load(content, "cpu", "float32", threads=threads)
    about = loaded.metadata
    belongs_to = json.loads(about.get(PART, "{}"))
    digest = sha256_file(model)
    if belongs_to.get("part") != "head" or belongs_to.get("model") != digest:
        raise InputError(
            f"{printable(path)} is not the head of {printable(model)}; export the classifier again"
        )
    if _exported(model, digest).get("head") not in (None, sha256(content)):
        raise InputError(
            f"{printable(path)} is damaged: it is not what export wrote; export the classifier again"
        )
    promised = contract.from_json(about[KEY])
    contract.require_met(promised)
    loaded.names = tuple(name for name in (PROBS, UNKNOWN) if name in loaded.outputs)
    session = sessions.make_session(loaded, promised, sha256=digest)
    shape = tuple(side for side in loaded.inputs[0].shape[1:] if isinstance(side, int))
    as_asked = dataclasses.replace(session, precision=precision, why="features are kept")
    return Head(as_asked, belongs_to["trunk"], shape, model)


def _exported(model: Path, digest: str) -> dict[str, Any]:
    """What the proof beside an exported model says of its files; nothing where there is none, or it is another's."""
    try:
        proof = json.loads(model.with_name("agreement.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return proof if isinstance(proof, dict) and proof.get("model") == digest else {}


def open_trunk(head: Head, *, device: str, threads: int | None = None) -> Session:
    """The trunk beside a model file on `device`, for parallel runs: pixels to `features`, in the head's precision."""
    path = head.model.with_name(TRUNK)
    content = _read(path, of=head.model)
    if sha256(content) != head.trunk:
        raise InputError(
            f"{printable(path)} is not the trunk of {printable(head.model)}; export the classifier again"
        )
    loaded = pool.load(content, device, head.session.precision, threads=threads, parallel=True)
    loaded.names = (FEATURES,)
    return sessions.make_session(loaded, head.session.contract, sha256=head.trunk)


def _read(path: Path, *, of: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"--keep-features: there is no {path.name} beside {printable(of)}: nothing of that network is frozen, "
            "or the file was exported by an older frostline or copied alone; score without --keep-features, or "
            "export again"
        ) from None
    except OSError as error:
        raise InputError(f"{printable(path)}: cannot be read: {error.strerror}") from None
