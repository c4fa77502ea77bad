"""What less precision brings: measured, and only where it is computed in."""

import numpy as np
import pytest

from frostline.runtime import openvino, precision_gains
from frostline.runtime.openvino_engine import products

pytestmark = pytest.mark.skipif(bool(openvino.missing()), reason="the extra cpu is not installed")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small stack, seldom."""
    for name, value in {"IMAGES": 1, "SIDE": 14, "TAKES": 2}.items():
        monkeypatch.setattr(precision_gains, name, value)


def test_every_precision_of_this_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the best of float32; the takes of each are its own."""
    seconds = iter([4.0, 2.0, 1.0, 8.0, 5.0, 2.0])
    monkeypatch.setattr(precision_gains, "_timed", lambda _: next(seconds))
    monkeypatch.setattr(precision_gains, "_run", lambda _: lambda: None)
    assert precision_gains.gains() == {"bfloat16": 2.0, "int8": 4.0}


def test_what_would_be_float32_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never another arithmetic under its name."""
    monkeypatch.setattr(openvino, "has_bfloat16", lambda: False)
    monkeypatch.setattr(openvino, "settings", lambda **_: {"INFERENCE_PRECISION_HINT": "f32"})
    assert "bfloat16" not in precision_gains.gains()


def test_the_stack_is_quantised_where_it_is_asked_for() -> None:
    """And computes about the same."""
    library = openvino.library()
    image = np.random.default_rng(1).uniform(0, 1, (1, precision_gains.CHANNELS, 14, 14)).astype(np.float32)
    answers = {}
    for quantised in (False, True):
        settings = openvino.settings(precision="float32", threads=None, streams=1)
        compiled = library.Core().compile_model(precision_gains._stack(quantised), "CPU", settings)
        assert sum(products(compiled).values()) == precision_gains.LAYERS
        answers[quantised] = compiled(image)[0]
    off = np.linalg.norm(answers[True] - answers[False])
    assert 0 < off < 0.2 * np.linalg.norm(answers[False])
