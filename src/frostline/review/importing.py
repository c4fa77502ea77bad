"""Labels that other programs wrote become decisions: exports of Label Studio and of FiftyOne.

Label Studio: https://labelstud.io/guide/export (JSON and JSON-MIN). FiftyOne: labels.json of a
`FiftyOneImageClassificationDataset`, or samples.json,
https://docs.voxel51.com/user_guide/import_datasets.html. Neither program is needed here.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from frostline.datasets.decision_log import DecisionLog
from frostline.datasets.decisions import KEEP, LABEL
from frostline.datasets.manifest import Manifest
from frostline.errors import InputError, first_line
from frostline.files import printable
from frostline.review.exporting import CONTROL


@dataclass(frozen=True)
class ImportedLabel:
    """What another program says of one photo: its content, "" where it does not know, its name, its class.

    judged: a person looked at just this photo, so that the class it has already is confirmed.
    """

    sha256: str
    path: str
    label: str
    judged: bool = False


def read(path: Path) -> list[ImportedLabel]:
    """Labels that Label Studio (JSON or JSON-MIN) or FiftyOne (labels.json, samples.json) wrote; InputError if none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
        rows = list(_labels(value))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{printable(path)} cannot be read ({first_line(error)}); {_EXPECTED}") from None
    if not rows:
        raise InputError(f"{printable(path)} has no labels; {_EXPECTED}")
    return rows


_EXPECTED = "export JSON or JSON-MIN from Label Studio, labels.json or samples.json from FiftyOne"


def _labels(value: Any) -> Iterator[ImportedLabel]:
    if isinstance(value, list):
        yield from filter(None, map(_of_task, value))
    elif "samples" in value:
        yield from filter(None, map(_of_sample, value["samples"]))
    else:
        classes = value.get("classes") or []
        for name, given in value["labels"].items():
            label = given.get("label") if isinstance(given, dict) else given
            label = classes[label] if isinstance(label, int) else label
            sha256 = given.get("attributes", {}).get("sha256", "") if isinstance(given, dict) else ""
            if label:
                yield ImportedLabel(sha256, name, str(label))


def _of_task(task: Mapping[str, Any]) -> ImportedLabel | None:
    """A task of Label Studio's: its last annotation that was not cancelled; JSON-MIN has the class beside the data."""
    data = task.get("data", task)
    label = None if "data" in task else task.get(CONTROL, task.get("choice"))
    for annotation in task.get("annotations", ()):
        chosen = [one for one in annotation.get("result", ()) if one.get("type") == "choices"]
        if chosen and not annotation.get("was_cancelled"):
            label = chosen[-1]["value"]
    if isinstance(label, dict):
        label = label["choices"][0]
    name = data.get("path") or data.get("image", "")
    return ImportedLabel(data.get("sha256", ""), name, str(label), judged=True) if label else None


def _of_sample(sample: Mapping[str, Any]) -> ImportedLabel | None:
    """A sample of FiftyOne's: the field ground_truth, else the first classification."""
    found = [sample.get("ground_truth"), *(value for value in sample.values() if isinstance(value, dict))]
    label = next((one["label"] for one in found if isinstance(one, dict) and one.get("label")), None)
    return ImportedLabel(sample.get("sha256") or "", sample["filepath"], label) if label else None


@dataclass(frozen=True)
class Imported:
    """What became of rows: labels changed, confirmed, as they were; names of photos and classes that nobody knows."""

    changed: int
    confirmed: int
    same: int
    photos: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """What was passed over, a line each."""
        if self.photos:
            yield f"passed over, no photo of this dataset: {len(self.photos)}, the first {self.photos[0]!r}"
        if self.classes:
            yield f"passed over, no class of this dataset: {len(self.classes)}, the first {self.classes[0]!r}"


def decide(rows: Sequence[ImportedLabel], manifest: Manifest, log: DecisionLog) -> Imported:
    """Write down what rows say otherwise than the labels that stand, and what a person confirmed by them.

    Nothing is written twice: what stands already is as it was.
    """
    known: dict[str, tuple[str, str]] = {}
    for row in manifest.table.select(["path", "sha256", "label"]).to_pylist():
        known.setdefault(row["sha256"], (row["path"], manifest.classes[row["label"]]))
    names = KnownPhotos({path: sha256 for sha256, (path, _) in known.items() if sha256})
    done, photos, classes = Counter[str](), [], []
    for given in rows:
        if not (sha256 := names.find(given)):
            photos.append(given.path)
        elif given.label not in manifest.classes:
            classes.append(given.label)
        else:
            done[_decide(given, sha256, *known[sha256], log)] += 1
    return Imported(done[LABEL], done[KEEP], done[""], tuple(photos), tuple(classes))


def _decide(row: ImportedLabel, sha256: str, path: str, label: str, log: DecisionLog) -> str:
    """The action that was written, "" for none."""
    stands = log.standing.get(sha256)
    now = stands.new if stands else label
    if row.label == now and (stands or not row.judged):
        return ""
    action = KEEP if row.label == label else LABEL
    log.decide(action, sha256=sha256, path=path, old=label, new=row.label)
    return action


class KnownPhotos:
    """Photos by content and by name, as other programs write names: absolute, with a prefix, without an ending."""

    def __init__(self, ids: Mapping[str, str]) -> None:
        """`ids`: name → content."""
        self._ids, self._contents = dict(ids), set(ids.values())
        self._ends: dict[str, list[str]] = {}
        for name in ids:
            for key in {PurePosixPath(name).name, PurePosixPath(name).stem}:
                self._ends.setdefault(key, []).append(name)

    def find(self, row: ImportedLabel) -> str:
        """The content of a row's photo; "" where there is none, or several could be meant."""
        if row.sha256 in self._contents:
            return row.sha256
        given = row.path.replace("\\", "/")
        near = self._ends.get(PurePosixPath(given).name, []) or self._ends.get(PurePosixPath(given).stem, [])
        fits = [name for name in near if f"/{given}".endswith((f"/{name}", f"/{name.rpartition('.')[0]}"))]
        ids = {self._ids[name] for name in fits}
        return ids.pop() if len(ids) == 1 else ""
