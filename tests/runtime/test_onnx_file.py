"""ONNX files of others, read whole: weights beside them inside a folder only, and one line for the rest."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from frostline.errors import InputError
from frostline.runtime import onnx_file
from helpers.onnx_networks import network, written


def beside(folder: Path, *, location: str = "weights.bin") -> Path:
    """A folder with a network whose kernel lies in a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(
        network(), folder / "net.onnx", save_as_external_data=True, location="weights.bin", size_threshold=100
    )
    if location != "weights.bin":
        model = onnx.load(folder / "net.onnx", load_external_data=False)
        for tensor in model.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = location
        (folder / "net.onnx").write_bytes(model.SerializeToString())
    return folder


def test_weights_beside_the_file_are_read_from_its_folder(tmp_path: Path) -> None:
    """The folder is the source; then nothing is left outside the model."""
    model = onnx_file.read(beside(tmp_path / "net"))
    kernels = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    plain = {tensor.name: numpy_helper.to_array(tensor) for tensor in network().graph.initializer}
    np.testing.assert_array_equal(kernels["kernel"], plain["kernel"])
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_weights_beside_a_file_of_many_are_refused(tmp_path: Path) -> None:
    """DVC would hash the file alone: a folder of its own is what it takes."""
    folder = beside(tmp_path / "net")
    with pytest.raises(InputError, match=r"weights\.bin.*folder of their own"):
        onnx_file.read(folder / "net.onnx")


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/hostname", "link.bin"])
def test_weights_outside_the_folder_are_refused(tmp_path: Path, location: str) -> None:
    """By a path, or behind a link."""
    (tmp_path / "weights.bin").write_bytes(b"x" * 4096)
    folder = beside(tmp_path / "net", location=location)
    (folder / "link.bin").symlink_to(tmp_path / "weights.bin")
    with pytest.raises(InputError, match="outside its folder"):
        onnx_file.read(folder)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    """And not computed with as zeros."""
    folder = beside(tmp_path / "net")
    (folder / "weights.bin").unlink()
    with pytest.raises(InputError, match=r"weights\.bin, which is missing"):
        onnx_file.read(folder)


@pytest.mark.parametrize("content", [None, b"", b"no protobuf", b"\x08\x07"])
def test_what_is_no_network(tmp_path: Path, content: bytes | None) -> None:
    """Missing, empty, something else: one line with the file's name."""
    file = tmp_path / "net.onnx"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=r"net\.onnx"):
        onnx_file.read(file)


def test_a_folder_of_two_networks_is_refused(tmp_path: Path) -> None:
    """Which one is meant, nobody knows."""
    written(tmp_path / "a.onnx")
    written(tmp_path / "b.onnx")
    with pytest.raises(InputError, match="holds 2 files"):
        onnx_file.read(tmp_path)


def test_what_an_exported_model_could_not_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two GiB is where protobuf ends; weights beside the file count."""
    folder = beside(tmp_path / "net")
    whole = sum(path.stat().st_size for path in folder.iterdir())
    monkeypatch.setattr(onnx_file, "MOST_BYTES", whole - 1)
    with pytest.raises(InputError, match="GiB with its weights"):
        onnx_file.read(folder)


def test_initializers_are_no_inputs(tmp_path: Path) -> None:
    """Old exporters list them so."""
    model = network()
    model.graph.input.extend(
        onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        for tensor in model.graph.initializer
    )
    onnx.save(model, tmp_path / "net.onnx")
    assert [value.name for value in onnx_file.read(tmp_path / "net.onnx").graph.input] == ["pixels"]
