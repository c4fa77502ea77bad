"""ONNX models: the contract they carry, engines that run them, and sessions that keep the contract."""

import os

# ONNX Runtime's builds report their use to its maker, and keep a number of this machine for it, unless told not to
# before they are loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
