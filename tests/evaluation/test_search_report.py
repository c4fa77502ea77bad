"""A search for people: table, verdict, page and picture."""

from dataclasses import replace

import numpy as np
import pytest

from frostline.evaluation import learning_curve, search_report, style
from frostline.evaluation.search_report import SearchReport, SearchRow
from frostline.evaluation.statistics import Estimate
from frostline.evaluation.study_plots import measured


def row(
    name: str, accuracy: float, milliseconds: float, *, strength: float = 0.1, close: bool = True
) -> SearchRow:
    """A candidate on 500 photos."""
    return SearchRow(
        name, "logistic", strength, measured(accuracy, images=500), 0.3, milliseconds, 12.0, 500, close
    )


RIGHT = np.stack([np.arange(200) < count for count in (150, 170, 185)])
REPORT = SearchReport(
    dataset="pets",
    photos=500,
    of=900,
    rows=[
        row("big 224", 0.95, 40.0),
        row("small 160", 0.94, 4.0),
        row("small 160", 0.93, 4.0, strength=3.0),
        row("bad 96", 0.5, 2.0, close=False),
    ],
    earlier=[row("worse 224", 0.4, 9.0, close=False)],
    best=0,
    chosen=1,
    expected=Estimate(0.93, 0.9, 0.96),
    names=["pets-search", "pets-search-best"],
    left_out={"huge 224": "one image takes 900 ms, 128 photos about 2 min"},
)  # fmt: skip


def test_a_line_for_each_network() -> None:
    """With its best head; those that came less far at the end."""
    table = search_report.table(REPORT)
    assert [line["network"] for line in table] == ["big 224", "small 160", "bad 96", "worse 224"]
    assert [line[""] for line in table] == ["most accurate", "chosen", "", ""]
    assert [line["head"] for line in table][1] == "C 0.1"


def test_another_description_of_the_same_file() -> None:
    """It is said why a network that looks as good was not taken."""
    some = replace(REPORT, misdescribed={"worse 224"})
    assert "description" in search_report.table(some)[-1][""]


def test_the_verdict() -> None:
    """What, why, what to expect, how many photos, what was left out."""
    first, second, third, fourth, fifth = REPORT.verdict
    assert "big 224, 95.0%" in first
    assert "small 160, 94.0%" in second
    assert "93.0% (90.0% to 96.0%)" in third
    assert "1.0 points" in third
    assert "500 of 900" in fourth
    assert "huge 224" in fifth
    grown = replace(REPORT, course=[(128, 0.9), (500, 0.94)])
    assert "by photos: 90.0% with 128, 94.0% with 500" in grown.verdict
    course = learning_curve.curve([10, 20, 40], RIGHT, np.arange(200), classes=2, seed=1)
    shown = replace(grown, neighbours=0.875, curve=course).verdict
    assert any("5 nearest photos" in line and "87.5%" in line for line in shown)
    assert any("with 40 per class" in line for line in shown)
    assert not any("by photos: " in line for line in shown)
    same = replace(REPORT, chosen=0, photos=900, left_out={}, names=["pets-search"])
    assert len(same.verdict) == 3
    assert next(line[""] for line in search_report.table(same)) == "chosen, most accurate"


def test_page_csv_and_json() -> None:
    """All candidates; the picture is inside, names are escaped."""
    some = replace(REPORT, dataset="<pets>")
    picture = style.png(search_report.picture(some))
    page = search_report.page(some, picture)
    assert "&lt;pets&gt;" in page
    assert "<pets>" not in page
    assert page.count("data:image/png") == 1
    curve = learning_curve.curve([10, 20, 40], RIGHT, np.arange(200), classes=2, seed=1)
    drawn = style.png(learning_curve.picture(curve, title="pets"))
    both = search_report.page(replace(some, curve=curve), picture, drawn)
    assert both.count("data:image/png") == 2
    assert search_report.csv(REPORT).count("\n") == 6
    record = search_report.record(replace(REPORT, curve=curve))
    assert record["curve"]["photos"] == [10, 20, 40]
    assert record["classifiers"] == {"pets-search": "small 160", "pets-search-best": "big 224"}
    assert record["candidates"][1]["accuracy"] == 0.94


def test_who_came_less_far_is_hollow() -> None:
    """On the picture too, where it is said; another description of a file that fits is no network of its own."""

    def hollow(some: SearchReport) -> list[tuple[float, float]]:
        figure = search_report.picture(some)
        lines = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "none"]
        told = any("hollow" in text.get_text() for text in figure.texts)
        points = [point for line in lines for point in zip(*line.get_data(), strict=True)]
        assert told is bool(points)
        return points

    assert hollow(REPORT) == [(9.0, 0.4)]
    assert hollow(replace(REPORT, misdescribed={"worse 224"})) == []


@pytest.mark.parametrize("kept", [1, 2])
def test_few_networks_can_be_drawn(kept: int) -> None:
    """One alone too; the same bytes every time."""
    some = replace(REPORT, rows=REPORT.rows[:kept], chosen=kept - 1)
    assert style.png(search_report.picture(some)) == style.png(search_report.picture(some))
