"""OpenVINO: what it is asked for, what keeps it from running, and that it reports nothing to anybody."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from frostline.errors import FrostlineError
from frostline.runtime import openvino, providers

without_openvino = pytest.mark.skipif(bool(openvino.missing()), reason="the extra cpu is not installed")


@pytest.mark.parametrize(
    ("precision", "flags", "hint"),
    [
        ("float32", "avx512_bf16 amx_bf16", "f32"),
        ("bfloat16", "avx512_bf16", "bf16"),
        ("int8", "avx2", "f32"),
        ("int8", "avx512_bf16", "bf16"),
        ("int8", "amx_bf16", "bf16"),
    ],
)
def test_it_is_told_its_arithmetic(
    monkeypatch: pytest.MonkeyPatch, precision: str, flags: str, hint: str
) -> None:
    """It would choose bfloat16 by itself where there is any; what int8 leaves in floats may be that."""
    monkeypatch.setattr(openvino.system, "cpu_field", lambda _: flags)
    settings = openvino.settings(precision=precision, threads=2, streams=3)
    assert settings["INFERENCE_PRECISION_HINT"] == hint
    assert settings["INFERENCE_NUM_THREADS"] == "2"
    assert settings["NUM_STREAMS"] == "3"
    assert "INFERENCE_NUM_THREADS" not in openvino.settings(precision=precision, threads=None, streams=1)


@pytest.mark.parametrize(("threads", "streams"), [(1, 1), (2, 2), (4, 4), (8, 4), (16, 4), (64, 16)])
def test_few_processors_have_a_run_each(threads: int, streams: int) -> None:
    """More of them share a run, four or more to one."""
    assert openvino.streams(threads) == streams
    assert 1 <= openvino.streams() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (ModuleNotFoundError("openvino"), "the package openvino is not installed"),
        (
            ImportError("libtbb.so.12: cannot open\nmore"),
            r"its libraries do not load \(libtbb.so.12: cannot open\)",
        ),
    ],
)
def test_it_says_why_it_cannot_run(monkeypatch: pytest.MonkeyPatch, error: Exception, problem: str) -> None:
    """One line, with the command that installs it."""

    def absent() -> None:
        raise error

    monkeypatch.setattr(openvino, "library", absent)
    with pytest.raises(
        FrostlineError, match=rf"openvino cannot be used: {problem}; pip install 'frostline\[cpu\]'"
    ):
        providers.require("openvino")


@without_openvino
def test_it_reports_nothing(tmp_path: Path) -> None:
    """Imported as it comes it tells its maker so, and keeps a number of this user; not through here."""
    code = (
        "import socket, sys\n"
        "def refused(*_, **__): raise AssertionError('the network is used')\n"
        "socket.getaddrinfo = socket.create_connection = refused\n"
        "from frostline.runtime import openvino\n"
        "openvino.library().Core()\n"
        "import threading; print(threading.active_count(), 'openvino_telemetry' in sys.modules)"
    )
    environment = {**os.environ, "HOME": str(tmp_path)}
    environment.pop("CI", None)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout.split(), done.stderr) == (["1", "False"], "")
    assert list(tmp_path.iterdir()) == []


def test_a_module_is_absent_for_a_moment() -> None:
    """And then as it was before, loaded or not."""
    with openvino._absent("json"), pytest.raises(ImportError):
        importlib.import_module("json")
    assert importlib.import_module("json").loads("1") == 1
    with openvino._absent("frostline_none"):
        pass
    assert "frostline_none" not in sys.modules


def test_an_engine_has_a_name_and_a_version() -> None:
    """It stands in job files and in keys of features."""
    if not openvino.missing():
        name, version = providers.runtime("openvino").split()
        assert (name, version.count(".")) == ("OpenVINO", 2)
    assert providers.runtime("cuda") == f"ONNX Runtime {providers.distribution().version}"


def test_a_processor_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """By numbers where the system knows no other."""
    fields = {"CPU implementer": "0x41", "CPU part": "0xd40"}
    monkeypatch.setattr(openvino.system, "cpu_field", lambda name: fields.get(name, ""))
    assert openvino.processor() == "0x41 0xd40"
