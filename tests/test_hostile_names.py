"""Whoever names a class or a file decides nothing but that name: every place that shows names, with hostile ones.

CSV is in test_csv_text.py and scoring/test_writers.py.
"""

import contextlib
import csv
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frostline import cli as command_line
from frostline import csv_text, paths, progress
from frostline.automation import artifacts, messages
from frostline.commands import score
from frostline.datasets import data_report
from frostline.datasets import manifest as manifests
from frostline.datasets.data_report import Report
from frostline.datasets.findings import Finding
from frostline.datasets.layout import LabelledImage, LabelledImages
from frostline.evaluation import style
from frostline.features.executor import Block
from frostline.images import ImageError
from frostline.scoring import drift, drift_baseline, drift_report, job_record, writers
from frostline.scoring.rows import Scorer
from frostline.stages import evaluate
from frostline.tracking import content
from helpers import results
from helpers.drift import population
from helpers.hostile import NAMES

HARMLESS = tuple(f"name {number}" for number in range(len(NAMES)))
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class _Tags(HTMLParser):
    """Which elements a page has, with the names of their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.found.append((tag, tuple(name for name, _ in attrs)))


def tags(html: str) -> list[tuple[str, tuple[str, ...]]]:
    """The elements of a page, in order."""
    parser = _Tags()
    parser.feed(html)
    return parser.found


def shown_safely(page: Callable[[tuple[str, ...]], str]) -> None:
    """A page of hostile names has the elements of a page of harmless ones, and every name as text."""
    from markupsafe import escape

    html = page(NAMES)
    assert tags(html) == tags(page(HARMLESS))
    assert all(str(escape(name)) in html for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_terminal_and_logs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Results, remarks and errors: escape sequences are shown, not obeyed. Flows' logs take the same way."""
    progress.say(f"image {name}")
    progress.note(f"image {name}")
    command_line._explain(f"image {name}")
    out, err = capsys.readouterr()
    assert not OBEYED.search(out + err)
    if name.isprintable():
        assert out == f"image {name}\n"


@pytest.mark.parametrize("name", NAMES)
def test_lines_of_a_score_job(name: str) -> None:
    """A class and a file have a line each."""
    table = Scorer((name, "other"), 2, "5" * 64).table(
        Block(0, (name, f"{name}.png"), ("", "empty file"), {"probs": np.eye(2, dtype=np.float32)})
    )
    counts = writers.ScoreCounts()
    counts.add(table)
    assert all(len(line.splitlines()) == 1 for line in [*job_record.labels(counts), *counts.errors])
    good, bad = table.to_pylist()
    assert len(score._classes(good).splitlines()) == 3
    assert len(score._classes(bad).splitlines()) == 1


class _Unreadable:
    """A source without one picture."""

    def read(self, name: str) -> bytes:
        """Nothing."""
        raise ImageError(name)


def test_data_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of classes, and of files that findings are about."""
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path))

    def page(names: tuple[str, ...]) -> str:
        count = len(names)
        manifest = manifests.build(
            "data/pets",
            LabelledImages.of(
                LabelledImage(f"{number}/{name}", name, "") for number, name in enumerate(names)
            ),
            classes=names,
            reasons=[""] * count,
            columns={
                "sha256": [f"{row:064}" for row in range(count)],
                "bytes": np.full(count, 9),
                "height": np.full(count, 30, np.int32),
                "width": np.full(count, 40, np.int32),
                "split": ["train"] * count,
                "flags": [""] * count,
            },
        )
        found = [Finding(row, "tiny", f"tiny: {name}") for row, name in enumerate(names[:20])]
        return data_report.render(Report("pets", manifest, found, {}, True), _Unreadable())  # type: ignore[arg-type]

    shown_safely(page)


def test_drift_page() -> None:
    """Names of classes, and of the strangest images."""

    def page(names: tuple[str, ...]) -> str:
        classes = len(names)
        sample = population(200, mix=(1 / classes,) * classes)
        tally = drift.Tally(drift_baseline.make(sample, classes=classes))
        tally.add(sample)
        measured = drift_report.values(tally.drift({}), classes=names)
        measured["strange_by"] = "features"
        measured["strangest"] = [
            {"path": name, "predicted": name, "prob": 0.5, "strangeness": 1.0} for name in names
        ]
        for index in measured["indices"].values():
            index["shares"] = [{**share, "baseline": 0.1} for share in index["shares"]]
        return drift_report.page(measured, scores="scores.csv", model="model.onnx")

    shown_safely(page)


def test_an_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its page, pictures and tables, of classes that a page, a spreadsheet and a formatter would take for theirs."""
    hostile = (
        "<img src=x onerror=alert(1)>",
        "=cmd|'\\C calc'!A0",
        "$\\frac{1}{2}$ {{ 7 * 7 }} %s {0}\r\x1b[31m",
    )

    def html(names: tuple[str, ...], place: Path) -> str:
        monkeypatch.setattr(results, "CLASSES", names)
        place.mkdir()
        with contextlib.chdir(place):
            results.trained("pets-cnn", results.dataset("pets"), wrong=2)
            evaluate.run("pets-cnn")
            assert (paths.plots("pets-cnn") / "confusion.png").read_bytes().startswith(b"\x89PNG")
            with (paths.plots("pets-cnn") / "classes.csv").open(encoding="utf-8", newline="") as file:
                assert [csv_text.unescape(row["class"]) for row in csv.DictReader(file)] == list(names)
            return (paths.report("pets-cnn") / "report.html").read_text(encoding="utf-8")

    assert tags(html(hostile, tmp_path / "a")) == tags(html(HARMLESS[:3], tmp_path / "b"))


def test_pictures() -> None:
    """What is drawn is a line that no formatter reads; names stay apart."""
    drawn = style.names(NAMES)
    assert len(set(drawn)) == len(NAMES)
    assert not any(OBEYED.search(name) or "\n" in name for name in drawn)


def test_mlflow_takes_every_name() -> None:
    """As part of a metric's name, each its own."""
    from mlflow.utils.validation import _validate_metric_name

    metrics = {split: {"accuracy": 0.5} for split in ("test", "validation", "train")}
    points = content.results(metrics, dict.fromkeys(NAMES, 0.5))
    names = [name for name, _, _ in points]
    assert len({name for name in names if name.startswith("f1/")}) == len(NAMES)
    for name in names:
        _validate_metric_name(name)


@pytest.mark.parametrize("name", NAMES)
def test_prefects_pages(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reasons, texts above tables and cells are Markdown: names in them are text."""
    import markdown

    said: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "prefect.artifacts.create_table_artifact", lambda rows, **told: said.append({"rows": rows, **told})
    )
    artifacts.show_table(
        f"table of {name}", [{"what": f"label {name}", "images": 9}], text=f"9 new images of {name}"
    )
    html = markdown.markdown(messages.reasons([f"{name} changed"]))
    assert {tag for tag, _ in tags(html)} <= {"p", "ul", "li"}
    for text in (said[0]["description"], said[0]["rows"][0]["what"]):
        assert {tag for tag, _ in tags(markdown.markdown(text))} == {"p"}
    assert said[0]["rows"][0]["images"] == 9
    assert re.fullmatch("[a-z0-9-]+", said[0]["key"])
