"""One classifier trained in several ways: a parent run with what all share, and one child run per training.

A study is saved in `.frostline/studies/KEY.json` and brought to MLflow from there, as often as asked.
"""

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from frostline import files
from frostline.errors import InputError, weights_note
from frostline.tracking import store_uri

MAIN = "val_accuracy"
TRAINER = "frostline.training.phases"  # its code, and what it imports, decides the figures


@dataclass(frozen=True)
class Child:
    """One training of a study: what is particular about it, its recipe, figures by epoch and at its end."""

    name: str
    recipe: Mapping[str, Any]
    epochs: Sequence[Mapping[str, float]]
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Study:
    """Several trainings of a classifier. `kind` says what varies; `inputs` is all that they share, by content:
    see `shared`. `pictures` are files to keep with it.
    """

    kind: str
    classifier: str
    inputs: Mapping[str, Any]
    children: Sequence[Child] = ()
    pictures: Sequence[str] = field(default=())
    data_hash: str = ""  # DVC's, of the raw dataset; "" where it is not known

    @property
    def key(self) -> str:
        """The same for the same kind of study of the same content, whichever children it has by now."""
        return digest([self.kind, self.classifier, dict(self.inputs)])

    def child_key(self, child: Child) -> str:
        """The key of one training in this study."""
        return digest([self.key, child.name, dict(child.recipe)])


def save(study: Study) -> Study:
    """Add a study's children to those already saved; one of a known name replaces the old one."""
    path = _folder() / f"{study.key}.json"
    known = {child.name: child for saved_study in _read(path) for child in saved_study.children}
    children = known | {child.name: child for child in study.children}
    whole = replace(study, children=tuple(children.values()))
    files.write_text(path, _text(asdict(whole)))
    files.sweep(path.parent)  # of other studies, which may never be made again
    return whole


def saved() -> list[Study]:
    """Every study of this project, by classifier and kind; what is not legible is left out."""
    try:
        studies = [study for path in sorted(_folder().glob("*.json")) for study in _read(path)]
    except InputError:
        return []
    return sorted(studies, key=lambda study: (study.classifier, study.kind))


def shared(
    *, dataset: str, digest: str, weights: Mapping[str, Any], recipe: Mapping[str, Any]
) -> dict[str, Any]:
    """What the trainings of a study have in common, by content."""
    from frostline.pipeline import code_digest  # a scorer reads models here and lacks what it needs

    return {
        "dataset": dataset,
        "dataset_digest": digest,
        "weights": dict(weights),
        "recipe": dict(recipe),
        **code_digest.module(TRAINER),
    }


def _text(value: Any) -> str:
    """JSON, where a training that diverged has its NaN."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def digest(value: Any) -> str:
    """The hash of plain values, NaN among them."""
    return files.sha256(_text(value).encode())


def _folder() -> Path:
    return store_uri.folder().parent / "studies"


def _read(path: Path) -> Iterator[Study]:
    """The study in a file; none where it is missing or damaged."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        children = tuple(Child(**child) for child in values.pop("children"))
        yield Study(**values, children=children)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return


def source(study: Study) -> dict[str, str]:
    """Where the images are found again."""
    known = {
        "dataset": str(study.inputs["dataset"]),
        "digest": str(study.inputs["dataset_digest"]),
        "dvc": study.data_hash,
    }
    return {name: value for name, value in known.items() if value}


def tags(study: Study) -> dict[str, str]:
    """Where the figures come from."""
    weights = study.inputs["weights"]
    wanted = {
        "frostline.dataset_digest": study.inputs["dataset_digest"],
        "frostline.dataset_dvc": study.data_hash,
        "frostline.weights": weights.get("name"),
        "frostline.weights_source": weights["source"],
        "frostline.code": study.inputs["code"],
        "note": weights_note(weights["source"]),
    }
    return {name: str(value) for name, value in wanted.items() if value}


def spread(children: Sequence[Child]) -> dict[str, float]:
    """The children's main figure: its mean, extremes and standard deviation."""
    values = [child.figures[MAIN] for child in children if MAIN in child.figures]
    if not values:
        return {}
    figures = {
        f"{MAIN}_mean": statistics.fmean(values),
        f"{MAIN}_best": max(values),
        f"{MAIN}_worst": min(values),
    }
    return (
        figures
        | ({f"{MAIN}_sd": statistics.stdev(values)} if len(values) > 1 else {})
        | {"trainings": len(values)}
    )
