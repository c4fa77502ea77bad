"""Weights that a search may try: those of params.yaml and of files in `pretrained/`, with each usual description of an
ONNX file's input where nobody said what it is."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from ruamel.yaml import YAML

from frostline import paths
from frostline.config import ONNX, OnnxWeights, Params, Weights, entries
from frostline.config.backbones import NAMED_SOURCES
from frostline.errors import InputError, nearest
from frostline.progress import note
from frostline.template import onnx_weights, recipe, weights
from frostline.template.weights import PretrainedFile
from frostline.training.search_rounds import Round

OWN = tuple(f"-{kind}" for kind in onnx_weights.USUAL)  # how names of entries end that a search wrote


@dataclass(frozen=True)
class AtHand:
    """Weights that may be tried: their name and entry, and its text where params.yaml has no such entry yet."""

    name: str
    entry: Weights
    text: str = ""


def at_hand(settings: Params, wanted: Sequence[str] = ()) -> list[AtHand]:
    """The weights of params.yaml, and files in `pretrained/` that it does not name; or those that are `wanted`.

    Random weights are nothing to choose from, and left out unless somebody wants them. InputError for a name that
    there is not, and where there is nothing.
    """
    known = {name: AtHand(name, entry) for name, entry in settings.weights.items() if entry.backbone}
    known |= {found.name: found for found in (*_of_guesses(settings), *_of_files(settings))}
    if wanted:
        for name in wanted:
            if name not in known:
                raise InputError(f"no weights named '{name}'{nearest(name, known)}")
        return [known[name] for name in dict.fromkeys(wanted)]
    found = [one for one in known.values() if one.entry.source != "random"]
    if not found:
        raise InputError(
            "there are no pretrained weights to choose from; put files into pretrained/, or name some in params.yaml"
        )
    return found


def _of_guesses(settings: Params) -> Iterator[AtHand]:
    """Other usual inputs for entries as `init` and `data add` write them where a file does not say its own."""
    for name, entry in settings.weights.items():
        if (
            not isinstance(entry, OnnxWeights)
            or entry.input.mean != onnx_weights.GUESS.mean
            or name.endswith(OWN)
        ):
            continue
        with contextlib.suppress(InputError):  # which the search itself will say
            network = onnx_weights.read(paths.PRETRAINED / entry.source)
            if (
                not network.known
                and _at_hand(name, onnx_weights.entry(name, entry.source, network)).entry == entry
            ):
                others = _described(PretrainedFile(ONNX, paths.PRETRAINED / entry.source, name, network))
                yield from (one for one in others if one.entry != entry)


def _of_files(settings: Params) -> Iterator[AtHand]:
    """What lies in `pretrained/` and is no source of an entry, but of one that a search wrote."""
    named = {entry.source for name, entry in settings.weights.items() if not name.endswith(OWN)}
    known = {*named, *NAMED_SOURCES, "scratch"}
    for path in sorted(paths.PRETRAINED.glob("*")):
        if path.name in known or path.name.startswith(".") or path.suffix in {".dvc", ".md"}:
            continue
        try:
            found = weights.recognise(path)
        except InputError as error:
            note(f"passed over: {error}")
            continue
        yield from _described(found if found.onnx else weights.among(settings.weights, found))


def _described(found: PretrainedFile) -> Iterator[AtHand]:
    """Weights with their entry; a network of an ONNX file that says no input once with each usual one."""
    network = found.onnx
    if not network or network.known:
        yield _at_hand(found.name, recipe.weights_entries(found, cnn=False))
        return
    for kind, tried in onnx_weights.USUAL.items():
        name = f"{found.name}-{kind}"
        yield _at_hand(name, onnx_weights.entry(name, found.source, network, tried=tried))


def _at_hand(name: str, text: str) -> AtHand:
    (entry,) = YAML(typ="safe", pure=True).load(text).values()
    return AtHand(name, _validated(entry), text)


def _validated(entry: Any) -> Weights:
    made: Weights = TypeAdapter(Weights).validate_python(entry)
    return made


def fitting(name: str, rounds: Sequence[Round]) -> str:
    """Which of the weights `name` and other descriptions of their file fits the photos: those that came furthest, of
    those of the lowest loss. `name` itself where none was judged."""
    names = {name, *(f"{name}{own}" for own in OWN)}
    for round_ in reversed(rounds):
        if some := [one for one in round_.candidates if one.trunk.weights in names]:
            return min(some, key=lambda one: one.loss).trunk.weights
    return name


def corrected(text: str, name: str, by: AtHand) -> str:
    """The text of params.yaml with the entry of the weights `name` as `by` describes their input."""
    return entries.added(
        entries.removed(text, "weights", name),
        "weights",
        by.text.replace(f"  {by.name}:\n", f"  {name}:\n", 1),
    )
