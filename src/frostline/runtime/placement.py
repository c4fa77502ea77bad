"""Where a model's nodes really ran: ONNX Runtime's own profile of a trial image, node by node."""

import json
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from frostline.errors import FrostlineError
from frostline.runtime import engine, providers, trial
from frostline.runtime.engine import Setup

# Bookkeeping of shapes may stay on the CPU: it moves no pixels.
_SHAPES = {
    "Cast", "Concat", "Constant", "Gather", "Identity", "Reshape", "Shape", "Slice", "Squeeze", "Unsqueeze",
}  # fmt: skip


@dataclass(frozen=True)
class Proof:
    """Nodes that ran, by provider, and the operators of those that compute elsewhere than they should."""

    nodes: dict[str, int]
    strays: tuple[str, ...]
    total: int

    def whole(self, provider: str) -> bool:
        """Whether every node, shapes included, ran on a provider: what a CUDA graph needs."""
        return self.nodes == {provider: self.total}

    def summary(self, provider: str) -> str:
        """Such as "53 of 53 nodes on CUDAExecutionProvider"."""
        return f"{self.nodes.get(provider, 0)} of {self.total} nodes on {provider}"


def prove(setup: Setup) -> Proof:
    """The profile of a trial image; FrostlineError where a node computes elsewhere than on the device."""
    name = providers.NAMES[setup.device]
    allowed = {name} | ({providers.CUDA} if setup.device == "tensorrt" else set())
    proof = read(_profile(setup), allowed=allowed)
    if not proof.nodes.get(name):
        raise FrostlineError(
            f"{setup.device} did not come up, though its libraries load: not one node ran there; is there an "
            "NVIDIA GPU with a recent driver (nvidia-smi)? Else use --device cpu"
        )
    if proof.strays:
        raise FrostlineError(
            f"{setup.device} would leave {', '.join(proof.strays)} to another provider ({proof.summary(name)}); "
            "use --device cpu"
        )
    return proof


def _profile(setup: Setup) -> list[dict[str, Any]]:
    """The events of a session that ran one image of zeros."""
    import onnxruntime

    with tempfile.TemporaryDirectory(prefix="frostline-") as folder:
        runtime = engine.session(setup, profile=Path(folder) / "profile")
        wanted = runtime.get_inputs()[0]
        shape = [side if isinstance(side, int) else 1 for side in wanted.shape]
        image = np.zeros(shape, np.float32 if "float" in wanted.type else np.uint8)
        options = onnxruntime.RunOptions()
        trial.run(
            lambda: runtime.run(None, {wanted.name: image}, options),
            device=setup.device,
            stop=lambda: setattr(options, "terminate", True),
        )
        events: list[dict[str, Any]] = json.loads(Path(runtime.end_profiling()).read_text(encoding="utf-8"))
    return events


def read(events: list[dict[str, Any]], *, allowed: set[str]) -> Proof:
    """The proof in a profile's events; a node that ran several times counts once.

    `allowed` are the providers on which nodes may compute.
    """
    ran = {
        event["name"]: (event["args"]["provider"], event["args"].get("op_name", ""))
        for event in events
        if event.get("cat") == "Node" and event.get("args", {}).get("provider")
    }
    strays = {kind for provider, kind in ran.values() if provider not in allowed and kind not in _SHAPES}
    return Proof(dict(Counter(provider for provider, _ in ran.values())), tuple(sorted(strays)), len(ran))
