"""The data report: what it counts, names and shows, on one page that needs no other file."""

import base64
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from frostline.datasets import data_report
from frostline.datasets import manifest as manifests
from frostline.datasets.findings import Finding
from frostline.datasets.layout import SPLITS, LabelledImage, LabelledImages
from frostline.datasets.source import ImageSource, open_source
from frostline.files import sha256
from helpers.images import encoded, folder

CLASSES = ("cat", "d<o>g")
REASON = "duplicate: of 'cat/0.png'"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))


def rows() -> list[tuple[str, int, str, str]]:
    """Path, class, split and reason: cats 4, 1, 1 in the splits and one left out; dogs 1, 1, 1."""
    cats = [(f"cat/{n}.png", 0, split, "") for n, split in enumerate(["train"] * 4 + ["validation", "test"])]
    dogs = [(f"d<o>g/{n}.png", 1, split, "") for n, split in enumerate(SPLITS)]
    return [*cats, ("cat/copy.png", 0, "", REASON), *dogs]


@pytest.fixture
def source(tmp_path: Path) -> Iterator[ImageSource]:
    """The photos of `rows`, all of other sizes, one of them no image."""
    files = {path: encoded(row, height=30 + row, width=70 - row) for row, (path, *_) in enumerate(rows())}
    files["cat/copy.png"] = b"nothing"
    with open_source(folder(tmp_path / "photos", files)) as opened:
        yield opened


def report(
    findings: list[Finding] | None = None, *, policies: Mapping[str, str] | None = None
) -> data_report.Report:
    """The dataset of `rows` with findings."""
    paths, labels, splits, reasons = map(list, zip(*rows(), strict=True))
    manifest = manifests.build(
        "data/pets",
        LabelledImages.of(
            LabelledImage(path, CLASSES[label], "") for path, label in zip(paths, labels, strict=True)
        ),
        classes=CLASSES,
        reasons=reasons,
        columns={
            "sha256": [f"{row:064}" for row in range(len(paths))],
            "bytes": np.arange(len(paths)) + 1000,
            "height": np.arange(len(paths), dtype=np.int32) + 30,
            "width": 70 - np.arange(len(paths), dtype=np.int32),
            "split": splits,
            "flags": [""] * len(paths),
        },
    )
    return data_report.Report("pets", manifest, findings or [], policies or {}, policies is not None)


def cells(html: str, heading: str) -> list[list[str]]:
    """Texts of the cells of the table under a heading, without its head."""
    table = html.split(f">{heading}</h2>")[1].split("</table>", maxsplit=1)[0]
    lines = re.findall(r"<tr>(<td>.*?)</tr>", table)
    return [[re.sub("<.*?>", "", cell) for cell in re.findall(r"<td.*?>(.*?)</td>", line)] for line in lines]


def test_counts(source: ImageSource) -> None:
    """Usable images by class and split, those quarantined beside; the bar is the share of the largest class."""
    html = data_report.render(report(), source)
    assert "<b>9</b> images in 2 classes; 1 more quarantined." in html
    assert cells(html, "Classes") == [
        ["cat", "4", "1", "1", "1", ""],
        ["d&lt;o&gt;g", "1", "1", "1", "0", ""],
    ]
    assert re.findall(r"<span class=\"good\" style=\"width: (.*?)%\">", html) == ["100.0", "50.0"]


def test_nothing_from_elsewhere(source: ImageSource) -> None:
    """No address, script or style sheet from outside, no unescaped name; the same bytes again."""
    html = data_report.render(report(), source)
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)", html)
    assert "<script" not in html
    assert "<o>" not in html
    assert data_report.render(report(), source) == html


def test_whether_it_was_audited(source: ImageSource) -> None:
    """A page without findings says whether any were sought."""
    bare, audited = data_report.render(report(), source), data_report.render(report(policies={}), source)
    assert "The audit is off" in bare
    assert "The audit is off" not in audited
    assert "<p>None.</p>" in audited


def test_findings_beside_what_they_are_about(source: ImageSource) -> None:
    """Kinds in their order with counts and policy; each finding with both pictures, an empty frame for none."""
    found = [
        Finding(0, "dark", "dark: mean grey 3, median of all 90"),
        Finding(6, "duplicate", REASON, (0,)),
        Finding(1, "dark", "dark: mean grey 5, median of all 90"),
        Finding(1, "dark", "told twice"),
    ]
    html = data_report.render(report(found, policies={"duplicate": "quarantine"}), source)
    assert cells(html, "Findings") == [
        ["dark", "2", "0", "keep", "images that are far darker than the others"],
        ["duplicate", "1", "1", "quarantine", "images that repeat others byte for byte"],
    ]
    [copy] = re.findall(r"<figure class=\"two\">.*?</figure>", html.split('<h3 id="duplicate">')[1], re.S)
    assert re.findall(r"<div class=\"none\">|<img", copy) == ['<div class="none">', "<img"]
    assert '<b>cat/copy.png</b>cat<span class="wrong">duplicate: of &#39;cat/0.png&#39;</span>' in copy
    dark = html.split('<h3 id="dark">')[1].split("<h3")[0]
    assert "<b>cat/0.png</b>cat, train<span>dark: mean grey 3" in dark


def test_long_lists_are_cut(source: ImageSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of a kind are shown, and how many there are."""
    monkeypatch.setattr(data_report, "_SHOWN", 2)
    html = data_report.render(
        report([Finding(row, "tiny", f"tiny: {row}") for row in range(5)], policies={}), source
    )
    assert "The first 2 of 5; the manifest has all." in html
    assert re.findall(r"tiny: \d", html) == ["tiny: 0", "tiny: 1"]


def test_contact_sheets(source: ImageSource) -> None:
    """Each class and split with its pictures, in their own proportions: no bar could be taken for the photo's."""
    html = data_report.render(report(), source)
    heads = re.findall(r"<h3>(.*?) <small>(.*?)</small></h3>", html)
    assert heads[:3] == [("cat, train", "4 of 4"), ("cat, validation", "1 of 1"), ("cat, test", "1 of 1")]
    assert len(heads) == 6
    pictures = re.findall(r"<img alt=\"cat\" src=\"data:image/jpeg;base64,(.*?)\"", html)
    assert len(pictures) == 6
    with Image.open(io.BytesIO(base64.b64decode(pictures[0]))) as picture:
        assert picture.size == (70, 30)


def test_few_of_many_are_drawn(source: ImageSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the digests of their contents, in the order of their names."""
    monkeypatch.setattr(data_report, "_SHEET", 2)
    monkeypatch.setattr(data_report, "_pictures", lambda _, names: {name: name for name in names})
    one = report()
    digests = [digit * 64 for digit in "8697543210"]
    table = one.manifest.table.set_column(
        one.manifest.table.column_names.index("sha256"), "sha256", pa.array(digests)
    )
    html = data_report.render(replace(one, manifest=replace(one.manifest, table=table)), source)
    assert re.findall(r"<img alt=\"cat\" src=\"(.*?)\"", html)[:2] == ["cat/1.png", "cat/3.png"]


def test_pictures_are_made_once(source: ImageSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same page without a picture decoded again; one of a file that changed since is shown, and not kept."""
    digests = {path: sha256(source.read(path)) for path, *_ in rows()}
    digests["cat/1.png"] = "f" * 64
    wanted = {path: (digest, 20, 10) for path, digest in digests.items()}
    first, read = data_report._pictures(source, wanted), source.read
    seen: list[str] = []
    monkeypatch.setattr(source, "read", lambda name: seen.append(name) or read(name))
    assert data_report._pictures(source, wanted) == first
    assert (sorted(seen), first["cat/copy.png"]) == (["cat/1.png", "cat/copy.png"], "")
    smaller = data_report._pictures(source, {"cat/0.png": (digests["cat/0.png"], 5, 10)})
    assert smaller["cat/0.png"] != first["cat/0.png"]
    assert seen[-1] == "cat/0.png"


@pytest.mark.parametrize(
    ("values", "heights"),
    [([5.0, 5.0, 5.0], [100.0]), ([0.0, 31.0, 31.0], [50.0, 100.0])],
)
def test_histograms(values: list[float], heights: list[float]) -> None:
    """The tallest bar is 100 high, empty ones are left out, the last value is in the last bar."""
    drawn = data_report._histogram("size", np.array(values), "{:.0f}")
    assert [bar["height"] for bar in drawn["bars"]] == heights
    assert all(bar["y"] + bar["height"] == pytest.approx(113) for bar in drawn["bars"])
    assert (drawn["low"], drawn["high"]) == (f"{min(values):.0f}", f"{max(values):.0f}")
    assert max(bar["x"] + bar["width"] for bar in drawn["bars"]) <= 318
    assert drawn["alike"] == (len(set(values)) == 1)
