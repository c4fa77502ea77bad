"""What a person reads about a night."""

from frostline.automation import messages
from frostline.automation.gate import Verdict
from frostline.pipeline.stages import Outcome

DONE = [
    Outcome("train@a", "ran", 12.34, ("x", "y")),
    Outcome("b", "skipped", 1.0, ()),
    Outcome("c", "ran", 1, ()),
]
METRICS = [
    {"classifier": name, "dataset": "d", "note": "", "test": {
        "accuracy": share, "accuracy_low": share - 0.1, "accuracy_high": share + 0.1, "images": 50}}
    for name, share in (("low", 0.5), ("high", 0.75))
]  # fmt: skip


def test_tables() -> None:
    """A row a stage in order, a row a classifier, best first."""
    assert messages.stages(DONE)[0] == {
        "stage": "train@a",
        "result": "ran",
        "seconds": 12.3,
        "outputs": "x, y",
    }
    rows = messages.results(METRICS)
    assert [row["classifier"] for row in rows] == ["high", "low"]
    assert (rows[0]["test accuracy"], rows[0]["95% interval"]) == ("75.0%", "65.0% to 85.0%")
    assert messages.counts(DONE) == "2 ran, 1 skipped"


def test_messages() -> None:
    """Reason, result and verdict are in commit and notice."""
    rows = messages.results(METRICS)
    assert messages.commit_message(DONE, ["data modified"], rows).splitlines() == [
        "Retrained: stages 2 ran, 1 skipped", "", "- because data modified",
        "- high: 75.0% (65.0% to 85.0%)", "- low: 50.0% (40.0% to 60.0%)",
    ]  # fmt: skip
    verdicts = [Verdict("high", "promoted"), Verdict("low", "refused", "margin")]
    assert messages.notice(verdicts, rows[:1], tag="retraining-x").splitlines() == [
        "high: promoted", "low: refused (margin)", "high: 75.0% (65.0% to 85.0%)", "in git as retraining-x",
    ]  # fmt: skip


def test_how_it_ended() -> None:
    """Who is champion now stands in the line that Prefect shows first."""
    verdicts = [Verdict("a", "promoted", version=2), Verdict("b", "no challenger", "nothing new")]
    assert messages.closing(DONE, verdicts, tag="") == (
        "2 ran, 1 skipped; a: version 2 promoted; nothing to record"
    )
    refused = [Verdict("a", "refused", "margin", version=3)]
    assert messages.closing(DONE, refused, tag="t").endswith("; a: version 3 refused; recorded as t")


def test_long_reasons_may_break() -> None:
    """DVC names whole paths; on a phone they break at their slashes."""
    assert messages.reasons(["train@a: src/x modified"]).splitlines()[2] == "- train@a: src/\u200bx modified"
