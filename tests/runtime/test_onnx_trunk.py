"""The trunk of an ONNX file: the file's own numbers, whatever it wants of its pixels and whatever is tapped."""

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.config import OnnxInput, Tap
from frostline.errors import InputError
from frostline.runtime import onnx_trunk, pool
from helpers.images import pixels
from helpers.onnx_networks import CHANNELS, network, own

PLAIN = OnnxInput(channels="RGB", scale=1.0, mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0])
INPUT = OnnxInput(channels="BGR", scale=0.5, mean=[3.0, 60.0, 9.0], std=[40.0, 50.0, 70.0])
NONE, MEAN = Tap(pooling="none", prefix_tokens=0), Tap(pooling="mean", prefix_tokens=0)


def images(count: int = 3, size: tuple[int, int] = (8, 10)) -> np.ndarray:
    """(count, H, W, 3) uint8."""
    return np.stack([pixels(seed, height=size[0], width=size[1]) for seed in range(count)])


def prepared(batch: np.ndarray, described: OnnxInput, *, layout: str, dtype: str) -> np.ndarray:
    """A network's own input, by the description's words."""
    ordered = batch[..., ::-1] if described.channels == "BGR" else batch
    values = (ordered * described.scale - np.array(described.mean)) / np.array(described.std)
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2) if layout == "NCHW" else values).astype(dtype)


def features(content: bytes, batch: np.ndarray) -> np.ndarray:
    """What a trunk makes of images."""
    return pool.on_cpu(content)(batch)["features"]


NETWORKS = st.fixed_dictionaries(
    {
        "layout": st.sampled_from(["NCHW", "NHWC"]),
        "dtype": st.sampled_from(["float32", "float16"]),
        "batch": st.sampled_from(["N", 1, 4]),
        "size": st.sampled_from([None, (8, 10)]),
        "opset": st.sampled_from([11, 13, 17, 20]),
        "seed": st.integers(0, 99),
    }
)


@given(options=NETWORKS, baked=st.booleans(), channels=st.sampled_from(["RGB", "BGR"]))
def test_the_trunk_is_the_network(options: dict[str, Any], baked: bool, channels: str) -> None:
    """Its features are what the file's own tensors say of input prepared by hand: a vector, and the mean of a map."""
    layout, dtype, batch = options["layout"], options["dtype"], options["batch"]
    options["baked"] = baked and batch != "N"
    described = INPUT.model_copy(update={"channels": channels})
    made = onnx_trunk.make(network(**options), described, {"vector": NONE, "map": MEAN})
    sized, width = onnx_trunk.sized(made, height=8, width=10)
    some = images(batch if isinstance(batch, int) else 3)
    given_ = prepared(some, described, layout=layout, dtype=dtype)
    vector, map_ = own(network(**options), given_, "vector", "map")
    expected = np.concatenate([vector, map_.astype(np.float32).mean((2, 3))], axis=1).astype(np.float32)
    tolerance = {"float32": 1e-5, "float16": 5e-3}[dtype]
    assert width == expected.shape[1]
    np.testing.assert_allclose(features(sized, some), expected, rtol=tolerance, atol=tolerance)
    assert onnx_trunk.side(made) == (options["size"] or (None, None))


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_batch_that_is_baked_in_runs_in_pieces(batch: int) -> None:
    """A graph for so many images takes any number, piece by piece, and says so of its input."""
    made = onnx_trunk.make(network(batch=batch, baked=True), PLAIN, {"vector": NONE})
    assert onnx.load_from_string(made).graph.input[0].type.tensor_type.shape.dim[0].dim_value == batch
    free = onnx_trunk.make(network(), PLAIN, {"vector": NONE})
    np.testing.assert_allclose(features(made, images(5)), features(free, images(5)), rtol=1e-5)


def test_a_batch_that_is_only_declared_becomes_free() -> None:
    """Nothing in the graph holds it to one image."""
    made = onnx_trunk.make(network(batch=1), PLAIN, {"vector": NONE})
    assert onnx.load_from_string(made).graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"


def test_only_what_is_tapped_stays() -> None:
    """Classification layers and other outputs are gone; the same file gives the same bytes."""
    made = onnx_trunk.make(network(), PLAIN, {"vector": NONE})
    model = onnx.load_from_string(made)
    assert [output.name for output in model.graph.output] == ["features"]
    assert not any(
        "classes" in tensor.name or "as_places" in tensor.name for tensor in model.graph.initializer
    )
    assert made == onnx_trunk.make(network(), PLAIN, {"vector": NONE})
    assert onnx_trunk.parameters(made) < onnx_trunk.parameters(network().SerializeToString())


@pytest.mark.parametrize("name", ["map", "map_last"])
def test_the_axis_of_channels_is_followed(name: str) -> None:
    """Through a ReLU and a transposition back to the convolution: means are of places, one per channel."""
    made = onnx_trunk.make(network(size=(6, 6)), PLAIN, {name: MEAN})
    assert onnx_trunk.sized(made, height=6, width=6)[1] == CHANNELS


@pytest.mark.parametrize(
    ("tap", "expected"),
    [
        (Tap(pooling="mean", prefix_tokens=2), lambda tokens: tokens[:, 2:].mean(1)),
        (Tap(pooling="class_token", prefix_tokens=2), lambda tokens: tokens[:, 0]),
        (
            Tap(pooling="class_token_and_mean", prefix_tokens=1),
            lambda tokens: np.concatenate([tokens[:, 0], tokens[:, 1:].mean(1)], axis=1),
        ),
        (NONE, lambda tokens: tokens.reshape(len(tokens), -1)),
    ],
)
def test_tokens(tap: Tap, expected: Any) -> None:
    """The class token is the first; means leave out what stands before the patches."""
    batch = images(2)
    (tokens,) = own(network(), prepared(batch, PLAIN, layout="NCHW", dtype="float32"), "tokens")
    made = onnx_trunk.make(network(), PLAIN, {"tokens": tap})
    np.testing.assert_allclose(features(made, batch), expected(tokens), rtol=1e-5, atol=1e-5)


def test_bytes_go_in_as_they_are() -> None:
    """A network that normalises by itself: only the neutral description fits."""
    batch = images(2)
    made = onnx_trunk.make(network(layout="NHWC", dtype="uint8"), PLAIN, {"vector": NONE})
    (vector,) = own(network(layout="NHWC", dtype="uint8"), batch, "vector")
    np.testing.assert_allclose(features(made, batch), vector, rtol=1e-5)
    with pytest.raises(InputError, match="scale 1"):
        onnx_trunk.make(network(layout="NHWC", dtype="uint8"), INPUT, {"vector": NONE})


def test_an_operator_set_that_the_runtime_does_not_know_is_brought_down() -> None:
    """Else the newest exporters' files would be of no use."""
    newest = onnx.defs.onnx_opset_version()
    made = onnx_trunk.make(network(opset=newest), PLAIN, {"vector": NONE})
    np.testing.assert_allclose(
        features(made, images()),
        features(onnx_trunk.make(network(), PLAIN, {"vector": NONE}), images()),
        rtol=1e-5,
    )


def test_operators_that_nothing_here_knows() -> None:
    """One line that says what to export, and none of the converter's."""
    model = network()
    model.opset_import[0].version = onnx.defs.onnx_opset_version() + 1
    with pytest.raises(InputError, match="export the network with opset 21") as caught:
        onnx_trunk.make(model, PLAIN, {"vector": NONE})
    assert "ssert" not in str(caught.value)


def of_input(shape: list[Any], *, kind: int = onnx.TensorProto.FLOAT, more: bool = False) -> Any:
    """The network, its input declared as something else."""
    model = network()
    model.graph.ClearField("input")
    model.graph.input.append(onnx.helper.make_tensor_value_info("pixels", kind, shape))
    if more:
        model.graph.input.append(onnx.helper.make_tensor_value_info("mask", kind, shape))
    return model


@pytest.mark.parametrize(
    ("model", "taps", "message"),
    [
        (network(), {"vectr": NONE}, "no tensor 'vectr'; near: vector"),
        (network(), {"vector": MEAN}, "vector: is one vector per image already"),
        (network(), {"map": Tap(pooling="class_token", prefix_tokens=1)}, "map: has the shape"),
        (network(), {"tokens": Tap(pooling="mean", prefix_tokens=80)}, "tokens: has 80 tokens"),
        (network(), {"tokens": Tap(pooling="class_token", prefix_tokens=0)}, "first of prefix_tokens"),
        (of_input(["N", 3, 8, 10], more=True), {"vector": NONE}, "this one has: pixels, mask"),
        (of_input(["N", 1, 8, 10]), {"vector": NONE}, "the shape (?, 1, 8, 10); 3 channels must stand"),
        (of_input(["N", 240]), {"vector": NONE}, "pixels takes no images"),
        (of_input(["N", 3, 8, 10], kind=onnx.TensorProto.INT64), {"vector": NONE}, "pixels takes no images"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_in_one_line(model: Any, taps: dict[str, Tap], message: str) -> None:
    """What, and what to write instead; never the runtime's own words alone."""
    with pytest.raises(InputError) as caught:
        onnx_trunk.make(model, PLAIN, taps)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_images_that_depend_on_each_other_are_refused() -> None:
    """A mean over the batch inside the network: an image's features would be those of its company."""
    model = network(batch=2, baked=True)
    mean = onnx.helper.make_node("ReduceMean", ["vector"], ["centre"], axes=[0], keepdims=1)
    model.graph.node.append(mean)
    model.graph.node.append(onnx.helper.make_node("Sub", ["vector", "centre"], ["apart"]))
    with pytest.raises(InputError, match="depends on those beside it"):
        onnx_trunk.make(model, PLAIN, {"apart": NONE})


def test_another_size_is_refused_by_the_size_that_fits() -> None:
    """A fixed network takes its own size alone; an open one whatever runs."""
    made = onnx_trunk.make(network(), PLAIN, {"vector": NONE})
    with pytest.raises(InputError, match="8x10 pixels, not 9x10"):
        onnx_trunk.sized(made, height=9, width=10)
    open_one = onnx_trunk.make(network(size=None), PLAIN, {"map": NONE})
    assert onnx_trunk.sized(open_one, height=9, width=12)[1] == 9 * 12 * CHANNELS
