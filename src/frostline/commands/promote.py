"""`frostline registry promote` and `rollback`: the challenger becomes champion if it has earned it."""

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frostline import config, files, tracking
from frostline.errors import FrostlineError, InputError
from frostline.evaluation import predictions, promotion
from frostline.evaluation.promotion import Check, Evidence
from frostline.progress import say
from frostline.runtime.contract import to_values
from frostline.runtime.sessions import Session, open_session
from frostline.tracking import Decision, Standing, Version

KEPT = ("predictions.parquet", "agreement.json", "dataset.json")
TRIALS = 15  # of one image, after one that warms up


@dataclass(frozen=True)
class Ruling:
    """What was decided about a challenger, each check with its figures, the power of the paired test ("": none)."""

    decision: Decision
    checks: tuple[Check, ...]
    odds: str


def run(name: str, *, dry_run: bool = False) -> str:
    """Decide about a registered model's challenger, say why, record it and move the alias.

    `dry_run` decides and changes nothing. FrostlineError when the challenger is refused, InputError when there
    is none.
    """
    decision = judge(name, dry_run=dry_run).decision
    if decision.action == "refused":
        raise FrostlineError(f"{name}: version {decision.version} is not promoted: {decision.why}")
    was = f", was {decision.before}" if decision.before else ""
    done = "would promote" if dry_run else "promoted"
    return f"{done}: champion is version {decision.version}{was}"


def judge(name: str, *, dry_run: bool) -> Ruling:
    """Examine a registered model's challenger, say each check and carry out what follows from them.

    A refusal is an answer. InputError when there is no challenger, FrostlineError when it cannot be examined.
    """
    uri = tracking.store()
    tracking.require(uri)
    limits = config.load().promotion
    now = tracking.standing(name, uri=uri)
    challenger = _challenger(now)
    with tempfile.TemporaryDirectory() as folder:
        evidence = {
            number: _evidence(name, now.versions[number], uri=uri, folder=Path(folder) / str(number))
            for number in (*now.reigns, challenger)
        }
    found, odds = _examine(evidence[challenger], [evidence[number] for number in now.reigns], limits, now=now)
    _tell(found, odds)
    decision = _decision(found, odds, now=now, number=challenger)
    if not dry_run:
        tracking.decide(name, decision, uri=uri)
    return Ruling(decision, tuple(found), odds)


def _challenger(now: Standing) -> int:
    number = now.challenger
    if number is None or number == now.champion:
        raise InputError(
            f"{now.name} has no challenger"
            + (f" to its champion, version {now.champion}" if now.champion else "")
            + "; train, export and `frostline registry sync` a new one"
        )
    if reason := now.versions[number].withdrawn:
        raise InputError(f"{now.name}: version {number} was withdrawn ({reason}); train another")
    return number


def _evidence(name: str, version: Version, *, uri: str, folder: Path) -> Evidence:
    """All that the registry keeps about a version; needs nothing of this machine's stage outputs."""
    kept = tracking.kept(version, KEPT, uri=uri, folder=folder)
    if "predictions.parquet" not in kept:
        raise FrostlineError(
            f"{name}: the run of version {version.number} keeps no predictions to compare with; where its "
            "outputs are, `frostline registry sync` brings them"
        )
    path = tracking.download_model(f"models:/{name}/{version.number}")
    session = open_session(path, device="cpu")
    said = predictions.read(kept["predictions.parquet"], made_by=f"dvc repro train@{name}")
    proofs = {
        each: files.read_json(kept[each], made_by="frostline registry sync") if each in kept else None
        for each in KEPT[1:]
    }
    return Evidence(
        number=version.number,
        sha256=session.sha256,
        contract=to_values(session.contract),
        test=said.split("test"),
        agreement=proofs["agreement.json"],
        audit=proofs["dataset.json"],
        milliseconds=_milliseconds(session),
        megabytes=path.stat().st_size / 1e6,
    )


def _milliseconds(session: Session) -> float:
    """The median time of one image alone."""
    image = np.full((1, session.contract.height, session.contract.width, 3), 127, np.uint8)
    times = []
    for _ in range(TRIALS + 1):
        start = time.perf_counter()
        session.run(image)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[1:])


def _examine(
    challenger: Evidence, champions: list[Evidence], limits: config.Promotion, *, now: Standing
) -> tuple[list[Check], str]:
    """The checks, and the power of the paired test; says who meets whom."""
    if not champions:
        say(f"{now.name}: version {challenger.number} would be the first champion")
        return list(promotion.checks(challenger, None, limits)), ""
    anchor = promotion.best(champions, test=challenger.test)
    also = (
        "the champion"
        if anchor.number == now.champion
        else f"the best champion so far; now it is {now.champion}"
    )
    say(f"{now.name}: version {challenger.number} against version {anchor.number}, {also}")
    found = list(promotion.checks(challenger, anchor, limits))
    return found, promotion.odds(challenger, anchor, limits)


def _tell(found: list[Check], odds: str) -> None:
    width = max(len(check.name) for check in found)
    for check in found:
        say(f"{'ok  ' if check.passed else 'FAIL'} {check.name:<{width}}  {check.figures}")
    if odds:
        say(odds)


def _decision(found: list[Check], odds: str, *, now: Standing, number: int) -> Decision:
    """What follows from the checks: each failed one is a reason, else all of them are."""
    failed = [check for check in found if not check.passed]
    why = [f"{check.name}: {check.figures}" for check in failed or found]
    return Decision(
        action="refused" if failed else "promoted",
        version=number,
        before=now.champion,
        why="; ".join([*why, odds] if odds else why),
    )


def roll_back(name: str, *, dry_run: bool = False) -> str:
    """Make the champion before this one champion again and withdraw this one; `dry_run` changes nothing.

    InputError where there is none to go back to.
    """
    uri = tracking.store()
    tracking.require(uri)
    line = tracking.standing(name, uri=uri).reigns
    if dry_run:
        what = f"version {line[-2]} again instead of {line[-1]}" if len(line) > 1 else "nothing to go back to"
        return f"would roll back: {what}"
    decision = tracking.roll_back(name, uri=uri)
    return f"rolled back: {decision.why}; version {decision.version} is withdrawn"
