"""Findings about single images: each kind where it belongs, and what policies make of them."""

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.config.schema import Audit
from frostline.datasets import findings
from frostline.datasets.findings import KINDS, Finding, Policies
from frostline.datasets.scan import Scans
from frostline.datasets.stats_cache import Hexes
from frostline.errors import InputError


def scans(**columns: list[object]) -> Scans:
    """Statistics as a scan has them; what is not given is that of an ordinary 60x80 PNG."""
    count = len(next(iter(columns.values())))
    ordinary = {
        "reason": "", "height": 60, "width": 80, "format": "PNG", "animated": False,
        "brightness": 120.0, "contrast": 50.0, "sharpness": 300.0,
    }  # fmt: skip
    table = pa.table({name: columns.get(name, [value] * count) for name, value in ordinary.items()})
    nothing = np.zeros(0, np.uint8)
    return Scans(
        Hexes(np.zeros(count, "S32")), np.zeros(count, np.int64), table, lambda _: nothing, lambda _: nothing
    )


def texts(seen: Scans, names: list[str]) -> list[tuple[int, str, str]]:
    """Row, kind and text of what is found about files."""
    return [(one.row, one.kind, one.text) for one in sorted(findings.of_files(seen, names))]


def test_ordinary_files_are_not_mentioned() -> None:
    """Every ending of a format, in any case."""
    kinds = ["JPEG", "JPEG", "JPEG", "PNG", "TIFF", "PPM", "WEBP", "GIF", "BMP"]
    names = ["a.jpg", "a.JPEG", "a.jfif", "a.png", "a.tif", "a.pgm", "a.webp", "a.gif", "a.bmp"]
    assert texts(scans(format=kinds), names) == []


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("truncated JPEG", "truncated"),
        ("too large: 40000x40000 pixels", "oversized"),
        ("empty file", "unreadable"),
        ("damaged: the decoder crashed on it", "unreadable"),
    ],
)
def test_reasons_have_kinds(reason: str, kind: str) -> None:
    """Of what cannot be read nothing else is said: its size and format are unknown."""
    seen = scans(reason=[reason], height=[0], width=[0], format=[""])
    assert texts(seen, ["x.jpg"]) == [(0, kind, reason)]


def test_odd_files() -> None:
    """Wrong ending, several frames, tiny, elongated either way; the limits themselves are ordinary."""
    seen = scans(
        height=[60, 60, 31, 32, 300, 60, 301],
        width=[80, 80, 33, 32, 60, 301, 60],
        format=["JPEG", "GIF", "PNG", "PNG", "PNG", "PNG", "PNG"],
        animated=[False, True, False, False, False, False, False],
    )
    names = ["a.png", "b.gif", "c.png", "d.png", "e.png", "f.png", "g.png"]
    assert texts(seen, names) == [
        (0, "misnamed", "misnamed: it is a JPEG"),
        (1, "animated", "animated GIF: its first frame counts"),
        (2, "tiny", "tiny: 33x31 pixels"),
        (5, "elongated", "elongated: 301x60 pixels"),
        (6, "elongated", "elongated: 60x301 pixels"),
    ]


def test_one_image_may_be_odd_in_two_ways() -> None:
    """Each is a finding."""
    assert [kind for _, kind, _ in texts(scans(height=[10], width=[70], format=["GIF"]), ["x.png"])] == [
        "elongated", "misnamed", "tiny",
    ]  # fmt: skip


def spread(middle: float, count: int = 40) -> list[float]:
    """Values around a middle, half of them within one unit: a robust deviation of 1.5."""
    return [middle + 2 * (place / (count - 1) - 0.5) * 2 for place in range(count)]


def test_outliers() -> None:
    """Far from the others in their own deviations, each on its side; `rows` are the ones that count."""
    light = [*spread(120), 20.0, 240.0, 0.0]
    seen = scans(brightness=light, sharpness=[*np.expm1(spread(6)).tolist(), 400.0, 400.0, 400.0])
    found = list(findings.outliers(seen, range(42)))
    assert [(one.row, one.kind) for one in found] == [(40, "dark"), (41, "bright")]
    assert found[0].text == "dark: mean grey 20, median of all 120"
    flat = scans(sharpness=[*np.expm1(spread(9)).tolist(), 0.5])
    [blurred] = findings.outliers(flat, range(41))
    assert (blurred.row, blurred.kind) == (40, "blurred")
    assert re.fullmatch(r"blurred: detail 0, median of all \d+", blurred.text)
    assert list(findings.outliers(seen, [])) == []


@given(st.lists(st.floats(0, 255), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_outliers_are_few_and_know_no_order(values: list[float], order) -> None:  # type: ignore[no-untyped-def]
    """Never half of the images or more; the same ones in any order."""
    rows = list(range(len(values)))
    found = {(one.row, one.kind) for one in findings.outliers(scans(brightness=values), rows)}
    assert 2 * len(found) < len(values) or not found
    order.shuffle(rows)
    again = findings.outliers(scans(brightness=[values[row] for row in rows]), range(len(rows)))
    assert {(rows[one.row], one.kind) for one in again} == found


def test_equal_images_have_no_outliers() -> None:
    """No spread is no reason to divide by it, nor is a grey level more than all others have."""
    assert list(findings.outliers(scans(brightness=[7.0] * 9), range(9))) == []
    assert list(findings.outliers(scans(brightness=[120.0] * 9 + [123.0]), range(10))) == []


def test_black_and_white_are_outliers_among_any_photos() -> None:
    """Where brightness differs so much that five deviations below the middle are less than black."""
    seen = scans(brightness=[*np.linspace(60, 180, 41).tolist(), 4.0, 250.0])
    found = findings.outliers(seen, range(43))
    assert [(one.row, one.kind) for one in found] == [(41, "dark"), (42, "bright")]


def test_imbalance() -> None:
    """Over ten to one, told of the smallest class; ten to one is not."""
    first = {"cat": 0, "dog": 20}
    assert list(findings.imbalance({"cat": 20, "dog": 2}, first)) == []
    [one] = findings.imbalance({"cat": 21, "dog": 2}, first)
    assert (one.row, one.text) == (20, "imbalance: 2 in 'dog', 21 in 'cat'")


def test_every_kind_has_a_policy() -> None:
    """params.yaml decides about exactly the kinds that there are."""
    assert set(Audit.model_fields) == set(KINDS)
    assert set(findings.BARE) <= set(KINDS)


def test_a_policy_that_refuses_names_the_first() -> None:
    """The first kind in the order of reports, how many, of what, and both ways out."""
    found = [
        Finding(3, "tiny", "tiny: 9x9 pixels"),
        Finding(2, "unreadable", "empty file"),
        Finding(1, "unreadable", "not an image"),
    ]
    names = [f"{row}.png" for row in range(4)]
    policies = Policies({"unreadable": "fail", "tiny": "fail"}, "datasets.x.audit")
    with pytest.raises(InputError) as told:
        policies.refuse(found, names)
    assert str(told.value) == (
        "2 of 4 images cannot be read, the first '1.png': not an image; "
        "mend or remove them, or set datasets.x.audit.unreadable: quarantine"
    )
    Policies({"unreadable": "quarantine", "tiny": "keep"}, "datasets.x.audit").refuse(found, names)
    with pytest.raises(InputError, match=r"or set datasets\.x\.audit\.imbalance: keep$"):
        Policies({"imbalance": "fail"}, "datasets.x.audit").refuse([Finding(0, "imbalance", "!")], names)


def test_the_gravest_reason_counts() -> None:
    """Of several findings about an image the first in the order of kinds is its reason; kept ones are none."""
    found = [
        Finding(0, "duplicate", "duplicate: of 'a'"),
        Finding(0, "tiny", "tiny: 9x9 pixels"),
        Finding(1, "dark", "dark: mean grey 3"),
        Finding(2, "tiny", "tiny: 8x8 pixels"),
    ]
    policies = Policies({"duplicate": "quarantine", "tiny": "fail", "dark": "keep"}, "key")
    assert findings.quarantined(found, policies) == {0: "tiny: 9x9 pixels", 2: "tiny: 8x8 pixels"}
    assert findings.quarantined(found, Policies({}, "key")) == {}
