"""Where a model's nodes really ran: ONNX Runtime's own profile of a trial batch, node by node."""

import json
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

    def told(self, provider: str) -> str:
        """Such as "53 of 53 nodes on CUDAExecutionProvider"."""
        return f"{self.nodes.get(provider, 0)} of {self.total} nodes on {provider}"


def profiled(start: Callable[[Path], Any], trial: Callable[[Any], object], *, allowed: set[str]) -> Proof:
    """Open a session that `start` makes with a profile's path prefix, run `trial` on it, read the profile.

    `allowed` are the providers on which nodes may compute.
    """
    with tempfile.TemporaryDirectory(prefix="frostline-") as folder:
        runtime = start(Path(folder) / "profile")
        trial(runtime)
        events = json.loads(Path(runtime.end_profiling()).read_text(encoding="utf-8"))
    return read(events, allowed=allowed)


def read(events: list[dict[str, Any]], *, allowed: set[str]) -> Proof:
    """The proof in a profile's events; a node that ran several times counts once."""
    ran = {
        event["name"]: (event["args"]["provider"], event["args"].get("op_name", ""))
        for event in events
        if event.get("cat") == "Node" and event.get("args", {}).get("provider")
    }
    strays = {kind for provider, kind in ran.values() if provider not in allowed and kind not in _SHAPES}
    return Proof(dict(Counter(provider for provider, _ in ran.values())), tuple(sorted(strays)), len(ran))
