"""The profile: which node ran where."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from frostline.runtime import loading, placement, pool, providers
from frostline.runtime.placement import Proof
from helpers.models import model


def event(name: str, provider: str, kind: str) -> dict[str, Any]:
    """One kernel's event as ONNX Runtime writes it."""
    return {"cat": "Node", "name": name, "args": {"provider": provider, "op_name": kind}}


def test_a_real_profile_counts_every_node() -> None:
    """Cast, mean, matrix product and softmax of the small model, all on the CPU provider."""

    def start(prefix: Path) -> Any:
        return loading.load(model(), "cpu", "float32", profile=prefix)

    def trial(runtime: onnxruntime.InferenceSession) -> None:
        runtime.run(None, {"image": np.zeros((1, 20, 28, 3), np.uint8)})

    found = placement.profiled(start, trial, allowed={providers.CPU})
    assert found == Proof({providers.CPU: 4}, (), 4)
    assert found.whole(providers.CPU)
    assert found.told(providers.CPU) == "4 of 4 nodes on CPUExecutionProvider"


@pytest.mark.parametrize(
    ("kind", "strays", "whole"), [("Conv", ("Conv",), False), ("Reshape", (), False), (None, (), True)]
)
def test_computing_elsewhere_is_a_stray_shapes_are_not(
    kind: str | None, strays: tuple[str, ...], whole: bool
) -> None:
    """A convolution left to the CPU is told; bookkeeping of shapes is not, but forbids a CUDA graph."""
    events = [event("a", "CUDA", "Conv"), event("a", "CUDA", "Conv"), {"cat": "Session", "name": "x"}]
    events += [event("b", "CPU", kind)] if kind else []
    found = placement.read(events, allowed={"CUDA"})
    assert (found.strays, found.whole("CUDA")) == (strays, whole)
    assert found.nodes["CUDA"] == 1


def test_a_device_on_which_nothing_ran_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider's name in the list proves nothing."""
    load = loading.load
    monkeypatch.setattr(
        loading, "load", lambda content, *_, **more: load(content, "cpu", "float32", profile=more["profile"])
    )
    with pytest.raises(pool.FrostlineError, match="not one node ran there"):
        pool._prove(model(), "cuda", "float32", threads=None)


def test_a_convolution_left_to_the_cpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a network on the GPU is not what was asked for."""
    events = [event("a", providers.CUDA, "Conv"), event("b", providers.CPU, "MatMul")]
    found = placement.read(events, allowed={providers.CUDA})
    monkeypatch.setattr(placement, "profiled", lambda *_, **__: found)
    with pytest.raises(pool.FrostlineError, match="would leave MatMul to another provider"):
        pool._prove(model(), "cuda", "float32", threads=None)
