"""`frostline registry sync`, `promote` and `rollback`: runs brought up to date, and who is champion."""

from frostline import config, tracking
from frostline.automation import gate
from frostline.errors import FrostlineError
from frostline.tracking import sync as stage_outputs


def sync() -> None:
    """Bring MLflow up to date for every classifier and every sweep; the errors of `tracking.sync.run`."""
    stage_outputs.run(list(config.load().classifiers))


def promote(name: str, *, dry_run: bool = False) -> str:
    """Decide about a registered model's challenger, say why, record it and move the alias.

    `dry_run` decides and changes nothing. FrostlineError when the challenger is refused, InputError when there
    is none.
    """
    verdict = gate.judge(name, config.load().promotion, dry_run=dry_run)
    if verdict.result == gate.REFUSED:
        raise FrostlineError(f"{name}: version {verdict.version} is not promoted: {verdict.why}")
    was = f", was {verdict.before}" if verdict.before else ""
    done = "would promote" if dry_run else "promoted"
    return f"{done}: champion is version {verdict.version}{was}"


def roll_back(name: str, *, dry_run: bool = False) -> str:
    """Make the champion before this one champion again and withdraw this one; `dry_run` changes nothing.

    InputError where there is none to go back to.
    """
    uri = tracking.store()
    tracking.require(uri)
    line = tracking.standing(name, uri=uri).champions
    if dry_run:
        what = f"version {line[-2]} again instead of {line[-1]}" if len(line) > 1 else "nothing to go back to"
        return f"would roll back: {what}"
    decision = tracking.roll_back(name, uri=uri)
    return f"rolled back: {decision.why}; version {decision.version} is withdrawn"
