"""What a person reads about a dataset: counts, what was left out, what was kept in spite of a finding."""

from frostline.datasets import findings
from frostline.datasets.findings import Finding
from frostline.datasets.summary import report

SUMMARY = {
    "images": 23,
    "classes": ["cat", "dog"],
    "splits": {"train": {"images": 15}, "validation": {"images": 4}, "test": {"images": 4}},
    "quarantined": {"images": 1, "reasons": {"duplicate": 1}},
    "findings": {
        "duplicate": {"images": 1, "quarantined": 1},
        "near_duplicate": {"images": 2, "quarantined": 0},
    },
}


def test_lines() -> None:
    """Counts, then what is odd."""
    assert report("pets", SUMMARY).splitlines() == [
        "pets: 23 images, 2 classes",
        "  train 15, validation 4, test 4",
        "  quarantined 1: duplicate 1",
        "  kept with a finding: near duplicate 2",
    ]


def test_classes_of_very_different_sizes_are_said() -> None:
    """Also on the terminal, with what helps; findings about single images are counted already."""
    about_classes = list(findings.imbalance({"cat": 21, "dog": 2}, {"cat": 0, "dog": 20}))
    *_, last = report("pets", SUMMARY, [Finding(3, "dark", "dark: 3"), *about_classes]).splitlines()
    assert last.startswith("  imbalance: 2 in 'dog', 21 in 'cat'; ")
    assert "training.class_weights: balanced" in last
