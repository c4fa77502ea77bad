"""One key of params.yaml over several values: which key is meant, and the params that each value makes."""

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from frostline.config.reading import parse
from frostline.config.schema import Params
from frostline.errors import InputError, nearest

SEED = "seed"
Key = tuple[str, ...]  # steps from the top of params.yaml


def find_key(values: Any, classifier: str, key: str) -> Key:
    """The steps to `key`: `seed`, or a dotted key below the classifier's entry in the plain values of params.yaml.

    The last words of a key are enough where they name one key; of phases, that is the last one's. InputError
    for an unknown or ambiguous key, and for one below a section that is null.
    """
    if key == SEED:
        return (SEED,)
    entry, above = values["classifiers"][classifier], ("classifiers", classifier)
    _require_sections(entry, classifier, key)
    known = list(_keys(entry))
    if key in known:
        return (*above, *key.split("."))
    last = f"phases.{list(entry['phases'])[-1]}."
    ends = [
        name
        for name in known
        if name.endswith(f".{key}") and (name.startswith(last) or not name.startswith("phases."))
    ]
    if len(ends) == 1:
        return (*above, *ends[0].split("."))
    if ends:
        raise InputError(f"'{key}' names {len(ends)} keys of classifiers.{classifier}: {', '.join(ends)}")
    words = [name.rpartition(".")[2] for name in reversed(known)]
    where = f"all are below classifiers.{classifier} in params.yaml"
    near = nearest(key, [SEED, *words, *known], all_in=where)
    raise InputError(f"no key '{key}' in classifiers.{classifier}{near}")


def _require_sections(entry: Any, classifier: str, key: str) -> None:
    """A key below a section that is null cannot be changed alone."""
    here, steps = entry, key.split(".")
    for number, step in enumerate(steps[:-1]):
        if not isinstance(here, dict) or step not in here:
            return
        here = here[step]
        if here is None:
            section = ".".join(["classifiers", classifier, *steps[: number + 1]])
            raise InputError(
                f"{section} is null, so it has no {steps[-1]}; set {section} in params.yaml first"
            )


def _keys(section: dict[str, Any], before: str = "") -> Iterator[str]:
    for name, value in section.items():
        yield f"{before}{name}"
        if isinstance(value, dict):
            yield from _keys(value, f"{before}{name}.")


def read_values(text: str) -> list[Any]:
    """Values separated by commas, each read as YAML: `1e-3,none,{height: 32, width: 32}`; none twice."""
    try:
        values = YAML(typ="safe", pure=True).load(f"[{text}]")
    except YAMLError:
        values = None
    if not values:
        raise InputError(f"'{text}' is no list of values; separate them by commas: 1e-4,1e-3,1e-2")
    return [value for number, value in enumerate(values) if value not in values[:number]]


def shown(value: Any) -> str:
    """A value as params.yaml has it."""
    return value if isinstance(value, str) else json.dumps(value)


def variants(values: Any, key: Key, over: Sequence[Any]) -> list[Params]:
    """The params with each value at `key`; InputError names every value that the schema does not take."""
    params, problems = [], []
    for value in over:
        try:
            params.append(parse(_changed(values, key, value), source="sweep"))
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))
    return params


def _changed(values: Any, key: Key, value: Any) -> Any:
    whole = copy.deepcopy(values)
    here = whole
    for step in key[:-1]:
        here = here[step]
    here[key[-1]] = value
    return whole
