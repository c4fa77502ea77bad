"""A trunk in int8: the same graph for the same images in any order, close to float32, kept, refused in one line."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from frostline import config
from frostline.errors import FrostlineError
from frostline.features import backends, cut_model, extraction, int8_trunk, trunks
from frostline.features.extraction import Images
from frostline.features.trunks import OnnxTrunk
from frostline.runtime import onnx_trunk, openvino, pool, variants
from helpers.networks import HEIGHT, KERAS_COPIES, WIDTH, residual
from helpers.onnx_networks import network

pytestmark = [
    KERAS_COPIES,
    pytest.mark.skipif(bool(openvino.missing()), reason="the extra cpu is not installed"),
]
KEY = {"backbone": "onnx", "weights": "0" * 64, "precision": "float32"}


def exact(**options: Any) -> OnnxTrunk:
    """The float32 trunk of a tiny ONNX file."""
    source = {"channels": "RGB", "scale": 1 / 255, "mean": [0.0] * 3, "std": [1.0] * 3}
    taps = {"flat": {"pooling": "none", "prefix_tokens": 0}}
    entry = config.OnnxWeights(backbone="onnx", source="net.onnx", input=source, taps=taps)
    made = onnx_trunk.make(network(**{"size": None, **options}), entry.input, entry.taps)
    return trunks.opened(made, weights="net", size=config.Size(height=HEIGHT, width=WIDTH))


def test_close_to_float32_and_no_copy_of_it(of: Images) -> None:
    """Rows are float32 numbers a little off; the weights are integers."""
    whole = exact()
    made = int8_trunk.quantized(whole, KEY, of)
    assert (made.precision, made.width, made.parameters) == ("int8", whole.width, whole.parameters)
    assert trunks.dtype(made) == "float32"
    kinds = {tensor.data_type for tensor in onnx.load_from_string(made.content).graph.initializer}
    assert onnx.TensorProto.INT8 in kinds
    rows = extraction.features(of, trunk=made, key={"of": "int8"})[:]
    expected = extraction.features(of, trunk=whole, key={"of": "float32"})[:]
    assert 0 < np.abs(rows - expected).max() < 0.05 * np.abs(expected).max()


def test_nothing_is_shifted_on_average(of: Images) -> None:
    """Over the images of calibration, feature by feature; by ONNX Runtime, as it was corrected."""
    whole = exact()
    made = int8_trunk.quantized(whole, KEY, of)
    pixels = extraction.pixels(of)[:]
    small, full = (pool.on_cpu(one.content)(pixels)["features"] for one in (made, whole))
    more = np.abs((small - full).mean(0))
    assert more.max() < 0.05 * np.abs(small - full).max()


@pytest.mark.parametrize("opset", [11, 18])
def test_older_and_newer_operators(of: Images, opset: int) -> None:
    """They are quantised like others."""
    made = int8_trunk.quantized(exact(opset=opset), {**KEY, "opset": opset}, of)
    assert made.precision == "int8"


def test_made_once_for_the_same_images(of: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever their names; other images calibrate otherwise."""
    some = replace(of, paths=of.paths[:5], ids=of.ids[:5])
    whole = exact()
    first = int8_trunk.quantized(whole, KEY, some)
    made, real = [], variants.make

    def counting(*given: Any, **named: Any) -> bytes:
        made.append(1)
        return real(*given, **named)

    monkeypatch.setattr(variants, "make", counting)
    assert (
        int8_trunk.quantized(whole, KEY, replace(some, paths=[f"x/{path}" for path in some.paths])) is first
    )
    assert made == []
    other = int8_trunk.quantized(whole, KEY, replace(of, paths=of.paths[1:6], ids=of.ids[1:6]))
    assert made == [1]
    assert other.content != first.content


def test_the_same_bytes_from_an_empty_cache(
    of: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is lost can be made again, so that rows keep their key."""
    first = int8_trunk.quantized(exact(), KEY, of)
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "other"))
    assert int8_trunk.quantized(exact(), KEY, of).content == first.content


def test_the_trunk_of_a_keras_network(of: Images) -> None:
    """Converted first; its name in the cache is that of who computes it."""
    keras_trunk = cut_model.cut(residual(), "all").trunk
    made = int8_trunk.quantized(keras_trunk, {**KEY, "backbone": "tiny"}, of)
    assert made.width == trunks.values(keras_trunk)
    [backend] = backends.available(made)
    assert backend.name == f"{openvino.runtime()} in int8"
    assert set(backends.packages(made)) > {openvino.PACKAGE}
    rows = extraction.features(of, trunk=made, key={"of": "int8"})[:]
    expected = extraction.features(of, trunk=keras_trunk, key={"of": "Keras"})[:]
    assert np.abs(rows - expected).max() < 0.1 * np.abs(expected).max()


def test_a_network_for_so_many_images_at_once(of: Images) -> None:
    """It is calibrated by batches of that size, the last one filled up."""
    whole = exact(size=(HEIGHT, WIDTH), batch=3, baked=True)
    made = int8_trunk.quantized(whole, KEY, of)
    assert len(extraction.features(of, trunk=made, key={"of": "three"})) == len(of.ids)


def test_what_cannot_be_quantised_is_said_in_a_line(of: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the quantiser raises; nothing is kept."""

    def broken(*_: Any, **__: Any) -> bytes:
        raise ValueError("an operator of old\nand more")

    monkeypatch.setattr(variants, "make", broken)
    with pytest.raises(FrostlineError, match=r"int8: the network cannot be quantised \(an operator of old"):
        int8_trunk.quantized(exact(), KEY, of)


def test_without_openvino(of: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, with what to install, before anything is calibrated."""
    monkeypatch.setattr(openvino, "missing", lambda: "the package openvino is not installed")
    with pytest.raises(FrostlineError, match=r"precision int8: features .*frostline\[cpu\]"):
        int8_trunk.quantized(exact(), KEY, of)
