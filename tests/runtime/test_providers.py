"""What ONNX Runtime is asked for: options by device and precision, and what is missing."""

from importlib import metadata
from pathlib import Path

import pytest

from frostline.errors import FrostlineError, InputError
from frostline.runtime import openvino, providers

CACHE = Path("/cache")


def test_chains_end_where_nodes_may_go() -> None:
    """Best first."""
    names = {
        device: [each if isinstance(each, str) else each[0] for each in providers.chain(
            device, precision="float32", cache=CACHE
        )]
        for device in ("cpu", "cuda", "tensorrt")
    }  # fmt: skip
    assert names == {
        "cpu": ["CPUExecutionProvider"],
        "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"],
        "tensorrt": ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
    }


@pytest.mark.parametrize("graph", [False, True])
def test_cuda_is_exact_and_graphs_are_asked_for(graph: bool) -> None:
    """float32 is not TF32; every value is text, as ONNX Runtime wants it."""
    options = providers.cuda_options(3, graph=graph)
    assert options["device_id"] == "3"
    assert options["use_tf32"] == "0"
    assert options["enable_cuda_graph"] == str(int(graph))
    assert all(isinstance(value, str) for value in options.values())


@pytest.mark.parametrize(
    ("precision", "float16", "int8"), [("float32", "0", "0"), ("float16", "1", "0"), ("int8", "0", "1")]
)
def test_tensorrt_keeps_its_engines(precision: str, float16: str, int8: str) -> None:
    """The precision that was asked for and no other; engines and timings in the cache."""
    options = providers.tensorrt_options(0, precision=precision, cache=CACHE)
    assert (options["trt_fp16_enable"], options["trt_int8_enable"]) == (float16, int8)
    assert options["trt_engine_cache_enable"] == options["trt_timing_cache_enable"] == "1"
    assert options["trt_engine_cache_path"] == options["trt_timing_cache_path"] == "/cache"


@pytest.mark.parametrize(
    ("device", "precision"),
    [("cpu", "bfloat16"), ("cuda", "int8"), ("cuda", "bfloat16"), ("openvino", "float16")],
)
def test_a_precision_that_a_device_lacks(device: str, precision: str) -> None:
    """What it has is listed."""
    with pytest.raises(
        InputError, match=rf"--precision {precision}: {device} has float32, .*; use one of these"
    ):
        providers.require_precision(device, precision)


@pytest.mark.parametrize(
    ("flags", "able"), [("avx2 amx_bf16", True), ("avx512_bf16", True), ("avx2 avx512f", False)]
)
def test_bfloat16_is_refused_where_it_would_be_float32(
    monkeypatch: pytest.MonkeyPatch, flags: str, able: bool
) -> None:
    """Never another arithmetic under its name."""
    monkeypatch.setattr(openvino.system, "cpu_field", lambda _: flags)
    if able:
        providers.require_precision("openvino", "bfloat16")
    else:
        with pytest.raises(FrostlineError, match="neither AMX nor AVX-512 BF16"):
            providers.require_precision("openvino", "bfloat16")


def test_gpus_are_counted_by_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a driver there are none, and nothing is raised."""
    assert providers.gpus() >= 0
    monkeypatch.setattr(providers, "_driver", lambda: None)
    assert providers.gpus() == 0


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_no_package_is_advised_for_a_driver(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    """What the system lacks is named first: with all of NVIDIA's packages nothing would run."""
    monkeypatch.setattr(providers, "_driver", lambda: None)
    with pytest.raises(FrostlineError, match=f"{device} cannot be used: there is no NVIDIA driver") as caught:
        providers.require(device)
    assert "pip install" not in str(caught.value)


def test_the_distribution_is_whichever_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no wheels for GPUs, ONNX Runtime has its plain name."""
    asked = []

    def plain(name: str) -> metadata.Distribution:
        asked.append(name)
        if name == "onnxruntime-gpu":
            raise metadata.PackageNotFoundError(name)
        return real("numpy")

    real = metadata.distribution
    monkeypatch.setattr(metadata, "distribution", plain)
    assert providers.distribution().name == "numpy"
    assert asked == ["onnxruntime-gpu", "onnxruntime"]
