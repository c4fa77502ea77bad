"""promote as its user sees it, against a real registry: first model, better, worse, rollback, a colleague."""

import inspect
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from frostline import tracking
from frostline.automation import gate
from frostline.commands import registry
from frostline.config import load
from frostline.errors import FrostlineError, InputError
from frostline.tracking.session import session
from helpers.outputs import CLASSES, compared, write
from helpers.params import WHOLE, changed
from helpers.servers import gathered, project, sqlite


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with params and an empty store of its own."""
    root = project(tmp_path / "clone", monkeypatch)
    limits(root)
    sqlite(root / ".frostline/mlflow")
    return root


def limits(root: Path, **changes: float) -> None:
    """Write params.yaml, with changes to its section promotion."""
    values = changed(WHOLE, {f"promotion.{key}": value for key, value in changes.items()})
    with (root / "params.yaml").open("w") as file:
        YAML(typ="safe").dump(values, file)
    load(root / "params.yaml")


def arrive(root: Path, *, wrong: int, key: str, classes: Sequence[str] = CLASSES) -> int:
    """A new training of the classifier, synced: the number of its version, the challenger."""
    compared(write(root, key=key * 64, classes=list(classes)), wrong=wrong)
    version = tracking.publish(gathered(), uri=tracking.store()).version
    assert version is not None
    return version


def aliases() -> dict[str, str]:
    """Where the registry's aliases point."""
    with session(tracking.store()) as client:
        return {alias: str(number) for alias, number in client.get_registered_model("tiny").aliases.items()}


def decide(*accept: str, dry_run: bool = False) -> str:
    """The command's last line."""
    return registry.promote("tiny", accept=accept, dry_run=dry_run)


def decisions() -> list[tuple[str, int, dict[str, str]]]:
    """What the registry keeps: action, version, what a person accepted."""
    made = tracking.standing("tiny", uri=tracking.store()).decisions
    return [(each.action, each.version, dict(each.accepted)) for each in made]


def test_first_better_worse_and_back(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The life of a registered model; each step recorded, with figures."""
    arrive(root, wrong=4, key="a")
    decide()
    assert aliases() == {"champion": "1"}
    assert (
        "first model: accuracy 98.67% (296/300); always the most common class: 33.33%"
        in capsys.readouterr().out
    )

    arrive(root, wrong=3, key="b")
    assert aliases() == {"champion": "1", "challenger": "2"}
    last = decide()
    said = capsys.readouterr().out
    assert "tiny: version 2 against version 1, the champion" in said
    assert "+0.33 points on 300 test images in common (1 gained, 0 lost)" in said
    assert "power: an equally good challenger passes" in said
    assert last == "promoted: champion is version 2, was 1"
    assert aliases() == {"champion": "2"}

    arrive(root, wrong=30, key="c")
    with pytest.raises(
        FrostlineError, match=r"version 3 is not promoted: not worse: -9\.00 points"
    ) as caught:
        decide()
    assert caught.value.exit_code == 1
    assert aliases() == {"champion": "2", "challenger": "3"}

    said = registry.roll_back("tiny")
    assert said == "rolled back: version 1 is champion again; version 2 is withdrawn"
    assert aliases() == {"champion": "1", "challenger": "3"}
    with pytest.raises(InputError, match="no other champion to go back to"):
        registry.roll_back("tiny")
    now = tracking.standing("tiny", uri=tracking.store())
    assert [(each.action, each.version, each.before) for each in now.decisions] == [
        ("promoted", 1, None), ("promoted", 2, 1), ("refused", 3, 2), ("rolled back", 2, 2),
    ]  # fmt: skip
    assert all(each.when and each.by and each.why for each in now.decisions)
    assert now.champions == [1]


def test_a_withdrawn_version_does_not_come_back_by_itself(root: Path) -> None:
    """Not as challenger with the next sync, not as champion with the next night's promote."""
    for key, wrong in (("a", 4), ("b", 3)):
        arrive(root, wrong=wrong, key=key)
        decide()
    registry.roll_back("tiny")
    (root / "plots/tiny/more.png").write_bytes(b"png")  # so that sync has something to bring
    tracking.publish(gathered(), uri=tracking.store())
    assert aliases() == {"champion": "1"}
    with pytest.raises(InputError, match="has no challenger to its champion, version 1"):
        decide()
    with session(tracking.store()) as client:
        client.set_registered_model_alias("tiny", "challenger", "2")
    with pytest.raises(InputError, match="version 2 was withdrawn"):
        decide()


def test_dry_run_changes_nothing(root: Path) -> None:
    """Neither when it would promote nor when it refuses nor when it would go back."""
    arrive(root, wrong=4, key="a")
    before = (aliases(), tracking.standing("tiny", uri=tracking.store()))
    assert decide(dry_run=True) == "would promote: champion is version 1"
    limits(root, megabytes=1e-6)
    with pytest.raises(FrostlineError, match=r"size: 0\.0 MB, allowed 1e-06"):
        decide(dry_run=True)
    with pytest.raises(InputError, match="no other champion to go back to"):
        registry.roll_back("tiny", dry_run=True)
    assert (aliases(), tracking.standing("tiny", uri=tracking.store())) == before


def test_a_person_overrules_a_named_check(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The refusal says how; the registry keeps check, reason and figures; what comes later is compared with it."""
    arrive(root, wrong=4, key="a")
    decide()
    arrive(root, wrong=30, key="b")
    told = r"frostline registry promote tiny --accept 'not worse: REASON'"
    with pytest.raises(FrostlineError, match=told):
        decide()
    assert decide("seen", dry_run=True) == "would promote: champion is version 2, was 1"
    assert aliases() == {"champion": "1", "challenger": "2"}
    capsys.readouterr()
    assert decide("not worse: its errors are wrong labels") == "promoted: champion is version 2, was 1"
    assert "accepted by a person: not worse: its errors are wrong labels" in capsys.readouterr().out
    assert aliases() == {"champion": "2"}
    assert decisions()[-1] == ("promoted", 2, {"not worse": "its errors are wrong labels"})
    last = tracking.standing("tiny", uri=tracking.store()).decisions[-1]
    assert "-8.67 points" in last.why
    assert last.by

    arrive(root, wrong=30, key="c")  # as good as what was accepted, not as what was before
    assert decide() == "promoted: champion is version 3, was 2"
    assert registry.roll_back("tiny").startswith("rolled back: version 2 is champion again")


def test_what_overrules_nothing_is_refused(root: Path) -> None:
    """A reason that names no check where several failed; an empty one."""
    arrive(root, wrong=4, key="a")
    decide()
    arrive(root, wrong=30, key="b")
    limits(root, megabytes=1e-6)
    for text, said in (("seen", "names none of the failed checks: not worse, size"), ("size:", "no reason")):
        with pytest.raises(InputError, match=said):
            decide(text)
    with pytest.raises(FrostlineError, match=r"not promoted: size: .*allowed 1e-06; power") as caught:
        decide("not worse: seen")
    assert "--accept 'size: REASON'" in str(caught.value)
    assert decide("Size: the phone holds it", "not worse: seen") == "promoted: champion is version 2, was 1"
    assert decisions()[-1][2] == {"not worse": "seen", "size": "the phone holds it"}


def test_a_schedule_overrules_nothing() -> None:
    """The task of the flows has no way to say it."""
    from frostline.automation import tasks

    assert "accept" not in inspect.signature(tasks.promote.fn).parameters


def test_other_classes_say_what_to_do_and_set_a_new_standard(root: Path) -> None:
    """They can never pass by themselves; accepted once, later ones with the same classes pass."""
    arrive(root, wrong=0, key="a")
    decide()
    arrive(root, wrong=0, key="b", classes=("blue", "red", "yellow"))
    with pytest.raises(FrostlineError, match=r"other classes \(new yellow; gone green\).*'contract: REASON'"):
        decide()
    decide("contract: the shop sells yellow now")
    arrive(root, wrong=0, key="c", classes=("blue", "red", "yellow"))
    assert decide() == "promoted: champion is version 3, was 2"


def test_a_champion_whose_run_was_purged(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is compared with it; where nothing else is left, a person must decide, and `sync` mends it."""
    arrive(root, wrong=4, key="a")
    decide()
    purge(tracking.store(), "1")
    arrive(root, wrong=3, key="b")
    with pytest.raises(FrostlineError, match="not worse: the champion's run was deleted from MLflow"):
        decide()
    assert "the run of version 1 was deleted from MLflow" in capsys.readouterr().out

    compared(write(root, key="a" * 64), wrong=4)
    again = tracking.publish(gathered(), uri=tracking.store())
    assert (again.version, again.registered) == (3, True)
    assert aliases() == {"champion": "3", "challenger": "2"}
    assert decide() == "promoted: champion is version 2, was 3"
    assert registry.roll_back("tiny", dry_run=True).startswith("would roll back: version 3 is champion again")


def purge(uri: str, number: str) -> None:
    """Delete a version's run as `mlflow gc` does it: for good."""
    with warnings.catch_warnings(action="ignore"):
        from mlflow.cli import gc  # outside of a session: it keeps the store that it finds

    with session(uri) as client:
        run_id = client.get_model_version("tiny", number).run_id
        client.delete_run(run_id)
        done = CliRunner().invoke(gc, ["--backend-store-uri", uri, "--run-ids", run_id])
    assert done.exit_code == 0, done.output


def test_champions_cannot_drift_down(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The third is hardly worse than the second, but too much worse than the best."""
    limits(root, margin=0.035)
    for key, wrong in (("a", 0), ("b", 4)):
        arrive(root, wrong=wrong, key=key)
        decide()
    arrive(root, wrong=8, key="c")
    with pytest.raises(FrostlineError, match=r"-2\.67 points on 300"):
        decide()
    assert "version 3 against version 1, the best champion so far; now it is 2" in capsys.readouterr().out


def test_of_all_champions_one_is_opened(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A year of nights makes hundreds: only the best one's contract is needed, and no champion is timed."""
    opened, timed = [], []
    start, watch = gate.open_session, gate._milliseconds
    monkeypatch.setattr(
        gate, "open_session", lambda path, **how: (opened.append(path), start(path, **how))[1]
    )
    monkeypatch.setattr(gate, "_milliseconds", lambda session: (timed.append(session), watch(session))[1])
    for key, wrong in (("a", 4), ("b", 3), ("c", 2)):
        arrive(root, wrong=wrong, key=key)
        decide()
    assert aliases() == {"champion": "3"}
    assert (len(opened), len(timed)) == (1 + 2 + 2, 3)


def test_a_colleague_without_any_outputs_decides_the_same(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is compared comes from the registry."""
    for key, wrong in (("a", 4), ("b", 3)):
        arrive(root, wrong=wrong, key=key)
        decide(dry_run=key == "b")
    uri = tracking.store()
    elsewhere = project(tmp_path / "colleague", monkeypatch)
    shutil.copyfile(root / "params.yaml", elsewhere / "params.yaml")
    shutil.rmtree(root / "artifacts")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert decide() == "promoted: champion is version 2, was 1"


def test_a_run_without_predictions_is_told_what_to_do(root: Path) -> None:
    """Runs of an older frostline keep none."""
    write(root)
    tracking.publish(gathered(), uri=tracking.store())
    with pytest.raises(FrostlineError, match="keeps no predictions to compare with; where its outputs are, "):
        decide()


def test_an_unknown_model(root: Path) -> None:
    """One line, with what to do."""
    assert root.exists()
    with pytest.raises(InputError, match=r"no registered model 'tiny'; .*`frostline registry sync`"):
        decide()


def test_somebody_else_was_faster(root: Path) -> None:
    """A decision about a champion that is no longer there is not carried out."""
    arrive(root, wrong=4, key="a")
    late = tracking.Decision("promoted", 1, before=7, why="ok")
    with pytest.raises(FrostlineError, match="somebody else moved the champion meanwhile"):
        tracking.decide("tiny", late, uri=tracking.store())
    assert aliases() == {"challenger": "1"}
