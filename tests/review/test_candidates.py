"""What is listed, in which order, and why."""

from pathlib import Path

import numpy as np
import pytest

from frostline import config
from frostline.datasets.decisions import COLUMNS, LABEL, PhotoDecision, line
from frostline.datasets.source import open_source
from frostline.review import candidates, gathering
from frostline.review.candidates import KINDS, ReviewItem
from helpers.reviews import answers, project


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path))


def listed() -> list[ReviewItem]:
    with open_source(Path("data/pets")) as source:
        return gathering.of_dataset("pets", config.load(), source, classifier=None).candidates


def test_without_a_classifier_what_the_audit_finds() -> None:
    """A conflict is about both photos, each beside the other; kinds in the order of KINDS."""
    found = listed()
    conflicts = [one for one in found if one.kind == "conflict"]
    assert len(conflicts) == 1  # one content, decided once for both places
    assert conflicts[0].others == ("dog/same.png",)
    order = [list(KINDS).index(one.kind) for one in found]
    assert order == sorted(order)
    assert len({one.sha256 for one in found}) == len(found)


def test_what_branches_decided_otherwise_comes_first() -> None:
    """Before all that the audit finds, with both decisions; the later one is suggested."""
    with open_source(Path("data/pets")) as source:
        sha256 = gathering.hashes(source)["cat/cat-5.png"]
    rows = [
        PhotoDecision(f"2026-11-{day}T10:00:00Z", who, "pets", LABEL, "cat", new, "cat/cat-5.png", sha256)
        for day, who, new in ((30, "Ada", "dog"), (29, "Bob", "bird"))
    ]
    Path("decisions.csv").write_text(",".join(COLUMNS) + "\n" + "".join(map(line, rows)))
    first = listed()[0]
    assert (first.kind, first.path, first.label, first.suggestion) == (
        "disagreed",
        "cat/cat-5.png",
        "cat",
        "dog",
    )
    assert first.text == "decided bird (Bob, 2026-11-29) and dog (Ada, 2026-11-30)"


def test_suspected_labels_come_first_then_doubts() -> None:
    """The least likely label first, with the class that speaks against it; each photo is listed once."""
    wrong = {"dog/dog-3.png": "cat", "cat/cat-5.png": "dog"}
    rows = answers("pets-a", wrong=wrong)
    params = config.load().classifiers
    answers(next(iter(params)), wrong=wrong)
    suspected = [one for one in listed() if one.kind == "suspected"]
    assert {one.path: one.suggestion for one in suspected} == wrong
    assert suspected[0].probability == pytest.approx(
        float(rows.probs.max(axis=1)[rows.paths.index(suspected[0].path)])
    )
    assert "likely wrong" in suspected[0].text
    assert [one for one in listed() if one.kind == "mistake"] == []


def test_suspicion_is_the_probability_of_the_label() -> None:
    """From the least to the most."""
    rows = answers("pets-a", wrong={"dog/dog-3.png": "cat"})
    order = candidates.by_suspicion(rows)
    own = rows.probs[np.arange(len(rows)), rows.labels]
    assert rows.paths[order[0]] == "dog/dog-3.png"
    assert np.all(np.diff(own[order]) >= 0)


def test_predictions_of_photos_that_are_gone_or_changed_are_passed_over() -> None:
    """A manifest of today, predictions of yesterday."""
    answers(next(iter(config.load().classifiers)), wrong={"dog/dog-3.png": "cat", "dog/dog-4.png": "cat"})
    Path("data/pets/dog/dog-3.png").unlink()
    Path("data/pets/dog/dog-4.png").write_bytes(Path("data/pets/dog/dog-5.png").read_bytes())
    assert [one.path for one in listed() if one.kind in {"suspected", "mistake"}] == []
