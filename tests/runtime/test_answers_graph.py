"""What is added to a converted graph: the temperature, inside `probs`."""

import numpy as np
import onnx
import pytest

from frostline.evaluation import temperature
from frostline.runtime import answers_graph, canonical, pool
from helpers import models


def canonical_model() -> bytes:
    """A tiny model as `conversion` leaves it, with `features`."""
    loaded = onnx.load_from_string(models.model(features=True))
    return canonical.form(loaded, metadata={entry.key: entry.value for entry in loaded.metadata_props})


def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 20, 28, 3), dtype=np.uint8)


@pytest.mark.parametrize("value", [0.3, 2.5])
def test_logits_are_divided(value: float) -> None:
    """As `temperature.apply` does to the probabilities of before; the features stay bit for bit."""
    before = pool.on_cpu(canonical_model())(pixels())
    after = pool.on_cpu(models.answered(canonical_model(), temperature=value))(pixels())
    assert after["probs"] == pytest.approx(temperature.apply(before["probs"], value), abs=1e-6)
    assert not np.allclose(after["probs"], before["probs"], atol=1e-3)
    assert (after["features"] == before["features"]).all()


def test_temperature_one_changes_no_node() -> None:
    """Only the metadata are others, and those of before stay."""
    made = onnx.load_from_string(models.answered(canonical_model(), more={"k": "v"}))
    plain = onnx.load_from_string(canonical_model())
    assert made.graph == plain.graph
    assert {entry.key for entry in made.metadata_props} == {"frostline", "k"}


def test_a_graph_without_a_softmax_is_no_model_of_ours() -> None:
    """A wrong place for the temperature would go unnoticed."""
    loaded = onnx.load_from_string(models.model(last="Sigmoid"))
    with pytest.raises(RuntimeError, match="Sigmoid"):
        answers_graph.add(loaded, temperature=2.0)
