"""Whether there is something to do tonight."""

import pytest

from frostline.automation.retraining_due import Facts, Thresholds, reasons

ALL = Thresholds(champion_days=30, drift=0.2)


@pytest.mark.parametrize(
    ("facts", "limits", "expected"),
    [
        (Facts(), ALL, []),
        (Facts(champion_days={"a": 29.9}, drift=0.2), ALL, []),
        (Facts({"data.dvc": ["data modified"]}), Thresholds(), ["data.dvc: data modified"]),
        (Facts(drift=0.25), ALL, ["drift 0.250 is above 0.2"]),
        (Facts(drift=0.25), Thresholds(), []),
        (Facts(drift=None), ALL, []),
        (Facts(champion_days={"a": 31.04, "b": 1}), ALL, ["a: the champion is 31.0 days old"]),
        (Facts(champion_days={"a": None}), ALL, ["a: no champion yet"]),
        (Facts(champion_days={"a": None}), Thresholds(), []),
        (
            Facts({"z": ["p modified"], "b": ["1", "2", "3", "4"]}, {"a": 99.0}, 0.9), ALL,
            ["b: 1, 2, 3", "z: p modified", "drift 0.900 is above 0.2", "a: the champion is 99.0 days old"],
        ),
    ],
)  # fmt: skip
def test_reasons(facts: Facts, limits: Thresholds, expected: list[str]) -> None:
    """Each alone, at its limit, without a limit, unknown, and all of them together."""
    assert reasons(facts, limits) == expected
