"""What a score job is asked to do, checked before any work begins."""

from dataclasses import dataclass
from typing import Any

from frostline.errors import InputError
from frostline.runtime.sessions import DEVICES, PRECISIONS

ENGINES = ("local", "ray")


@dataclass(frozen=True)
class Options:
    """How a source is scored.

    Where the network runs (`device`, `precision`) and how fast (`batch_size`, `threads`; None: as
    measured, and one for each processor); what a row holds (`top_k` labels ranked, a label only from
    `min_confidence` up, `features`); whether the trunk's features are kept for the next model; whether this
    process works (`engine` local) or a Ray cluster, the one at `ray_address` or one of this machine's own;
    whether the images are compared with the model's test images (`drift`), by one limit for every
    question or those of params.yaml.
    """

    device: str
    precision: str
    batch_size: int | None
    threads: int | None
    top_k: int
    min_confidence: float
    features: bool
    keep_features: bool = False
    engine: str = "local"
    ray_address: str | None = None
    drift: bool = False
    drift_limit: float | None = None

    @property
    def rows(self) -> dict[str, Any]:
        """What decides the content of a row, whatever its speed."""
        more = {name: True for name in ("keep_features", "drift") if getattr(self, name)}
        return {"top_k": self.top_k, "min_confidence": self.min_confidence, "features": self.features, **more}


def require_possible(options: Options) -> None:
    """InputError for an option out of its range, named as on the command line."""
    if options.device not in DEVICES:
        raise InputError(f"--device {options.device}: use one of {', '.join(DEVICES)}")
    if options.precision not in PRECISIONS:
        raise InputError(f"--precision {options.precision}: use one of {', '.join(PRECISIONS)}")
    if options.engine not in ENGINES:
        raise InputError(f"--engine {options.engine}: use one of {', '.join(ENGINES)}")
    if options.engine == "local" and options.ray_address:
        raise InputError(f"--ray-address {options.ray_address}: only with --engine ray")
    if options.engine == "ray" and options.keep_features:
        raise InputError("--keep-features: works in this process only; use --engine local, or leave it out")
    if options.drift_limit is not None and not options.drift:
        raise InputError(f"--drift-limit {options.drift_limit:g}: only with --drift")
    if options.drift and options.keep_features:
        raise InputError(
            "--drift: looks at every image, which --keep-features avoids; leave out one of the two"
        )
    if options.threads is not None and options.threads < 1:
        raise InputError(f"--threads {options.threads}: use 1 or more")
    if options.batch_size is not None and not 1 <= options.batch_size <= 65536:
        raise InputError(f"--batch-size {options.batch_size}: use 1 to 65536")
    if options.top_k < 1:
        raise InputError(f"--top-k {options.top_k}: use 1 or more (more than there are classes means all)")
    if not 0 <= options.min_confidence <= 1:
        raise InputError(f"--min-confidence {options.min_confidence:g}: use 0 to 1")
