"""Sessions: the model runs where it says it runs, or one line says why not."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto

from frostline.errors import FrostlineError, InputError
from frostline.files import sha256
from frostline.runtime import openvino, pool, providers, sessions
from frostline.runtime.contract import to_json
from frostline.runtime.sessions import open_session
from helpers.models import contract, model

NO_CUDA = bool(providers.missing("cuda"))
without_cuda = pytest.mark.skipif(not NO_CUDA, reason="this machine has CUDA's libraries")


def test_a_model_runs_and_tells_what_it_is(tmp_path: Path) -> None:
    """Contract, hash, provider and probabilities of a file on the CPU."""
    file = tmp_path / "model.onnx"
    file.write_bytes(model())
    session = open_session(file, device="cpu")
    assert session.contract == contract()
    assert session.sha256 == sha256(file.read_bytes())
    assert (session.asked, session.provider, session.device) == ("cpu", "CPUExecutionProvider", "cpu")
    batch = np.zeros((2, 20, 28, 3), np.uint8)
    batch[1, ..., 0] = 200  # red
    probs = session.run(batch)["probs"]
    assert probs.dtype == np.float32
    np.testing.assert_allclose(probs.sum(axis=1), [1, 1], rtol=1e-6)
    np.testing.assert_allclose(probs[0], [1 / 3] * 3, rtol=1e-6)
    assert contract().classes[probs[1].argmax()] == "red"


def test_bytes_and_file_are_the_same_model(tmp_path: Path) -> None:
    """A model in memory needs no file."""
    file = tmp_path / "model.onnx"
    file.write_bytes(model())
    assert open_session(model(), device="cpu").sha256 == open_session(file, device="cpu").sha256


def test_features_come_where_they_are_asked_for() -> None:
    """`features` is an output beside `probs`, computed all the same; a model without it says so."""
    batch = np.full((4, 20, 28, 3), 9, np.uint8)
    made = model(features=True)
    assert sorted(open_session(made, device="cpu").run(batch)) == ["probs"]
    outputs = open_session(made, device="cpu", features=True).run(batch)
    np.testing.assert_allclose(outputs["features"], np.full((4, 3), 9.0))
    with pytest.raises(InputError, match="it has no output `features`; export it again, or leave out"):
        open_session(model(), device="cpu", features=True)


FOREIGN = "it is not a model exported by frostline"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot load it as a model"),
        (b"<!DOCTYPE html><html>gone</html>", "cannot load it as a model"),
        (b"\x00" * 100, "cannot load it as a model"),
        (model()[: len(model()) // 2], "cannot load it as a model"),
        (model(metadata=None), FOREIGN),
        (model(metadata="{}"), "contract version None"),
        (model(metadata="not json"), "contract is broken: it is not JSON"),
        (model(contract(decode="frostline-0/pillow-9")), "needs images decoded by frostline-0/pillow-9"),
        (model(names=("picture", "probs")), "its only input must be `image` of uint8; is picture"),
        (model(kind=TensorProto.FLOAT), "is image of float32"),
        (model(shape=("N", 28, 20, 3)), "must have the shape ['N', 20, 28, 3]; has ['N', 28, 20, 3]"),
        (model(names=("image", "scores")), "its output `probs` must be (1, 3) float32; is nothing"),
        (model(outputs=2), "must be (1, 3) float32; is (1, 2) float32"),
        (model(metadata=to_json(contract(classes=("a", "b")))), "must be (1, 2) float32; is (1, 3)"),
        (model(last="Sigmoid"), "its probabilities sum to 2.9"),
    ],
)
def test_models_that_break_the_contract_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    """One line: which file, what is wrong, what to do; never a traceback or a wrong score."""
    file = tmp_path / "odd.onnx"
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        open_session(file, device="cpu")
    assert message in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"), [("none.onnx", "No such file"), (".", "Is a directory"), ("x" * 300, "too long")]
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, message: str) -> None:
    """A wrong path says so."""
    with pytest.raises(InputError, match=message):
        open_session(tmp_path / name, device="cpu")


def test_unknown_device() -> None:
    """The known ones are listed."""
    with pytest.raises(
        InputError, match="unknown device 'gpu'; use one of auto, cpu, openvino, cuda, tensorrt"
    ):
        open_session(model(), device="gpu")


@without_cuda
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_device_that_is_missing_fails_with_the_library(device: str) -> None:
    """Never on the CPU in silence: the missing library, and what installs it."""
    with pytest.raises(FrostlineError) as caught:
        open_session(model(), device=device)
    message = str(caught.value)
    assert message.startswith(f"{device} cannot be used: ")
    assert ".so" in message
    assert (
        providers.NO_DRIVER in message or "is missing; pip install 'onnxruntime-gpu[cuda,cudnn]'" in message
    )
    assert "\n" not in message


@without_cuda
def test_auto_falls_back_and_says_why() -> None:
    """What came up is what is said, with the reason."""
    session = open_session(model(), device="auto")
    cpu = "CPUExecutionProvider" if providers.missing("openvino") else openvino.NAME
    assert (session.asked, session.provider, session.device) == ("auto", cpu, "cpu")
    assert session.why.startswith("cuda cannot be used: ")


def test_auto_reports_a_broken_model_as_the_model_s_fault() -> None:
    """A file that no device could load is not taken for a missing GPU."""
    with pytest.raises(InputError, match="cannot load it as a model"):
        open_session(b"nonsense", device="auto")


def test_a_provider_that_drops_out_in_silence_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries that load without a GPU behind them: ONNX Runtime answers on the CPU, we do not."""
    monkeypatch.setattr(providers, "missing", lambda device: "not here" if device == "openvino" else "")
    monkeypatch.setattr(onnxruntime, "InferenceSession", _on_cpu_only)
    with pytest.raises(FrostlineError, match="cuda did not come up, though its libraries load"):
        open_session(model(), device="cuda")
    session = open_session(model(), device="auto")
    assert session.provider == "CPUExecutionProvider"
    assert "did not come up" in session.why


REAL_SESSION = onnxruntime.InferenceSession


def _on_cpu_only(content: bytes, options: Any, providers: list[str]) -> Any:
    """What ONNX Runtime does where no GPU answers."""
    assert providers[-1] == "CPUExecutionProvider"
    return REAL_SESSION(content, options, providers=["CPUExecutionProvider"])


def test_a_device_that_raises_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver's own words come as one line."""

    def raising(_: bytes, options: Any, providers: list[str]) -> Any:
        del options, providers
        raise RuntimeError("[ONNXRuntimeError] : 1 : FAIL : CUDA driver is too old.\n  at line 7")

    monkeypatch.setattr(providers, "missing", lambda _: "")
    monkeypatch.setattr(onnxruntime, "InferenceSession", raising)
    with pytest.raises(FrostlineError) as caught:
        open_session(model(), device="cuda")
    assert str(caught.value) == "cuda did not come up: CUDA driver is too old"


def test_a_failure_while_running_is_one_line() -> None:
    """A device that fails on a batch is said with its size."""
    session = open_session(model(), device="cpu")
    with pytest.raises(FrostlineError) as caught:
        session.run(np.zeros((5, 7, 9, 3), np.uint8))
    assert "the model failed on cpu with 5 images at once" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("message", "short"),
    [
        (
            "libcudnn.so.9: cannot open shared object file: No such file or directory",
            "libcudnn.so.9 is missing",
        ),
        ("libx.so: undefined symbol: y\nmore", "libx.so: undefined symbol: y"),
    ],
)
def test_loader_messages(message: str, short: str) -> None:
    """The dynamic loader's words, short."""
    assert providers._explain(OSError(message)) == short


def test_cpu_misses_nothing() -> None:
    """The CPU provider is embedded."""
    assert providers.missing("cpu") == ""
    providers.require("cpu")


def test_a_build_without_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU-only package has no such file: said, with the package that has it."""
    monkeypatch.setitem(providers.LIBRARIES, "cuda", "libnone.so")
    with pytest.raises(FrostlineError, match=r"the installed onnxruntime has no libnone\.so; pip install"):
        providers.require("cuda")


@without_cuda
def test_nothing_reaches_the_terminal(tmp_path: Path) -> None:
    """ONNX Runtime's own warnings, at import and about missing providers, stay away from users."""
    file = tmp_path / "model.onnx"
    file.write_bytes(model())
    code = (
        "import pathlib, sys; from frostline.runtime.sessions import open_session\n"
        "open_session(pathlib.Path(sys.argv[1]), device='auto')"
    )
    done = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_importing_sessions_loads_no_runtime() -> None:
    """Importing any room is free."""
    code = "import sys, frostline.runtime.sessions, frostline.runtime.contract; print('onnxruntime' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert sessions.DEVICES == ("auto", "cpu", "openvino", "cuda", "tensorrt")


@pytest.mark.skipif(bool(openvino.missing()), reason="the extra cpu is not installed")
@pytest.mark.parametrize("parallel", [False, True])
def test_openvino_divides_its_threads_among_runs(parallel: bool) -> None:
    """Only for callers that keep so many runs under way; a run alone has all threads."""
    loaded = pool.load(model(), "openvino", "float32", threads=3, parallel=parallel)
    loaded.names = ("probs",)
    assert loaded.streams == (3 if parallel else 1)
    batch = np.random.default_rng(3).integers(0, 256, (8, 20, 28, 3), np.uint8)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda row: loaded.run(batch[row : row + 1])["probs"], range(8)))
    np.testing.assert_allclose(np.concatenate(found), loaded.run(batch)["probs"], atol=1e-6)


@pytest.mark.skipif(bool(openvino.missing()), reason="the extra cpu is not installed")
@pytest.mark.parametrize(
    ("precision", "within"), [("float32", 1e-6), *([("bfloat16", 1e-2)] if openvino.has_bfloat16() else [])]
)
def test_openvino_settles_on_a_size(precision: str, within: float) -> None:
    """Whatever comes in pieces of it: rows of batches of 1, 5 and 32 are the same in every bit, beside each other too;
    those of another size within the precision.
    """
    session = open_session(model(), device="openvino", precision=precision, parallel=True)
    assert (session.provider, session.device, session.streams) == ("OpenVINO", "cpu", openvino.streams())
    assert session.engine == openvino.runtime()
    batch = np.random.default_rng(3).integers(0, 256, (32, 20, 28, 3), np.uint8)
    free = session.run(batch)["probs"]
    for size in (4, 3):
        session.bind(size)
        whole = session.run(batch)["probs"]
        np.testing.assert_allclose(whole, free, atol=within)
        for count in (1, 5):
            parts = [batch[at : at + count] for at in range(0, 32, count)]
            with ThreadPoolExecutor(4) as threads:
                found = list(threads.map(lambda part: session.run(part)["probs"], parts))
            assert np.array_equal(np.concatenate(found), whole)
