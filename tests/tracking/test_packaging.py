"""MLflow's folder of a model as frostline writes it, beside the one that MLflow itself would write."""

import base64
import json
from pathlib import Path
from typing import Any

import mlflow
import pytest
import yaml
from mlflow.models import Model

from frostline import files
from frostline.pipeline import code_digest
from frostline.tracking import packaging
from helpers.models import contract, telling_unknown


@pytest.mark.filterwarnings("ignore")  # of MLflow about its own types
def test_it_is_the_folder_that_mlflow_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same files and descriptions; in MLmodel only its time and number, and the size counts the model alone."""
    monkeypatch.setenv("MLFLOW_ENABLE_INPUT_EXAMPLE_TYPE_INFERENCE", "false")
    model = tmp_path / "tiny" / "model.onnx"
    model.parent.mkdir()
    model.write_bytes(telling_unknown(contract(recipe="k" * 64)))
    packaging.save(tmp_path / "ours", model=model, run_id="r", model_id="m")
    about = Model.load(tmp_path / "ours")
    mine = Model(run_id="r", model_id="m", metadata=about.metadata)
    mine.add_flavor("onnx", **about.flavors["onnx"])
    mlflow.pyfunc.save_model(
        str(tmp_path / "theirs"),
        loader_module=packaging.SERVING,
        data_path=str(model),
        code_paths=[str(tmp_path / "ours/code/frostline")],
        mlflow_model=mine,
        signature=about.signature,
        input_example=about.load_input_example(str(tmp_path / "ours")),
        pip_requirements=packaging.requirements(),
    )
    ours, theirs = _described(tmp_path / "ours"), _described(tmp_path / "theirs")
    assert ours["MLmodel"].pop("model_size_bytes") == model.stat().st_size
    assert theirs["MLmodel"].pop("model_size_bytes") > model.stat().st_size
    assert ours == theirs
    assert ours["conda.yaml"]["dependencies"][-1]["pip"] == packaging.requirements()
    assert {name for name in ours if name.startswith("code/")} == {
        f"code/frostline/{path.relative_to(code_digest.PACKAGE).as_posix()}"
        for path in code_digest.closure(packaging.SERVING)
    }


def _described(folder: Path) -> dict[str, Any]:
    """The content of each file below a folder, as far as it is the same whenever it is written."""
    found = {
        path.relative_to(folder).as_posix(): _content(path) for path in folder.rglob("*") if path.is_file()
    }
    for name in ("utc_time_created", "model_uuid"):
        assert found["MLmodel"].pop(name)
    signature = found["MLmodel"]["signature"]
    found["MLmodel"]["signature"] = {name: json.loads(columns) for name, columns in signature.items()}
    return found


def _content(path: Path) -> Any:
    if path.name == "requirements.txt":
        return path.read_text().splitlines()
    if path.suffix == ".yaml" or path.name == "MLmodel":
        return yaml.safe_load(path.read_text())
    if path.suffix == ".json":
        values = json.loads(path.read_text())
        table = values.get("dataframe_split", values)
        table["data"] = [[base64.b64decode(cell) for cell in row] for row in table["data"]]
        return values
    return files.sha256_file(path)


def test_what_is_not_installed_is_named_without_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment of uv has no pip; pins are of packages that there are."""
    monkeypatch.setattr(packaging, "_version", {"numpy": "2.4", "setuptools": "80"}.get)
    assert packaging.requirements() == ["numpy==2.4"]
    made = {name: text.splitlines() for name, text in packaging._environments(["numpy==2.4"]).items()}
    assert made["requirements.txt"] == ["numpy==2.4"]
    assert made["python_env.yaml"][2:5] == ["- pip", "- setuptools==80", "- wheel"]
    assert yaml.safe_load("\n".join(made["conda.yaml"]))["dependencies"][1:] == [
        "pip",
        {"pip": ["numpy==2.4"]},
    ]
