"""Reading params.yaml, and telling its author in one line a mistake what is wrong with it."""

import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from frostline.errors import InputError
from frostline.params.checks import contradictions
from frostline.params.schema import Params, nearest
from frostline.paths import PARAMS

T = TypeVar("T")


def load(path: Path = PARAMS) -> Params:
    """Read and check a params file; InputError names every mistake by its dotted key."""
    return parse(read(path), source=str(path))


def read(path: Path) -> Any:
    """The plain values of a YAML file, read as DVC reads them; duplicate keys are refused."""
    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing; run this in the project's root") from None
    except (YAMLError, UnicodeDecodeError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = f"{path}, line {line + 1}" if line is not None else str(path)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InputError(f"{where}: not valid YAML: {problem}") from None


def parse(values: Any, *, source: str = "params.yaml") -> Params:
    """Check plain values against the schema and against each other."""
    try:
        params = Params.model_validate(values)
    except ValidationError as error:
        problems = [_explain(dict(problem), values) for problem in error.errors()]
    else:
        problems = list(contradictions(params))
        if not problems:
            return params
    raise InputError("\n".join(f"{source}: {problem}" for problem in dict.fromkeys(problems)))


def entry(collection: dict[str, T], name: str, *, what: str) -> T:
    """One entry by name; an unknown name is answered with the nearest known one."""
    if name not in collection:
        raise InputError(f"no {what} named '{name}' in params.yaml{nearest(name, collection)}")
    return collection[name]


def _explain(problem: dict[str, Any], values: Any) -> str:
    """One line for one pydantic problem."""
    path, here = _locate(problem["loc"], values)
    key, kind, context = ".".join(map(str, path)) or "the file", problem["type"], problem.get("ctx", {})
    if kind == "unknown":
        return f"{'.'.join([*map(str, path), str(context['key'])])}: unknown key{context['near']}"
    if kind == "missing":
        return f"{key}: missing key"
    if kind == "literal_error":
        allowed = context["expected"].replace(" or ", ", ")
        return f"{key}: must be one of {allowed}; is {here!r}"
    if kind == "string_pattern_mismatch":
        return f"{key}: {here!r} does not have the form {context['pattern']}"
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return f"{key}.type: must be one of {context.get('expected_tags', _TYPES)}"
    message = problem["msg"].removeprefix("Input ").replace("should be", "must be")
    message = re.sub(r"valid dictionary( or instance of \w+)?", "mapping", message)
    return f"{key}: {message[0].lower()}{message[1:]}; is {_short(here)}"


_TYPES = "'pretrained', 'cnn'"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _locate(loc: tuple[Any, ...], values: Any) -> tuple[list[Any], Any]:
    """The dotted path in the user's own file, and the value there.

    Pydantic's location also names union branches and `[key]`, which the file does not have.
    """
    path: list[Any] = []
    here = values
    for index, step in enumerate(loc):
        last = index == len(loc) - 1
        if isinstance(here, dict) and step in here:
            path, here = [*path, step], here[step]
        elif last and step != "[key]" and isinstance(here, dict):
            path, here = [*path, step], None
    if loc and loc[-1] == "[key]":
        here = path[-1]
    return path, here
