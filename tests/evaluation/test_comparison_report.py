"""A comparison shown: its table, its Markdown and its picture."""

import dataclasses

import pytest

from frostline.errors import RANDOM_WEIGHTS
from frostline.evaluation import comparison_report, style
from frostline.evaluation.comparison import compare
from helpers.results import candidate

TWO = compare(
    [
        candidate("digits-vgg19", 1, note=RANDOM_WEIGHTS, loss=0.27071),
        candidate("digits-cnn", 12, loss=0.7129),
        candidate("cars-cnn", 3, dataset="cars", loss=0.3391),
    ]
)


def test_terminal_table() -> None:
    """The text that the demo prints, to the letter."""
    expected = """\
cars: 60 test images

#  classifier   test  95% interval     loss  trainable  frozen
-  ----------  -----  --------------  -----  ---------  ------
1  cars-cnn    95.0%  86.3% to 98.3%  0.339       5.1k   20.0M

pets: 60 test images

#  classifier     test  95% interval     loss  trainable  frozen  note
-  ------------  -----  --------------  -----  ---------  ------  -------------------------------
1  digits-vgg19  98.3%  91.1% to 99.7%  0.271       5.1k   20.0M  random weights: smoke test only
2  digits-cnn    80.0%  68.2% to 88.2%  0.713       5.1k   20.0M

digits-cnn is significantly worse than digits-vgg19 at n=60 (p<0.001)
"""
    assert comparison_report.render(TWO) == expected


def test_terminal_width() -> None:
    """The sample's own names fit 100 columns, and no line ends in blanks."""
    lines = comparison_report.render(TWO).splitlines()
    assert max(map(len, lines)) <= 100
    assert all(line == line.rstrip() for line in lines)


def test_markdown() -> None:
    """One table per dataset with full counts, every verdict, and how to read them."""
    page = comparison_report.markdown(TWO)
    assert "## pets: 60 test images" in page
    assert (
        "| 1 | digits-vgg19 | 98.3% (91.1% to 99.7%) | 0.2707 | 50.0% | 5,130 | 20,024,384 "
        "| random weights: smoke test only |" in page
    )
    assert "- digits-cnn is significantly worse than digits-vgg19 at n=60 (p<0.001)" in page
    assert "McNemar" in page.splitlines()[-1]
    bars = {line.count("|") for line in page.splitlines() if line.startswith("|")}
    assert bars == {9}


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (812, "812"),
        (999, "999"),
        (5130, "5.1k"),
        (999_960, "1.0M"),
        (20_024_384, "20.0M"),
        (3 * 10**9, "3.0G"),
    ],
)
def test_short_counts(count: int, text: str) -> None:
    """Four digits at most, rounded, never 1000.0k."""
    one = candidate("a", 1)
    changed = dataclasses.replace(one, parameters={"trainable": count, "frozen": 0})
    assert f" {text} " in comparison_report.render(compare([changed]))


def test_markdown_names_the_images_by_their_manifest() -> None:
    """A figure that is quoted can say of which photos it is."""
    assert f"Dataset digest: `{'d' * 64}`" in comparison_report.markdown(compare([candidate("a", 3)]))


def words(figure) -> list[str]:
    figure.draw_without_rendering()
    return [
        text.get_text() for axes in figure.axes for text in [axes.title, axes._left_title, *axes.texts]
    ] + [text.get_text() for text in figure.texts]


def test_chart_says_what_is_seen() -> None:
    """One dataset: the best, its accuracy, and how many are not significantly different."""
    figure = comparison_report.accuracies(compare([candidate("a", 3), candidate("b", 4), candidate("c", 30)]))
    said = words(figure)
    assert "a: test accuracy 95.0% (57/60) on pets; 1 of 2 others not significantly different" in " ".join(
        said
    )
    assert "pets, 60 test images" in said
    assert {"95.0%", "93.3%", "50.0%"} <= set(said)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ((3, 4), "the other is not significantly different"),
        ((3, 30), "on pets; significantly better than the other"),
        ((3, 30, 35), "on pets; significantly better than all 2 others"),
        ((3,), "95.0% (57/60) on pets"),
    ],
)
def test_chart_says_whether_the_best_is_better(wrong: tuple[int, ...], told: str) -> None:
    """In words that fit their number."""
    figure = comparison_report.accuracies(
        compare([candidate(name, w) for name, w in zip("abc", wrong, strict=False)])
    )
    assert told in " ".join(words(figure))


def test_chart_draws_the_intervals() -> None:
    """Every bar ends where the interval ends, every point is the accuracy, best on top."""
    comparison = compare([candidate("a", 3), candidate("b", 20)])
    (axes,) = comparison_report.accuracies(comparison).axes
    bars, points = axes.lines[::2], axes.lines[1::2]
    for place, row in enumerate(comparison["datasets"]["pets"]["classifiers"]):
        assert bars[place].get_xdata() == pytest.approx(
            [100 * row["accuracy_low"], 100 * row["accuracy_high"]]
        )
        assert points[place].get_xdata() == pytest.approx([100 * row["accuracy"]])
        assert points[place].get_ydata() == [place]
    assert axes.yaxis_inverted()


@pytest.mark.parametrize(
    ("notes", "headings", "labels"),
    [((RANDOM_WEIGHTS, RANDOM_WEIGHTS), 1, 0), ((RANDOM_WEIGHTS, ""), 0, 1), (("", ""), 0, 0)],
)
def test_chart_notes(notes: tuple[str, str], headings: int, labels: int) -> None:
    """All random: said once in the heading; some random: said at each of them, and drawn hollow."""
    figure = comparison_report.accuracies(
        compare(candidate(name, 3, note=note) for name, note in zip("ab", notes, strict=True))
    )
    (axes,) = figure.axes
    assert sum(text.get_text() == RANDOM_WEIGHTS for text in figure.texts) == headings
    assert sum(RANDOM_WEIGHTS in tick.get_text() for tick in axes.get_yticklabels()) == labels
    hollow = sum(line.get_markerfacecolor() == style.PAPER for line in axes.lines[1::2])
    assert hollow == sum(map(bool, notes))


@pytest.mark.parametrize("count", [1, 2, 25])
def test_chart_fits(count: int) -> None:
    """One classifier or twenty-five, of two datasets: nothing is cut off."""
    many = [
        candidate(f"a-classifier-with-a-name-of-some-length-{n}", n, note=RANDOM_WEIGHTS if n % 2 else "")
        for n in range(count)
    ]
    figure = comparison_report.accuracies(compare([*many, candidate("z", 5, dataset="cars")]))
    figure.draw_without_rendering()
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(drawn.x0, drawn.y0, width - drawn.x1, height - drawn.y1) > -0.02


def test_the_pages_chart_keeps_everything_on_its_axis() -> None:
    """From tick to tick around all intervals, in the order of the numbers; alike accuracies have an axis too."""
    comparison = compare([candidate("a", 3), candidate("b", 20)])
    chart = comparison_report._chart(comparison["datasets"]["pets"]["classifiers"])
    assert list(chart.ticks.values())[:: len(chart.ticks) - 1] == [0, 100]
    assert all(0 <= row["low"] < row["point"] < row["high"] <= 100 for row in chart.rows)
    assert chart.rows[0]["point"] > chart.rows[1]["point"]
    perfect = [{"accuracy_low": 1.0, "accuracy": 1.0, "accuracy_high": 1.0}]
    assert comparison_report._chart(perfect).ticks == {"99%": 0.0, "100%": 100.0}


def test_the_page_shows_each_accuracy() -> None:
    """As a point and as text, best first; hollow where weights are random."""
    html = comparison_report.page(compare([candidate("a", 3), candidate("b", 20, note=RANDOM_WEIGHTS)]))
    chart = html.split('<div class="ranges">')[1].split("<table>")[0]
    assert [name for name in ("<b>a</b>", "95.0%", "<b>b</b>", "66.7%") if name in chart] == [
        "<b>a</b>", "95.0%", "<b>b</b>", "66.7%",
    ]  # fmt: skip
    assert chart.count("<em") == 2
    assert chart.count("hollow") == 1
