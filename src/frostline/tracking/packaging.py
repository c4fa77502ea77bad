"""An exported model as MLflow's folder: it serves itself, with what scoring needs and nothing else."""

import base64
import importlib.metadata
import io
import json
import platform
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frostline.errors import FrostlineError
from frostline.runtime import answers

if TYPE_CHECKING:
    from onnx import ModelProto

# What serving takes.
PACKAGES = ("mlflow", "numpy", "onnxruntime", "onnxruntime-gpu", "pandas", "pillow", "pyarrow")
SERVING = "frostline.scoring.serving"
FILE = "data/model.onnx"  # where MLflow puts what a loader module reads
# How MLflow describes an example of the input that is a table.
EXAMPLE = {
    "artifact_path": "input_example.json",
    "serving_input_path": "serving_input_example.json",
    "type": "dataframe",
    "pandas_orient": "split",
}


def save(folder: Path, *, model: Path, run_id: str, model_id: str) -> None:
    """Write MLflow's folder of an exported model; the .onnx file in it is that file, byte for byte.

    Two flavours read it: `python_function` takes image files (see frostline.scoring.serving, whose code
    comes along), `onnx` gives the graph, for pixels (N, H, W, 3). It is what `mlflow.pyfunc.save_model` writes,
    which also compares the pins with the installed packages, of which they are.
    """
    import yaml
    from mlflow.models import Model

    loaded = _load(model, made_by=f"dvc repro export@{model.parent.name}")
    pins = requirements()
    about = Model(
        run_id=run_id,
        model_id=model_id,
        metadata={"frostline": _contract(loaded)},
        saved_input_example_info=EXAMPLE,
        model_size_bytes=model.stat().st_size,
    )
    about.add_flavor("onnx", onnx_version=_version("onnx"), data=FILE, providers=["CPUExecutionProvider"])
    about.add_flavor(
        "python_function",
        loader_module=SERVING,
        python_version=platform.python_version(),
        data=FILE,
        code="code",
        env={"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        streamable=False,
    )
    (folder / FILE).parent.mkdir(parents=True)
    shutil.copyfile(model, folder / FILE)
    _copy_code(folder / "code")
    for name, text in {**_environments(pins), **_examples(_picture(loaded))}.items():
        (folder / name).write_text(text, encoding="utf-8")
    described = {**about.to_dict(), **_signature(loaded)}
    (folder / "MLmodel").write_text(yaml.safe_dump(described), encoding="utf-8")


def requirements() -> list[str]:
    """Pins of what is installed here, for whoever serves the model through MLflow."""
    return [_pin(name) for name in PACKAGES if _version(name)]


def _version(package: str) -> str:
    """The installed version of a package; "" where it is missing."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _pin(package: str, relation: str = "==") -> str:
    """A package as it is installed here, by name alone where it is not."""
    version = _version(package)
    return f"{package}{relation}{version}" if version else package


def _environments(pins: Sequence[str]) -> dict[str, str]:
    """For each of MLflow's ways to make an environment for a model its file."""
    python = platform.python_version()
    build = [f"- {_pin(package)}" for package in ("pip", "setuptools", "wheel")]
    # conda-forge has a release of pip some days after PyPI.
    conda = [f"- python={python}", f"- {_pin('pip', '<=')}", "- pip:", *(f"  - {pin}" for pin in pins)]
    lines = {
        "requirements.txt": pins,
        "python_env.yaml": [
            f"python: {python}", "build_dependencies:", *build, "dependencies:", "- -r requirements.txt",
        ],
        "conda.yaml": ["channels:", "- conda-forge", "dependencies:", *conda, "name: mlflow-env"],
    }  # fmt: skip
    return {name: "".join(f"{line}\n" for line in text) for name, text in lines.items()}


def _load(model: Path, *, made_by: str) -> "ModelProto":
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        return onnx.load(model)
    except DecodeError:
        raise FrostlineError(f"{model} is not an ONNX file; run `{made_by} --force`") from None


def _contract(loaded: "ModelProto") -> Any:
    """The contract in the file's metadata as plain values."""
    texts = {entry.key: entry.value for entry in loaded.metadata_props}
    return json.loads(texts["frostline"])


def _tells_sets(loaded: "ModelProto") -> bool:
    """Whether any coverage can be asked for."""
    texts = {entry.key: entry.value for entry in loaded.metadata_props}
    return bool(answers.of(texts).thresholds)


def _copy_code(folder: Path) -> None:
    """Copy the part of this package that serving imports, as a package of its own."""
    from frostline.pipeline import code_digest

    for source in code_digest.closure(SERVING):
        target = folder / source.relative_to(code_digest.PACKAGE.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _signature(loaded: "ModelProto") -> dict[str, Any]:
    """An image file in (over HTTP as base64), a row of scores out; with the options of `frostline score`.

    In MLflow's words for it, whose own module of signatures would import pandas.
    """
    outputs: list[tuple[str, dict[str, Any]]] = [
        ("status", {"type": "string", "required": True}),
        ("error", {"type": "string", "required": False}),
        ("label", {"type": "string", "required": False}),
        ("prob", {"type": "double", "required": False}),
        ("probs", {"type": "array", "items": {"type": "double"}, "required": False}),
    ]
    if "unknown" in {one.name for one in loaded.graph.output}:
        outputs.append(("unknown", {"type": "double", "required": False}))
    if _tells_sets(loaded):
        texts = {"type": "array", "items": {"type": "string"}, "required": False}
        outputs.append(("prediction_set", texts))
    # All of them, whatever the model can do: MLflow drops what is not named here, so that nobody would refuse it.
    params = {"min_confidence": 0.0, "unknown": None, "coverage": None}
    fields = {
        "inputs": [{"name": "image", "type": "binary", "required": True}],
        "outputs": [{"name": name, **kind} for name, kind in outputs],
        "params": [
            {"name": name, "type": "double", "default": value, "shape": None}
            for name, value in params.items()
        ],
    }
    return {
        "signature": {name: json.dumps(columns) for name, columns in fields.items()},
        "is_signature_from_type_hint": False,
        "type_hint_from_example": False,
    }


def _picture(loaded: "ModelProto") -> bytes:
    """One grey ramp of the model's own size as PNG: an image of nobody, the same for the same model."""
    import numpy as np
    from PIL import Image

    height, width = (side.dim_value for side in loaded.graph.input[0].type.tensor_type.shape.dim[1:3])
    ramp = np.linspace(0, 255, height * width, dtype=np.uint8).reshape(height, width)
    content = io.BytesIO()
    Image.fromarray(ramp).convert("RGB").save(content, "png")
    return content.getvalue()


def _examples(picture: bytes) -> dict[str, str]:
    """An image as an example of the model's input, for Python and as the body of a request."""
    table = {"columns": ["image"], "data": [[base64.b64encode(picture).decode()]]}
    return {
        EXAMPLE["artifact_path"]: json.dumps(table),
        EXAMPLE["serving_input_path"]: json.dumps({"dataframe_split": table}, indent=2),
    }
