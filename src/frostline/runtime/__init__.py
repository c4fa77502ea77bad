"""ONNX models: the contract they carry, engines that run them, and sessions that keep the contract."""
