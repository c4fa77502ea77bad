"""A head as plain arrays: what Keras says of the same numbers."""

import numpy as np
import onnx
import pytest

from frostline.config import ClassifierHead
from frostline.models import heads
from frostline.models.dense_head import SolvedHead
from frostline.models.keras_backend import keras
from frostline.runtime import head_graph, pool

ROWS = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("dense", [{}, {"b": 7, "a": 3}])
@pytest.mark.parametrize("standardize", [False, True])
def test_as_keras_as_numpy_as_onnx(classes: int, dense: dict[str, int], standardize: bool) -> None:
    """Three ways to the same probabilities, hidden layers in their order."""
    keras(seed=1)
    head = heads.build(
        ClassifierHead(pooling="flatten", standardize=standardize, dense=dense, dropout=0.2),
        features=4,
        classes=classes,
    )
    for weight in head.weights:
        weight.assign(np.random.default_rng(len(weight.path)).normal(size=weight.shape))
    plain = heads.arrays(head)
    expected = np.asarray(heads.probabilities(head(ROWS, training=False)))
    np.testing.assert_allclose(plain(ROWS), expected, atol=1e-6)
    like = onnx.helper.make_model(
        onnx.helper.make_graph([], "any", [], []), opset_imports=[onnx.helper.make_opsetid("", 17)]
    )
    like.ir_version = 8
    model = head_graph.make(plain, like=like)
    onnx.checker.check_model(model)
    content = model.SerializeToString(deterministic=True)
    assert content == head_graph.make(plain, like=like).SerializeToString(deterministic=True)
    np.testing.assert_allclose(pool.on_cpu(content)(ROWS)["probs"], expected, atol=1e-6)


@pytest.mark.parametrize("hidden", [{}, {"b": 7, "a": 3}])
@pytest.mark.parametrize("classes", [2, 5])
def test_what_a_solver_finds_goes_into_either_head(classes: int, hidden: dict[str, int]) -> None:
    """With or without Keras, the same answers and the same number of weights."""
    solved = SolvedHead(4, classes, tuple(hidden.values()))
    assert solved.arrays(ROWS).shape == (5, classes)
    rng = np.random.default_rng(2)
    found = heads.arrays(solved)
    layers = [array for layer in (found.logits, *found.hidden) for array in (layer.kernel, layer.bias)]
    for array in (*layers, found.mean, found.scale):
        assert array is not None
        array[...] = rng.normal(size=array.shape)
    trained = heads.build(
        ClassifierHead(pooling="flatten", standardize=True, dense=hidden, dropout=0.0),
        features=4,
        classes=classes,
    )
    heads.assign(trained, found)
    heads.assign(solved, found)
    expected = np.asarray(heads.probabilities(trained(ROWS, training=False)))
    np.testing.assert_allclose(solved.arrays(ROWS), expected, atol=1e-6)
    assert heads.trainable(solved) == heads.trainable(trained)
    assert heads.width(solved) == heads.width(trained) == 4
