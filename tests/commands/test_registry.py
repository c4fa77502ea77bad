"""promote as its user sees it, against a real registry: first model, better, worse, rollback, a colleague."""

import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from frostline import tracking
from frostline.commands import registry
from frostline.config import load
from frostline.errors import FrostlineError, InputError
from frostline.tracking.session import session
from helpers.outputs import compared, write
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


def arrive(root: Path, *, wrong: int, key: str) -> int:
    """A new training of the classifier, synced: the number of its version, the challenger."""
    compared(write(root, key=key * 64), wrong=wrong)
    version = tracking.publish(gathered(), uri=tracking.store()).version
    assert version is not None
    return version


def aliases() -> dict[str, str]:
    """Where the registry's aliases point."""
    with session(tracking.store()) as client:
        return {alias: str(number) for alias, number in client.get_registered_model("tiny").aliases.items()}


def decide(*, dry_run: bool = False) -> str:
    """The command's last line."""
    return registry.promote("tiny", dry_run=dry_run)


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
    assert registry.roll_back("tiny", dry_run=True) == "would roll back: nothing to go back to"
    assert (aliases(), tracking.standing("tiny", uri=tracking.store())) == before


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
