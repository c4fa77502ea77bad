"""Candidates and decisions as files for other programs: Label Studio's tasks, FiftyOne's labels.

Label Studio: https://labelstud.io/guide/tasks (tasks with predictions). FiftyOne:
`FiftyOneImageClassificationDataset`, whose labels.json is
`{"classes": […], "labels": {"NAME": "class" or {"label": "class", …}}}`,
https://docs.voxel51.com/user_guide/import_datasets.html. Neither program is needed here.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from frostline import files
from frostline.datasets.decisions import PhotoDecision
from frostline.review.candidates import ReviewItem

CONTROL = "class"  # of Label Studio's labelling interface: <Choices name="class" toName="image">


def tasks(candidates: Sequence[ReviewItem], decided: Mapping[str, PhotoDecision], *, prefix: str) -> str:
    """Label Studio's tasks as JSON; `prefix` stands before each name as the address of the photo."""
    return json.dumps(
        [_task(one, decided.get(one.sha256), prefix) for one in candidates], indent=1, ensure_ascii=False
    )


def _task(one: ReviewItem, decision: PhotoDecision | None, prefix: str) -> dict[str, Any]:
    data = {
        "image": f"{prefix}{one.path}",
        "path": one.path,
        "sha256": one.sha256,
        "kind": one.kind,
        "current": one.label,
        "text": one.text,
    }
    task: dict[str, Any] = {"data": data}
    if one.suggestion:
        result = {
            "score": one.probability or 0.0,
            "model_version": "frostline",
            "result": [_choice(one.suggestion)],
        }
        task["predictions"] = [result]
    if decision and decision.new:
        task["annotations"] = [{"result": [_choice(decision.new)]}]
    return task


def _choice(label: str) -> dict[str, Any]:
    return {"from_name": CONTROL, "to_name": "image", "type": "choices", "value": {"choices": [label]}}


def interface(classes: Sequence[str]) -> str:
    """Label Studio's labelling interface for these tasks, as XML to paste into a project's settings."""
    from xml.sax.saxutils import quoteattr

    choices = "\n".join(f"    <Choice value={quoteattr(name)}/>" for name in classes)
    return (
        '<View>\n  <Image name="image" value="$image"/>\n  <Text name="why" value="$text"/>\n'
        f'  <Choices name="{CONTROL}" toName="image" choice="single" showInline="true">\n{choices}\n'
        "  </Choices>\n</View>\n"
    )


def labels_json(
    candidates: Sequence[ReviewItem], decided: Mapping[str, PhotoDecision], classes: Sequence[str]
) -> str:
    """FiftyOne's labels.json; names are those of the photos, with their folders and their endings."""
    rows = {}
    for one in candidates:
        decision = decided.get(one.sha256)
        label = (decision.new if decision else "") or one.label
        rows[one.path] = {
            "label": label or None,
            "attributes": {
                "sha256": one.sha256,
                "kind": one.kind,
                "suggestion": one.suggestion,
                "text": one.text,
            },
            **({} if one.probability is None else {"confidence": one.probability}),
        }
    return json.dumps({"classes": list(classes), "labels": rows}, indent=1, ensure_ascii=False)


def write(path: Path, text: str) -> None:
    """Write a file of another program, whole or not at all."""
    files.write_text(path, text + "\n" * (not text.endswith("\n")))
