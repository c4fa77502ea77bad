"""A score job before its work: its options, the source, the model that is open, and what its rows depend on."""

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frostline.errors import InputError
from frostline.features.executor import Item
from frostline.runtime import openvino, providers
from frostline.runtime.foreign_models import ForeignModel
from frostline.runtime.parts import Head, open_head, open_trunk
from frostline.runtime.sessions import DEVICES, PRECISIONS, Session, open_session
from frostline.scoring import answer_rules
from frostline.scoring.sources import Source

ENGINES = ("local", "ray")


@dataclass(frozen=True)
class Options:
    """How a source is scored; InputError for a value out of its range, named as on the command line.

    Where the network runs (`device`, `precision`) and how fast (`batch_size`, `threads`; None: autotuned, and one
    for each processor); what a row holds (`top_k` labels ranked, a label only from `min_confidence` up,
    `features`); whether the features of the frozen layers are kept for the next model (`keep_features`); whether
    this process works (`engine` local) or a Ray cluster, the one at `ray_address` or one of this machine's own;
    whether the images are compared with the model's test images (`drift`), with one limit for every index
    (`drift_limit`) or the caller's; whether names in a .csv are kept from being formulas (`escape_formulas`).
    A label only for images that are nearer to the training images than the share `unknown` of images like them; sets
    of classes that hold the actual one with the probability `coverage`; whether a page is written (`page`).
    """

    device: str = "auto"
    precision: str = "auto"
    batch_size: int | None = None
    threads: int | None = None
    top_k: int = 5
    min_confidence: float = 0.0
    features: bool = False
    keep_features: bool = False
    engine: str = "local"
    ray_address: str | None = None
    drift: bool = False
    drift_limit: float | None = None
    escape_formulas: bool = True
    unknown: float | None = None
    coverage: float | None = None
    page: bool = False

    def __post_init__(self) -> None:
        for option, known in (("device", DEVICES), ("precision", PRECISIONS), ("engine", ENGINES)):
            if (value := getattr(self, option)) not in known:
                raise InputError(f"--{option} {value}: use one of {', '.join(known)}")
        _require_in_range(self)
        _require_compatible(self)

    @property
    def exact_precision(self) -> str:
        """What the network computes in: `auto` never gives accuracy up unasked."""
        return "float32" if self.precision == "auto" else self.precision

    @property
    def rows(self) -> dict[str, Any]:
        """What decides the content of a row, whatever its speed."""
        more: dict[str, Any] = {name: True for name in ("keep_features", "drift") if getattr(self, name)}
        if not self.escape_formulas:
            more["escape_formulas"] = False
        answers = {name: getattr(self, name) for name in ("unknown", "coverage")}
        more |= {name: value for name, value in answers.items() if value is not None}
        return {"top_k": self.top_k, "min_confidence": self.min_confidence, "features": self.features, **more}


def _require_in_range(options: Options) -> None:
    if options.threads is not None and options.threads < 1:
        raise InputError(f"--threads {options.threads}: use 1 or more")
    if options.batch_size is not None and not 1 <= options.batch_size <= 65536:
        raise InputError(f"--batch-size {options.batch_size}: use 1 to 65536")
    if options.top_k < 1:
        raise InputError(f"--top-k {options.top_k}: use 1 or more (more than there are classes means all)")
    answer_rules.require_in_range(
        min_confidence=options.min_confidence, unknown=options.unknown, coverage=options.coverage
    )


def _require_compatible(options: Options) -> None:
    if options.engine == "local" and options.ray_address:
        raise InputError(f"--ray-address {options.ray_address}: only with --engine ray")
    if options.engine == "ray" and options.keep_features:
        raise InputError("--keep-features: works in this process only; use --engine local, or leave it out")
    if options.drift_limit is not None and not options.drift:
        raise InputError(f"--drift-limit {options.drift_limit:g}: only with --drift")


@dataclass(frozen=True)
class Plan:
    """One source to be scored by one model into one output. Nothing in it changes while the job runs.

    `session` is the network; where features are kept it is the head alone, and `head` says of which trunk.
    `foreign` describes a model of other origin. `identity` is all that decides the output's rows, the source as it
    was when the job began: only a job with the same may go on with another's shards.
    """

    source: Source
    model: Path
    session: Session
    out: Path
    options: Options
    identity: dict[str, Any]
    head: Head | None = None
    foreign: ForeignModel | None = None


def make(
    source: Source, model: Path, *, out: Path, options: Options, foreign: ForeignModel | None = None
) -> Plan:
    """Open the model as the options want it; the errors of `open_session` and `open_head`."""
    head = _head(model, options, foreign) if options.keep_features else None
    session = head.session if head else _session(model, options, foreign)
    answer_rule(session, options)  # what the model cannot say is refused now
    identity = {
        "source": source.state(),
        "model": session.sha256,
        "precision": session.precision,
        **options.rows,
        **_engine(session),
    }
    return Plan(source, model, session, out, options, identity, head, foreign)


def answer_rule(session: Session, options: Options) -> dict[str, Any]:
    """As `answer_rules.rule`, of a job's options."""
    return answer_rules.rule(session, unknown=options.unknown, coverage=options.coverage)


def _engine(session: Session) -> dict[str, str]:
    """The runtime, where it is another than ONNX Runtime: rows of two differ in their last bits."""
    return {"engine": session.engine} if session.provider == openvino.NAME else {}


def _head(model: Path, options: Options, foreign: ForeignModel | None) -> Head:
    if foreign:
        raise InputError("--keep-features: a model of other origin has no trunk; leave out one of the two")
    return open_head(model, precision=options.exact_precision, threads=options.threads)


def _session(model: Path, options: Options, foreign: ForeignModel | None) -> Session:
    here = _of_this_process(options)
    session = open_session(
        model,
        device=here.device,
        precision=here.precision,
        threads=here.threads,
        features=here.features,
        parallel=True,
        foreign=foreign,
    )
    if options.drift:
        session.give_features()
    return session


def _of_this_process(options: Options) -> Options:
    """How this process opens the network: as it is asked to, or, where a cluster works, for the contract and a
    batch size alone, on no GPU, which is an actor's. InputError where a GPU asked for does not compute in the
    precision.
    """
    if options.engine == "local":
        return options
    device = options.device
    if device in {"cuda", "tensorrt"}:
        providers.require_precision(device, options.exact_precision)
        device = "cpu"
    elif device == "auto" and options.precision != "bfloat16" and providers.gpus():
        device = "cpu"
    return dataclasses.replace(options, device=device, threads=options.threads or 1)


def open_trunk_of(plan: Plan, head: Head) -> Session:
    """The trunk below a plan's head, on the device of its options."""
    return open_trunk(head, device=plan.options.device, threads=plan.options.threads)


def images_of(source: Source) -> Iterator[Item]:
    """The source's items, from the first on; InputError where there is none."""
    items = source.items()
    first = next(items, None)
    if first is None:
        brackets = " (a bracket in a name is written [[])" if "[" in source.where else ""
        raise InputError(
            f"no images in {source.where}{skipped_files(source.others)}; name a folder that has some{brackets}"
        )
    return itertools.chain([first], items)


def skipped_files(others: int | None) -> str:
    """What to say of files that are no images."""
    return f", {others} other file{'s' if others > 1 else ''} skipped" if others else ""
