"""A head as plain arrays: what Keras says of the same numbers."""

from collections.abc import Callable
from functools import partial

import numpy as np
import onnx
import pytest

from frostline.config import ClassifierHead
from frostline.models import heads
from frostline.models.dense_head import Dense, DenseHead, SolvedHead
from frostline.models.keras_backend import keras
from frostline.runtime import conversion, head_graph, pool

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


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("dense", [{}, {"b": 7, "a": 3}])
@pytest.mark.parametrize("standardize", [False, True])
def test_as_the_converter_writes_it(classes: int, dense: dict[str, int], standardize: bool) -> None:
    """On a trunk that was converted before, the bytes are those of a conversion of trunk and head."""
    k = keras(seed=1)
    pixels = k.Input((8, 8, 3), dtype="uint8")
    features = k.layers.GlobalAveragePooling2D()(k.layers.Conv2D(4, 3)(k.layers.Rescaling(1 / 255)(pixels)))
    trunk = k.Model(pixels, features)
    entry = ClassifierHead(pooling="average", standardize=standardize, dense=dense, dropout=0.2)
    head, kept = heads.build(entry, features=4, classes=classes), list[bytes]()
    for weight in head.weights:
        weight.assign(np.random.default_rng(len(weight.path)).normal(size=weight.shape))

    def keep(make: Callable[[], bytes]) -> bytes:
        kept.append(make())
        return kept[-1]

    model = conversion.convert(
        partial(trunk, training=False),
        lambda rows: heads.probabilities(head(rows, training=False)),
        height=8,
        width=8,
        metadata="{}",
        keep=keep,
    )
    arrays = heads.arrays(head)
    assert head_graph.convertible(arrays)
    assert conversion.sides(kept[0]) == (4,)
    assert conversion.on_trunk(kept[0], arrays, metadata="{}", converted=True) == model


def test_what_tensorflow_would_leave_out_is_left_to_the_converter() -> None:
    """A bias of zeros, a scale of ones."""
    ones = np.ones(4, np.float32)
    layer = Dense(np.arange(12, dtype=np.float32).reshape(4, 3), np.arange(3, dtype=np.float32))
    assert head_graph.convertible(DenseHead(layer, mean=2 * ones, scale=2 * ones))
    assert not head_graph.convertible(DenseHead(layer, mean=2 * ones, scale=ones))
    assert not head_graph.convertible(DenseHead(Dense(layer.kernel, 0 * layer.bias)))
