"""params.yaml of an earlier version, brought to this version's schema: the same meaning, comments and order kept.

Every change of the schema that an existing file must follow is a step here. A step edits the file's text where the
key stands and touches nothing else of it.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML

from frostline.errors import InputError


@dataclass(frozen=True)
class Added:
    """A key that is new below the sections that a pattern names (`datasets.*.audit`), and the value that keeps
    what was: a YAML text on one line."""

    below: str
    key: str
    value: str


@dataclass(frozen=True)
class Renamed:
    """A key below the sections that a pattern names that now has another name."""

    below: str
    key: str
    now: str


Step = Added | Renamed

# Oldest first; a step whose key is there already is passed over.
STEPS: tuple[Step, ...] = (
    Renamed("classifiers.*.variants", "fp16", "float16"),  # 0.2.0: one name for each precision
    Renamed("classifiers.*.variants", "bf16", "bfloat16"),
)


@dataclass(frozen=True)
class Change:
    """What a step did at one place: the dotted key, and a few words for a person."""

    key: str
    text: str


def migrate(text: str, steps: Sequence[Step] = STEPS) -> tuple[str, list[Change]]:
    """A params.yaml's text after all steps, and what they changed; the text itself where there is nothing to do.

    InputError where a place cannot be edited, with what to write there by hand.
    """
    changes: list[Change] = []
    for step in steps:
        for path in list(_sections(_parsed(text), step.below.split("."))):
            edited = _edited(text, path, step)
            if edited is not None:
                text = edited
                changes.append(_change(path, step))
    return text, changes


def migrate_values(values: Mapping[str, Any], steps: Sequence[Step] = STEPS) -> dict[str, Any]:
    """Values by their dotted keys, as a stage ran with them, after the same steps.

    Where single keys of a section are named (`classifiers.a.image`, `classifiers.a.phases`), so is a new one.
    """
    sections = {key.rpartition(".")[0] for key in values}
    beside = {
        f"{section}.{step.key}": YAML(typ="safe", pure=True).load(step.value)
        for section in sections
        for step in steps
        if isinstance(step, Added) and _matches(section, step.below)
    }
    return {**{key: _migrated(key, value, steps) for key, value in values.items()}, **beside}


def _matches(section: str, pattern: str) -> bool:
    parts, wanted = section.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(w in ("*", p) for p, w in zip(parts, wanted, strict=True))


def _migrated(key: str, value: Any, steps: Sequence[Step]) -> Any:
    """What stood at one dotted key, with the steps done at and below it."""
    parts = key.split(".")
    nested: Any = copy.deepcopy(value)
    for part in reversed(parts):
        nested = {part: nested}
    for step in steps:
        for path in list(_sections(nested, step.below.split("."))):
            section = _at(nested, path)
            if len(path) >= len(parts) and section:
                _do(section, step)
    return _at(nested, parts)


def _parsed(text: str) -> Any:
    return YAML(typ="rt", pure=True).load(text)


def _sections(node: Any, pattern: Sequence[str], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of the mappings that a pattern names; `*` is any key."""
    if not isinstance(node, dict):
        return
    if not pattern:
        yield path
        return
    for key in list(node) if pattern[0] == "*" else [pattern[0]]:
        if key in node:
            yield from _sections(node[key], pattern[1:], (*path, key))


def _edited(text: str, path: tuple[str, ...], step: Step) -> str | None:
    """The text with a step done at one section, None where there is nothing to do; checked by reading it again."""
    section = _at(_parsed(text), path)
    new = step.key if isinstance(step, Added) else step.now
    if new in section or (isinstance(step, Renamed) and step.key not in section):
        return None
    anchor = step.key if isinstance(step, Renamed) else next(iter(section), None)
    if anchor is None:
        raise InputError(f"params.yaml: {'.'.join(path)} is empty; write it as: {new}: {_value(step)}")
    edited = _put(text, section.lc.key(anchor), step, flow=section.fa.flow_style())
    expected = dict(section)
    _do(expected, step)
    if dict(_at(_parsed(edited), path)) != expected:
        raise InputError(
            f"params.yaml: {'.'.join(path)} lacks the key {new}; write it by hand: {new}: {_value(step)}"
        )
    return edited


def _put(text: str, place: tuple[int, int], step: Step, *, flow: bool | None) -> str:
    """Edit at a key's line and column: a new key goes before it, a renamed one takes its place."""
    lines = text.splitlines(keepends=True)
    line, column = place
    before, after = lines[line][:column], lines[line][column:]
    if isinstance(step, Renamed):
        lines[line] = before + after.replace(step.key, step.now, 1)
    elif flow:
        lines[line] = f"{before}{step.key}: {step.value}, {after}"
    else:
        while line and lines[line - 1].startswith(" " * column + "#"):
            line -= 1  # the comment above a key stays beside it
        lines[line] = f"{' ' * column}{step.key}: {step.value}\n{lines[line]}"
    return "".join(lines)


def _value(step: Step) -> str:
    return step.value if isinstance(step, Added) else f"(what {step.key} was)"


def _at(node: Any, path: Sequence[str]) -> Any:
    for key in path:
        node = node[key]
    return node


def _change(path: tuple[str, ...], step: Step) -> Change:
    where = ".".join(path)
    if isinstance(step, Renamed):
        return Change(f"{where}.{step.now}", f"{where}.{step.key} is now {step.now}")
    return Change(f"{where}.{step.key}", f"{where}.{step.key}: {step.value} added, which keeps what was")


def _do(section: dict[str, Any], step: Step) -> None:
    """A step on plain values, in place."""
    if isinstance(step, Added):
        section.setdefault(step.key, YAML(typ="safe", pure=True).load(step.value))
    elif step.key in section and step.now not in section:
        section[step.now] = section.pop(step.key)
