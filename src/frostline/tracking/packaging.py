"""An exported model as MLflow's folder: it serves itself, with what scoring needs and nothing else."""

import importlib.metadata
import io
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frostline.errors import FrostlineError
from frostline.runtime import answers

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature
    from onnx import ModelProto

# What serving takes. Left to itself MLflow installs the model somewhere to find out.
PACKAGES = ("mlflow", "numpy", "onnxruntime", "onnxruntime-gpu", "pandas", "pillow", "pyarrow")
SERVING = "frostline.scoring.serving"
FILE = "data/model.onnx"  # where MLflow puts what a loader module reads


def save(folder: Path, *, model: Path, run_id: str, model_id: str) -> None:
    """Write MLflow's folder of an exported model; the .onnx file in it is that file, byte for byte.

    Two flavours read it: `python_function` takes image files (see frostline.scoring.serving, whose code
    comes along), `onnx` gives the graph, for pixels (N, H, W, 3).
    """
    import mlflow.pyfunc
    import onnx
    from mlflow.models import Model

    loaded = _load(model, made_by=f"dvc repro export@{model.parent.name}")
    about = Model(run_id=run_id, model_id=model_id, metadata={"frostline": _contract(loaded)})
    about.add_flavor("onnx", onnx_version=onnx.__version__, data=FILE, providers=["CPUExecutionProvider"])
    with tempfile.TemporaryDirectory() as code:
        mlflow.pyfunc.save_model(
            str(folder),
            loader_module=SERVING,
            data_path=str(model),
            code_paths=[str(_code(Path(code)))],
            mlflow_model=about,
            signature=_signature(
                tells_unknown="unknown" in {one.name for one in loaded.graph.output},
                tells_sets=_tells_sets(loaded),
            ),
            input_example=_example(loaded),
            pip_requirements=requirements(),
        )


def requirements() -> list[str]:
    """Pins of what is installed here, for whoever serves the model through MLflow."""
    installed = {
        package.name.lower(): package.version
        for package in importlib.metadata.distributions()
        if package.name.lower() in PACKAGES
    }
    return [f"{name}=={version}" for name, version in sorted(installed.items())]


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


def _code(folder: Path) -> Path:
    """The part of this package that serving imports, as a package of its own."""
    from frostline.pipeline import code_digest

    for source in code_digest.closure(SERVING):
        target = folder / code_digest.PACKAGE.name / source.relative_to(code_digest.PACKAGE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    return folder / code_digest.PACKAGE.name


def _signature(*, tells_unknown: bool, tells_sets: bool) -> "ModelSignature":
    """An image file in (over HTTP as base64), a row of scores out; with the options of `frostline score`."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import Array

    outputs: list[tuple[str, Any, bool]] = [
        ("status", DataType.string, True),
        ("error", DataType.string, False),
        ("label", DataType.string, False),
        ("prob", DataType.double, False),
        ("probs", Array(DataType.double), False),
    ]
    if tells_unknown:
        outputs.append(("unknown", DataType.double, False))
    if tells_sets:
        outputs.append(("prediction_set", Array(DataType.string), False))
    # All of them, whatever the model can do: MLflow drops what is not named here, so that nobody would refuse it.
    params = {"min_confidence": 0.0, "unknown": None, "coverage": None}
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.binary, "image")]),
        outputs=Schema([ColSpec(kind, name, required=required) for name, kind, required in outputs]),
        params=ParamSchema([ParamSpec(name, DataType.double, value) for name, value in params.items()]),
    )


def _example(loaded: "ModelProto") -> "pd.DataFrame":
    """One grey ramp of the model's own size as PNG: an image of nobody, the same for the same model."""
    import numpy as np
    import pandas as pd
    from PIL import Image

    height, width = (side.dim_value for side in loaded.graph.input[0].type.tensor_type.shape.dim[1:3])
    ramp = np.linspace(0, 255, height * width, dtype=np.uint8).reshape(height, width)
    content = io.BytesIO()
    Image.fromarray(ramp).convert("RGB").save(content, "png")
    return pd.DataFrame({"image": [content.getvalue()]})
