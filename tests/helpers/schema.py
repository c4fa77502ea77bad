"""params.yaml as the reference lists it: every key by its dotted pattern, what it may be, what `init` writes there."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from frostline import config
from frostline.config import Tap
from frostline.config.schema import Params
from frostline.template import recipe
from frostline.template.onnx_weights import OnnxNetwork
from frostline.template.photos import Photos
from frostline.template.weights import PretrainedFile

TYPES = {"integer": "integer", "number": "number", "string": "text", "boolean": "true or false"}
ONNX = PretrainedFile(
    "onnx",
    Path("net.onnx"),
    onnx=OnnxNetwork(224, 224, False, "pooled", Tap(pooling="none", prefix_tokens=0), 512, (), False),
)
MANY = 12  # more values than these are listed elsewhere on the page


def keys() -> dict[str, str]:
    """`datasets.NAME.path` → its values in words, for every key that holds a value or may be null."""
    schema = Params.model_json_schema()
    found: dict[str, str] = {}
    for path, words in _keys(schema, "", schema["$defs"]):
        before = found.setdefault(path, words)
        found[path] = before if words in before else f"{before}, {words}"
    return found


def _keys(node: Mapping[str, Any], path: str, defs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in node.get("properties", {}).items():
        yield from _key(value, f"{path}{name}", defs)


def _key(value: Mapping[str, Any], path: str, defs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    options = [_resolved(each, defs) for each in value.get("anyOf") or value.get("oneOf") or [value]]
    sections = [each for each in options if each.get("type") == "object"]
    if not sections:
        yield path, " or ".join(_words(each) for each in options)
    elif {"type": "null"} in options:
        yield path, "a section or null"
    for section in sections:
        if "properties" in section:
            yield from _keys(section, f"{path}.", defs)
        else:
            below = section.get("patternProperties") or {"": section["additionalProperties"]}
            name = "PRECISION" if "enum" in section.get("propertyNames", {}) else "NAME"
            yield from _key(next(iter(below.values())), f"{path}.{name}", defs)


def _resolved(value: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any]:
    return defs[value["$ref"].rpartition("/")[2]] if "$ref" in value else value


def _words(value: Mapping[str, Any]) -> str:
    names = value.get("enum") or ([value["const"]] if "const" in value else [])
    if len(names) > MANY or not (names or "type" in value):
        return "see below"
    if names:
        return ", ".join(f"`{name}`" for name in names)
    if value.get("type") == "array":
        return f"a list of {_words(value['items'])}"
    return " ".join([TYPES.get(value["type"], value["type"]), *_range(value)])


def _range(value: Mapping[str, Any]) -> Iterator[str]:
    named = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "up to", "exclusiveMaximum": "below"}
    for key, word in named.items():
        if key in value:
            yield f"{word} {value[key]:,.10g}"


def written() -> dict[str, set[str]]:
    """Key → the values, as JSON, that `init` writes there for photos and weights of several kinds."""
    found: dict[str, set[str]] = {}
    for photos in (
        Photos({"cat": 300, "dog": 300}, {"": 600}, 500),
        Photos({"a": 9000, "b": 8000, "c": 7000}, {"train": 20000, "test": 4000}, 80),
    ):
        for weights in (PretrainedFile("mobilenet"), PretrainedFile("vgg19"), ONNX, None):
            text = recipe.recipe(
                f"p{photos.total}", photos, path=f"data/p{photos.total}", weights=weights, cnn=False
            )
            for path, value in _flat(config.plain(text), ""):
                found.setdefault(path, set()).add(json.dumps(value))
    return found


def _flat(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Values by pattern: what a user names is NAME."""
    yield path, "a section" if isinstance(node, dict) else node
    if not isinstance(node, dict):
        return
    named = path in {"weights", "datasets", "classifiers"} or path.rpartition(".")[2] in {
        "phases",
        "blocks",
        "dense",
        "taps",
    }
    for key, value in node.items():
        yield from _flat(value, f"{path}.{'NAME' if named else key}".removeprefix("."))
