"""dvc.lock: which bytes each stage read and wrote."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from frostline import files
from frostline.paths import PARAMS

LOCK = Path("dvc.lock")
Stages = dict[str, dict[str, dict[str, str]]]  # see `parse`


def read(path: Path = LOCK) -> Stages:
    """The project's own lock as `parse` gives it; {} where there is none."""
    return parse(path.read_text(encoding="utf-8")) if path.is_file() else {}


def parse(text: str) -> Stages:
    """Stage to "deps" and "outs" to path to DVC's hash; {} for what is no lock."""
    try:
        stages = (YAML(typ="safe", pure=True).load(text) or {}).get("stages", {})
        return {
            name: {kind: _hashes(stage, kind) for kind in ("deps", "outs")} for name, stage in stages.items()
        }
    except (YAMLError, AttributeError, TypeError):
        return {}


def data_hash(dataset: str, *, classifier: str, path: Path = LOCK) -> str:
    """DVC's hash of the raw images that a classifier was trained on, as dvc.lock proves it, else "".

    Proven, because training may be older than the last preprocess: the dataset that training read must be
    the one that preprocess wrote from these images.
    """
    stages = read(path)
    made, trained = stages.get(f"preprocess@{dataset}"), stages.get(f"train@{classifier}")
    if not made or not trained:
        return ""
    inputs = {name: value for name, value in trained["deps"].items() if name in made["outs"]}
    raw = [value for name, value in made["deps"].items() if name.startswith("data/")]
    return raw[0] if inputs and inputs == made["outs"] and len(raw) == 1 else ""


def carry(migrate: Callable[[Mapping[str, Any]], Mapping[str, Any]], path: Path = LOCK) -> list[str]:
    """Let stages that are up to date stay so after a migration of params.yaml; the stages that were carried.

    `migrate` takes the values of params.yaml that a stage ran with, by dotted key, and gives those that mean the
    same now. Nothing else of the file changes.
    """
    if not path.is_file():
        return []
    yaml, content = _editable(path)
    carried = []
    for name, stage in content.get("stages", {}).items():
        values = stage.get("params", {}).get(PARAMS.name, {})
        if (now := dict(migrate(values))) != values:
            values.update(now)
            carried.append(name)
    if carried:
        _write(path, yaml, content)
    return carried


def drop(names: Collection[str], path: Path = LOCK) -> None:
    """Take stages out of the lock; nothing else of the file changes."""
    yaml, content = _editable(path)
    for name in names:
        content["stages"].pop(name, None)
    _write(path, yaml, content)


def _editable(path: Path) -> tuple[YAML, Any]:
    yaml = YAML()
    yaml.width = 4096
    return yaml, yaml.load(path.read_text(encoding="utf-8"))


def _write(path: Path, yaml: YAML, content: Any) -> None:
    with files.writing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        yaml.dump(content, file)


def _hashes(stage: Mapping[str, Any], kind: str) -> dict[str, str]:
    return {item["path"]: str(item.get("md5", "")) for item in stage.get(kind, [])}
