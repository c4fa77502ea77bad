"""The reports in a real browser: every picture shows, nothing overflows a phone, the console stays silent."""

import contextlib
from pathlib import Path
from typing import Any

import pytest

from frostline import paths
from frostline.evaluation import predictions
from frostline.scoring import drift, drift_baseline, drift_report, score_page
from frostline.stages import compare, evaluate
from helpers.drift import population
from helpers.images import pixels
from helpers.params import CNN, WHOLE
from helpers.projects import write_params
from helpers.results import REAL, dataset, trained

pytestmark = pytest.mark.browser
BROKEN = "[...document.images].filter(image => !image.complete || image.naturalWidth === 0).map(image => image.alt)"
WIDTH = "document.documentElement.scrollWidth"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages of two classifiers and their comparison, with labels in doubt."""
    root = tmp_path_factory.mktemp("pages")
    with contextlib.chdir(root):
        Path("dvc.yaml").write_text("stages: {}\n", encoding="utf-8")  # a project, which has a cache
        pets = dataset("pets")
        found = {name: root / paths.report(name) / "report.html" for name in ("pets-cnn", "pets-vgg19")}
        for name, wrong, weights in (("pets-vgg19", 1, REAL), ("pets-cnn", 4, None)):
            folder = trained(name, pets, wrong=wrong, **({"weights": weights} if weights else {}))
            told = predictions.read(folder / "predictions.parquet", made_by="")
            predictions.write(told, folder / "out_of_fold.parquet")
            evaluate.run(name)
        write_params(root, {**WHOLE, "classifiers": {name: {**CNN} for name in found}})
        compare.run()
        scored = root / "scores.html"
        scored.write_text(score_html(), encoding="utf-8")
        drifted = root / "drift.html"
        drifted.write_text(drift_page(), encoding="utf-8")
        return {
            **found,
            "comparison": root / paths.COMPARISON / "report.html",
            "drift": drifted,
            "scores": scored,
        }


def score_html() -> str:
    """A score job with every kind of row, long names and a picture missing."""
    made = score_page.Summary()
    names = [f"a/folder/of/some/depth/and-a-file-of-a-name-{number}.jpeg" for number in range(20)]
    for number, name in enumerate(names):
        label = ("cat", "a-class-of-a-long-name")[number % 2]
        status = ("ok", "ok", "abstained", "unknown", "error")[number % 5]
        ranks = {"topk_labels": [label, "dog"], "topk_probs": [0.9, 0.1], "prediction_set": [label, "dog"]}
        error = "not an image: starts with 'broken'" if status == "error" else None
        made.add(
            {
                "path": name,
                "status": status,
                "error": error,
                "label": label,
                "prob": 0.9,
                "unknown": 0.5,
                **ranks,
            }
        )
    pictures = {name: pixels(number, width=90 + 40 * number) for number, name in enumerate(names[1:])}
    return score_page.page(made, scores="scores.parquet", model="pets", pictures=pictures, share=0.05)


def drift_page() -> str:
    """A job of darker images, its strangest with pictures and long names."""
    tally = drift.Tally(drift_baseline.make(population(300), classes=4))
    tally.add(population(100, darker=2))
    measured = drift_report.values(tally.drift({}), classes=["cat", "dog", "owl", "a-class-of-a-long-name"])
    names = [f"a/folder/of/some/depth/and-a-file-of-a-name-{number}.jpeg" for number in range(5)]
    measured |= {
        "strange_by": "distance",
        "strangest": [{"path": name, "predicted": "cat", "prob": 0.5, "strangeness": 2.0} for name in names],
    }
    pictures = {name: pixels(number, width=90 + 40 * number) for number, name in enumerate(names)}
    return drift_report.page(measured, scores="scores.parquet", model="pets", pictures=pictures)


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("name", ["pets-cnn", "pets-vgg19", "comparison", "drift", "scores"])
def test_page(browser: Any, reports: dict[str, Path], name: str, width: int, tmp_path: Path) -> None:
    """On a phone and on a desk; the screenshot is no blank page."""
    page, said = browser.new_page(viewport={"width": width, "height": 800}), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
    page.goto(reports[name].as_uri())
    assert page.evaluate("document.images.length") > 0 or name == "comparison"
    assert page.evaluate(BROKEN) == []
    assert page.evaluate(WIDTH) <= width
    assert said == []
    shot = tmp_path / "page.png"
    page.screenshot(path=shot, full_page=True)
    page.close()
    assert len(_colours(shot)) > 50


@pytest.mark.parametrize("width", [390, 1280])
def test_every_accuracy_of_a_comparison_is_in_sight(
    browser: Any, reports: dict[str, Path], width: int
) -> None:
    """The best one above all: points lie inside the page, apart, in the order of the accuracies."""
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(reports["comparison"].as_uri())
    ends = (
        "[...document.querySelectorAll('.ranges em')].map(point => {const r = point.getBoundingClientRect(); "
    )
    points = page.evaluate(f"{ends} return [r.left, r.right]}})")
    assert len(points) == 2
    assert all(0 <= left < right <= width for left, right in points)
    assert points[0][0] > points[1][1]
    assert page.evaluate(
        "[...document.querySelectorAll('.ranges')].every(one => one.scrollWidth <= one.clientWidth)"
    )
    page.close()


@pytest.mark.parametrize("name", ["pets-cnn", "comparison"])
def test_on_paper(browser: Any, reports: dict[str, Path], name: str, tmp_path: Path) -> None:
    """Printed on A4 it has pages, and what only a screen can use is gone."""
    page = browser.new_page()
    page.goto(reports[name].as_uri())
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    page.emulate_media(media="print")
    assert page.locator("nav:visible").count() == 0
    page.close()


def test_the_check_can_fail(browser: Any, tmp_path: Path) -> None:
    """A broken picture and a table that is too wide are seen."""
    bad = tmp_path / "bad.html"
    bad.write_text('<img alt="gone" src="data:image/png;base64,AAAA"><div style="width:900px">x</div>')
    page = browser.new_page(viewport={"width": 360, "height": 800})
    page.goto(bad.as_uri())
    assert page.evaluate(BROKEN) == ["gone"]
    assert page.evaluate(WIDTH) > 360
    page.close()


def _colours(path: Path) -> set[int]:
    """Colours of a screenshot, up to a thousand."""
    from PIL import Image

    with Image.open(path) as image:
        small = image.convert("RGB").resize((200, 400)).quantize(256)
        return {index for _, index in small.getcolors() or []}
