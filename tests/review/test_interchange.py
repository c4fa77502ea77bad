"""Files of Label Studio and FiftyOne: what is written for them, and every form in which labels come back."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from frostline.datasets.decision_log import DecisionLog
from frostline.datasets.decisions import PhotoDecision
from frostline.errors import InputError
from frostline.review import interchange
from frostline.review.interchange import ImportedLabel, KnownPhotos
from helpers.results import dataset
from helpers.reviews import items

CHOICE = {"from_name": "class", "to_name": "image", "type": "choices", "value": {"choices": ["dog"]}}


def test_label_studio_tasks() -> None:
    """A task for each candidate, the suggestion as a prediction, what was decided as an annotation."""
    one, two = items(2)
    decided = {two.sha256: PhotoDecision("2026", "Ada", "pets", "label", "cat", "dog", two.path, two.sha256)}
    first, second = json.loads(
        interchange.tasks([one, two], decided, prefix="/data/local-files/?d=data/pets/")
    )
    assert first["data"]["image"] == "/data/local-files/?d=data/pets/cat/0.png"
    assert (first["data"]["sha256"], first["data"]["current"]) == (one.sha256, "cat")
    assert first["predictions"] == [{"score": 0.75, "model_version": "frostline", "result": [CHOICE]}]
    assert "annotations" not in first
    assert second["annotations"] == [{"result": [CHOICE]}]


def test_the_labelling_interface_names_every_class() -> None:
    """As XML, whatever the classes are called."""
    root = ElementTree.fromstring(interchange.interface(["cat", 'a "b" & <c>']))
    assert [one.attrib["value"] for one in root.iter("Choice")] == ["cat", 'a "b" & <c>']
    [control] = root.iter("Choices")
    assert (control.attrib["name"], control.attrib["toName"]) == ("class", "image")


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    """FiftyOne's labels, by content; tasks without an annotation say nothing."""
    file = tmp_path / "labels.json"
    interchange.write(file, interchange.labels_json(items(3), {}, ["cat", "dog"]))
    assert interchange.read(file) == [
        ImportedLabel(one.sha256, one.path, "cat") for one in items(3) if one.label
    ]
    interchange.write(file, interchange.tasks(items(3), {}, prefix=""))
    with pytest.raises(InputError, match="no labels"):
        interchange.read(file)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([{"data": {"image": "x/1.png", "sha256": "s"}, "annotations": [{"result": [CHOICE]}]}],
         ImportedLabel("s", "x/1.png", "dog", judged=True)),
        ([{"image": "x/1.png", "path": "1.png", "sha256": "s", "class": "dog", "annotator": 1}],
         ImportedLabel("s", "1.png", "dog", judged=True)),
        ([{"image": "x/1.png", "class": {"choices": ["dog", "cat"]}}],
         ImportedLabel("", "x/1.png", "dog", judged=True)),
        ({"classes": ["cat", "dog"], "labels": {"1": 1}}, ImportedLabel("", "1", "dog")),
        ({"classes": None, "labels": {"1": "dog", "2": None}}, ImportedLabel("", "1", "dog")),
        ({"samples": [{"filepath": "/a/1.png", "ground_truth": {"_cls": "Classification", "label": "dog"}}]},
         ImportedLabel("", "/a/1.png", "dog")),
        ({"samples": [{"filepath": "/a/1.png", "other": {"label": "dog"}}]}, ImportedLabel("", "/a/1.png", "dog")),
    ],
)  # fmt: skip
def test_every_form_is_read(tmp_path: Path, value: Any, expected: ImportedLabel) -> None:
    """JSON and JSON-MIN of Label Studio; labels.json and samples.json of FiftyOne."""
    file = tmp_path / "x.json"
    file.write_text(json.dumps(value))
    assert interchange.read(file) == [expected]


def test_a_cancelled_annotation_does_not_count(tmp_path: Path) -> None:
    """The last that stands does."""
    cat = {**CHOICE, "value": {"choices": ["cat"]}}
    annotations = [{"result": [CHOICE]}, {"result": [cat], "was_cancelled": True}]
    file = tmp_path / "x.json"
    file.write_text(json.dumps([{"data": {"image": "1.png"}, "annotations": annotations}]))
    assert interchange.read(file)[0].label == "dog"


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"labels": 3}', "no json", '{"samples": [{}]}'])
def test_what_is_none_of_them(tmp_path: Path, text: str) -> None:
    """One line that names what is read."""
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(InputError, match="Label Studio"):
        interchange.read(file)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("cat/1.png", "A"), ("/somewhere/data/cat/1.png", "A"), ("/data/local-files/?d=data/pets/cat/1.png", "A"),
        ("cat/1", "A"), ("pets\\cat\\1.png", "A"), ("1.png", ""), ("dog/1.png", "B"), ("2", "C"), ("bird/1.png", ""),
    ],
)  # fmt: skip
def test_photos_by_the_names_of_others(path: str, found: str) -> None:
    """By the end of a path, with an ending or without; what two photos could be is neither."""
    photos = KnownPhotos({"cat/1.png": "A", "dog/1.png": "B", "2.png": "C"})
    assert photos.find(ImportedLabel("", path, "x")) == found
    assert photos.find(ImportedLabel("B", path, "x")) == "B"


def test_decisions_of_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What differs and what somebody confirmed is written, once; the rest is counted."""
    monkeypatch.chdir(tmp_path)
    manifest = dataset("pets")
    log = DecisionLog(tmp_path / "decisions.csv", dataset="pets", who="Ada")
    rows = [
        ImportedLabel("", "cat/train-0.png", "dog"), ImportedLabel("", "dog/train-1.png", "dog"),
        ImportedLabel("", "cat/train-3.png", "cat", judged=True), ImportedLabel("", "nobody.png", "cat"),
        ImportedLabel("", "dog/train-4.png", "owl"),
    ]  # fmt: skip
    done = interchange.decide(rows, manifest, log)
    assert (done.changed, done.confirmed, done.same) == (1, 1, 1)
    assert (done.photos, done.classes) == (("nobody.png",), ("owl",))
    assert len(list(done.lines())) == 2
    assert sorted((one.path, one.new) for one in log.standing.values()) == [
        ("cat/train-0.png", "dog"), ("cat/train-3.png", "cat"),
    ]  # fmt: skip
    again = interchange.decide(rows, manifest, log)
    assert (again.changed, again.confirmed, again.same) == (0, 0, 3)
