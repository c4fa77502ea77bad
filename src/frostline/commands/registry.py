"""`frostline registry sync`, `promote` and `rollback`: runs brought up to date, and who is champion."""

from collections.abc import Sequence

from frostline import config, tracking
from frostline.errors import FrostlineError, shell_command
from frostline.progress import announce
from frostline.tracking import sync as stage_outputs


def sync(*, experiments: bool = False) -> None:
    """Bring MLflow up to date for every classifier, every sweep and, where asked, every DVC experiment.

    The errors are those of `tracking.sync.run`.
    """
    stage_outputs.run(list(config.load().classifiers), experiments=experiments)


def promote(name: str, *, accept: Sequence[str] = (), dry_run: bool = False) -> str:
    """Decide about a registered model's challenger, say why, record it and move the alias.

    `accept` overrules failed checks, each `CHECK: REASON`, or a reason alone where one failed. `dry_run` decides
    and changes nothing. FrostlineError when the challenger is refused, InputError when there is none.
    """
    from frostline.automation import gate  # only here: it reads tables, which a sync does not

    announce(f"asking MLflow about the versions of {name}", about=10)
    verdict = gate.judge(name, config.load().promotion, accept=accept, dry_run=dry_run)
    if verdict.result == gate.REFUSED:
        raise FrostlineError(
            f"{name}: version {verdict.version} is not promoted: {verdict.why}; "
            f"to promote it all the same: {_accepting(name, verdict.failed)}"
        )
    was = f", was {verdict.before}" if verdict.before else ""
    done = "would promote" if dry_run else "promoted"
    return f"{done}: champion is version {verdict.version}{was}"


def _accepting(name: str, failed: Sequence[str]) -> str:
    """The command by which a person overrules the checks that failed."""
    reasons = [word for check in failed for word in ("--accept", f"{check}: REASON")]
    return shell_command("frostline", "registry", "promote", name, *reasons)


def roll_back(name: str, *, dry_run: bool = False) -> str:
    """Make the champion before this one champion again and withdraw this one; `dry_run` changes nothing.

    InputError where there is none to go back to.
    """
    decision = tracking.roll_back(name, uri=tracking.store(), dry_run=dry_run)
    done = "would roll back" if dry_run else "rolled back"
    return f"{done}: {decision.why}; version {decision.version} is withdrawn"
