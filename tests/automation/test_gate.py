"""The gate's verdicts in words."""

from dataclasses import dataclass

from frostline.automation import gate, messages
from frostline.automation.gate import Verdict


@dataclass(frozen=True)
class Check:
    """As frostline registry promote makes them."""

    name: str
    passed: bool
    figures: str


CHECKS = (Check("not worse", False, "-9.00 points"), Check("size", True, "0.1 MB, allowed 700"))
BETTER = Verdict("better", "promoted", "all of it", 3, CHECKS[1:])
WORSE = Verdict("worse", "refused", "not worse: -9.00 points", 2, CHECKS)
NONE = Verdict("none", gate.NONE, "none has no challenger")


def test_who_was_promoted() -> None:
    """Neither the refused nor those without a challenger."""
    assert gate.promoted([BETTER, WORSE, NONE]) == ["better"]


def test_checks_with_their_figures() -> None:
    """Each is a row of the page's table, the failed ones visibly so; nothing checked is a row too."""
    assert messages.checks(WORSE) == [
        {"check": "not worse", "passed": "NO", "figures": "-9.00 points"},
        {"check": "size", "passed": "yes", "figures": "0.1 MB, allowed 700"},
    ]
    assert messages.checks(NONE) == [
        {"check": "no challenger", "passed": "", "figures": "none has no challenger"}
    ]


def test_in_a_line() -> None:
    """Only what kept a challenger out is told as a reason."""
    assert messages.ruling(BETTER) == "better: version 3 promoted"
    assert messages.ruling(WORSE) == "worse: version 2 refused (not worse: -9.00 points)"
    assert messages.ruling(NONE) == "none: no challenger (none has no challenger)"
