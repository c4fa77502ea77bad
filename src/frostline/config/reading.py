"""Reading params.yaml, and saying what is wrong with it, in one line per mistake."""

import copy
import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from frostline.config.checks import contradictions
from frostline.config.schema import Params
from frostline.config.solvers import PHASE, SOLVERS
from frostline.config.weights import BACKBONES, ONNX
from frostline.errors import FEW, InputError, closest, first_line, nearest
from frostline.paths import PARAMS

T = TypeVar("T")


def load(path: Path = PARAMS) -> Params:
    """Read and check a params file; InputError names every mistake by its dotted key."""
    return parse(read(path), source=str(path))


def read(path: Path) -> Any:
    """The plain values of a YAML file, read as DVC reads them; duplicate keys are refused."""
    return plain(text(path), source=str(path))


def text(path: Path = PARAMS) -> str:
    """The file's text; InputError where it cannot be had."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path} is missing; run this in a project, or begin one: frostline init") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{path}: not valid YAML: {first_line(error)}") from None


def plain(text: str, *, source: str = PARAMS.name) -> Any:
    """The values of a YAML text."""
    try:
        return YAML(typ="safe", pure=True).load(text)
    except RecursionError:
        raise InputError(f"{source}: not valid YAML: nested too deeply") from None
    except (YAMLError, ValueError) as error:  # ValueError: a date that is none
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = f"{source}, line {line + 1}" if line is not None else source
        problem = getattr(error, "problem", None) or first_line(error)
        raise InputError(f"{where}: not valid YAML: {problem}") from None


def parse(values: Any, *, source: str = "params.yaml") -> Params:
    """Check plain values against the schema and against each other."""
    params, problems = _validated(copy.deepcopy(values))
    problems += contradictions(params) if params else []
    if params is None or problems:
        lines = (problem.replace("\n", "\\n") for problem in dict.fromkeys(problems))
        raise InputError("\n".join(f"{source}: {line}" for line in lines))
    return params


def _validated(values: Any) -> tuple[Params | None, list[str]]:
    """The model, if any, and every mistake; what stands under an unknown key is read as the nearest's."""
    problems: list[str] = []
    while True:
        try:
            return Params.model_validate(values), problems
        except ValidationError as error:
            mistakes = [dict(problem) for problem in error.errors()]
        problems += [line for problem in mistakes for line in _explain(problem, values)]
        unknown = [problem for problem in mistakes if problem["type"] == "unknown"]
        if not unknown:
            return None, problems
        for problem in unknown:
            _amend(problem, values)


def _amend(problem: dict[str, Any], values: Any) -> None:
    """Put what stands under unknown keys under the nearest known ones, in place; or take it out."""
    _, section = _locate(problem["loc"], values)
    for key in problem["ctx"]["keys"]:
        value = section.pop(key, None)
        if near := closest(key, problem["ctx"]["known"]):
            section.setdefault(near, value)


def entry(collection: dict[str, T], name: str, *, what: str) -> T:
    """One entry by name; an unknown name is answered with the nearest known one."""
    if name not in collection:
        raise InputError(f"no {what} named '{name}' in params.yaml{nearest(name, collection)}")
    return collection[name]


def require_entry(section: str, name: str, path: Path = PARAMS) -> None:
    """InputError where the file has no such entry in a section; nothing else in it is checked."""
    values = read(path)
    entries = values.get(section) if isinstance(values, dict) else None
    if isinstance(entries, dict):
        entry(entries, name, what={"weights": "weights"}.get(section, section.removesuffix("s")))


def require_backbone(name: str) -> None:
    """InputError for a backbone that there is not, with the nearest that there is."""
    if name not in BACKBONES:
        near = nearest(name, BACKBONES, all_in="`frostline net backbones` lists all")
        raise InputError(f"no backbone '{name}'{near}")


def _explain(problem: dict[str, Any], values: Any) -> list[str]:
    """A line for a pydantic problem; for unknown keys, one for each."""
    path, here = _locate(problem["loc"], values)
    if problem["type"] == "unknown":
        keys, known = problem["ctx"]["keys"], problem["ctx"]["known"]
        return [f"{'.'.join(map(str, [*path, key]))}: unknown key{nearest(key, known)}" for key in keys]
    return [_line(problem, path, here)]


def _line(problem: dict[str, Any], path: list[Any], here: Any) -> str:
    key, kind, context = ".".join(map(str, path)) or "the file", problem["type"], problem.get("ctx", {})
    if kind == "missing":
        return f"{key}: missing key"
    if kind == "union_tag_not_found":
        return f"{key}.type: missing key"
    if kind == "union_tag_invalid":
        return f"{key}.type: must be one of {context['expected_tags']}; is {_short(here['type'])}"
    if kind == "literal_error":
        return f"{key}: {_no_choice(here, context['expected'])}"
    if kind == "string_pattern_mismatch":
        return f"{key}: {_short(here)} does not have the form {context['pattern']}"
    message = re.sub(r"^(Input|String|Dictionary) should", "must", problem["msg"])
    message = re.sub(r"valid dictionary.*", "mapping", message).removesuffix(" after validation, not 0")
    return f"{key}: {message}; is {_short(here)}"


def _no_choice(value: Any, expected: str) -> str:
    """What was to be chosen from; of many the nearest."""
    known = re.findall(r"'([^']*)'", expected)
    if len(known) > FEW:
        return f"there is no {_short(value)}{nearest(value, known)}"
    return f"must be one of {', '.join(map(repr, known))}; is {_short(value)}"


# Of union branches, in pydantic's locations; no key has such a name where they stand.
_BRANCHES = {"pretrained", "cnn", "keras", ONNX, PHASE, *SOLVERS, "unknown_solver"}


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
        if step in _BRANCHES and isinstance(here, dict) and step not in here:
            continue
        if isinstance(here, dict) and step in here:
            path, here = [*path, step], here[step]
        elif loc[index + 1 :] == ("[key]",):  # a key that is no text, as text
            path, here = [*path, step], step
        elif last and step != "[key]" and isinstance(here, dict):
            path, here = [*path, step], None
    if loc and loc[-1] == "[key]":
        here = path[-1]
    return path, here
