"""What a person reads about a night."""

import base64
from pathlib import Path

import pytest

from frostline.automation import messages, outputs
from frostline.automation.exclusive import alone
from frostline.automation.gate import Verdict
from frostline.pipeline.processes import BusyError
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


def test_what_stages_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that are there, each whole inside its address; a job's counts; drift only where it is told."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plots/a").mkdir(parents=True)
    (tmp_path / "plots/a/curves.png").write_bytes(b"PNG")
    title, picture = outputs.pictures("a").split("\n\n")
    assert title == "curves"
    assert picture.startswith("![curves of a](data:image/png;base64,")
    assert base64.b64decode(picture.rstrip(")").split(",")[1]) == b"PNG"
    assert outputs.pictures("b") == ""
    job = tmp_path / "job.json"
    job.write_text('{"counts": {"found": 3, "skipped": null}, "labels": {"cat": 2}}')
    assert outputs.scores(job) == [{"what": "found", "images": 3}, {"what": "label cat", "images": 2}]
    assert outputs.drift(job) is None
    assert outputs.metrics(["a"]) == []
    assert outputs.links({"a": "http://127.0.0.1/x", "b": ""}) == "- [a in MLflow](http://127.0.0.1/x)"
    (tmp_path / "reports/comparison").mkdir(parents=True)
    (tmp_path / "reports/comparison/comparison.md").write_text("# Title\n\n![accuracies](comparison.png)\n")
    (tmp_path / "reports/comparison/comparison.png").write_bytes(b"PNG")
    assert "![accuracies](data:image/png;base64,UE5H)" in outputs.links({})


def test_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits as long as it was told to, and comes in once the first is done."""
    monkeypatch.chdir(tmp_path)
    with alone(seconds=1), pytest.raises(BusyError, match="another retraining has held"), alone(seconds=0.2):
        pass
    with alone(seconds=0.2):
        pass
