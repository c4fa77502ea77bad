"""Labels of Label Studio and FiftyOne: every form in which they come back, and what becomes of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from frostline.datasets.decision_log import DecisionLog
from frostline.errors import InputError
from frostline.review import importing
from frostline.review.importing import ImportedLabel, KnownPhotos
from helpers.results import dataset

CHOICE = {"from_name": "class", "to_name": "image", "type": "choices", "value": {"choices": ["dog"]}}


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
    assert importing.read(file) == [expected]


def test_a_cancelled_annotation_does_not_count(tmp_path: Path) -> None:
    """The last that stands does."""
    cat = {**CHOICE, "value": {"choices": ["cat"]}}
    annotations = [{"result": [CHOICE]}, {"result": [cat], "was_cancelled": True}]
    file = tmp_path / "x.json"
    file.write_text(json.dumps([{"data": {"image": "1.png"}, "annotations": annotations}]))
    assert importing.read(file)[0].label == "dog"


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"labels": 3}', "no json", '{"samples": [{}]}'])
def test_what_is_none_of_them(tmp_path: Path, text: str) -> None:
    """One line that names what is read."""
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(InputError, match="Label Studio"):
        importing.read(file)


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
    done = importing.decide(rows, manifest, log)
    assert (done.changed, done.confirmed, done.same) == (1, 1, 1)
    assert (done.photos, done.classes) == (("nobody.png",), ("owl",))
    assert len(list(done.lines())) == 2
    assert sorted((one.path, one.new) for one in log.standing.values()) == [
        ("cat/train-0.png", "dog"), ("cat/train-3.png", "cat"),
    ]  # fmt: skip
    again = importing.decide(rows, manifest, log)
    assert (again.changed, again.confirmed, again.same) == (0, 0, 3)
