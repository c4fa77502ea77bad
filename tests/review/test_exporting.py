"""Files for Label Studio and FiftyOne: what is written, and that it can be read again."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from frostline.datasets.decisions import PhotoDecision
from frostline.errors import InputError
from frostline.review import exporting, importing
from frostline.review.importing import ImportedLabel
from helpers.reviews import items

CHOICE = {"from_name": "class", "to_name": "image", "type": "choices", "value": {"choices": ["dog"]}}


def test_label_studio_tasks() -> None:
    """A task for each candidate, the suggestion as a prediction, what was decided as an annotation."""
    one, two = items(2)
    decided = {two.sha256: PhotoDecision("2026", "Ada", "pets", "label", "cat", "dog", two.path, two.sha256)}
    first, second = json.loads(exporting.tasks([one, two], decided, prefix="/data/local-files/?d=data/pets/"))
    assert first["data"]["image"] == "/data/local-files/?d=data/pets/cat/0.png"
    assert (first["data"]["sha256"], first["data"]["current"]) == (one.sha256, "cat")
    assert first["predictions"] == [{"score": 0.75, "model_version": "frostline", "result": [CHOICE]}]
    assert "annotations" not in first
    assert second["annotations"] == [{"result": [CHOICE]}]


def test_the_labelling_interface_names_every_class() -> None:
    """As XML, whatever the classes are called."""
    root = ElementTree.fromstring(exporting.interface(["cat", 'a "b" & <c>']))
    assert [one.attrib["value"] for one in root.iter("Choice")] == ["cat", 'a "b" & <c>']
    [control] = root.iter("Choices")
    assert (control.attrib["name"], control.attrib["toName"]) == ("class", "image")


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    """FiftyOne's labels, by content; tasks without an annotation say nothing."""
    file = tmp_path / "labels.json"
    exporting.write(file, exporting.labels_json(items(3), {}, ["cat", "dog"]))
    assert importing.read(file) == [
        ImportedLabel(one.sha256, one.path, "cat") for one in items(3) if one.label
    ]
    exporting.write(file, exporting.tasks(items(3), {}, prefix=""))
    with pytest.raises(InputError, match="no labels"):
        importing.read(file)
