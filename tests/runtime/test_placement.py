"""The profile: which node ran where."""

import dataclasses
from typing import Any

import pytest

from frostline.errors import FrostlineError
from frostline.runtime import engine, placement, providers
from frostline.runtime.engine import Setup
from frostline.runtime.placement import Proof
from helpers.models import model


def event(name: str, provider: str, kind: str) -> dict[str, Any]:
    """One kernel's event as ONNX Runtime writes it."""
    return {"cat": "Node", "name": name, "args": {"provider": provider, "op_name": kind}}


def test_a_real_profile_counts_every_node() -> None:
    """Cast, mean, matrix product and softmax of the small model, all on the CPU provider."""

    found = placement.prove(Setup(model(), "cpu", "float32"))
    assert found == Proof({providers.CPU: 4}, (), 4)
    assert found.whole(providers.CPU)
    assert found.summary(providers.CPU) == "4 of 4 nodes on CPUExecutionProvider"


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
    real = engine.session
    monkeypatch.setattr(
        engine, "session", lambda setup, **more: real(dataclasses.replace(setup, device="cpu"), **more)
    )
    with pytest.raises(FrostlineError, match="not one node ran there"):
        placement.prove(Setup(model(), "cuda", "float32"))


def test_a_convolution_left_to_the_cpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a network on the GPU is not what was asked for."""
    events = [event("a", providers.CUDA, "Conv"), event("b", providers.CPU, "MatMul")]
    monkeypatch.setattr(placement, "_profile", lambda _: events)
    with pytest.raises(FrostlineError, match="would leave MatMul to another provider"):
        placement.prove(Setup(model(), "cuda", "float32"))
