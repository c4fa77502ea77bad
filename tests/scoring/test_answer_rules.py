"""What may be asked of answers, and what a model can say."""

from pathlib import Path

import pytest

from frostline.errors import InputError
from frostline.runtime.sessions import open_session
from frostline.scoring import answer_rules
from helpers.models import model, telling_unknown


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"min_confidence": 1.5}, "--min-confidence 1.5"),
        ({"unknown": 0.0}, "--unknown 0"),
        ({"unknown": 1.0}, "--unknown 1"),
        ({"coverage": -1.0}, "--coverage -1"),
    ],
)
def test_out_of_range(changes: dict[str, float], option: str) -> None:
    """Named as on the command line, with what would do."""
    values = {"min_confidence": 0.0, "unknown": None, "coverage": None}
    answer_rules.require_in_range(**values)
    with pytest.raises(InputError, match=f"{option}: use"):
        answer_rules.require_in_range(**{**values, **changes})


def test_what_the_model_says(tmp_path: Path) -> None:
    """Its own threshold of sets, and whether it tells unknown."""
    path = tmp_path / "model.onnx"
    path.write_bytes(telling_unknown())
    session = open_session(path, device="cpu")
    assert answer_rules.rule(session, unknown=0.05, coverage=0.85) == {
        "tells_unknown": True, "reject": 0.05, "set_from": 0.2,
    }  # fmt: skip
    assert answer_rules.rule(session, unknown=None, coverage=None)["set_from"] is None


def test_what_the_model_cannot_say(tmp_path: Path) -> None:
    """A model of an earlier version, and a coverage beyond the thresholds."""
    for name, content, asked in (
        ("old", model(), {"unknown": 0.05, "coverage": None}),
        ("new", telling_unknown(), {"unknown": None, "coverage": 0.99}),
    ):
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(content)
        with pytest.raises(InputError):
            answer_rules.rule(open_session(path, device="cpu"), **asked)
