"""ONNX models: the contract they carry, and sessions that keep it."""
