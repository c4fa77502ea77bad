"""dvc.lock: which bytes each stage read and wrote."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

LOCK = Path("dvc.lock")


def parse(text: str) -> dict[str, dict[str, dict[str, str]]]:
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
    stages = parse(path.read_text(encoding="utf-8")) if path.is_file() else {}
    made, trained = stages.get(f"preprocess@{dataset}"), stages.get(f"train@{classifier}")
    if not made or not trained:
        return ""
    read = {name: value for name, value in trained["deps"].items() if name in made["outs"]}
    raw = [value for name, value in made["deps"].items() if name.startswith("data/")]
    return raw[0] if read and read == made["outs"] and len(raw) == 1 else ""


def _hashes(stage: Mapping[str, Any], kind: str) -> dict[str, str]:
    return {item["path"]: str(item.get("md5", "")) for item in stage.get(kind, [])}
