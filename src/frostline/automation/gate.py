"""The gate: a registered model's challenger becomes champion if it has earned it; the verdict, for people to read."""

import functools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frostline import config, files, memory, tracking
from frostline.errors import FrostlineError, InputError
from frostline.evaluation import predictions, promotion
from frostline.evaluation.promotion import CHECKS, Check, Evidence, Standard, Tested
from frostline.progress import say
from frostline.runtime.contract import to_values
from frostline.runtime.sessions import Session, open_session
from frostline.tracking import Decision, GoneError, Standing, Version

PROMOTED, REFUSED, NONE = "promoted", "refused", "no challenger"
FILES = ("predictions.parquet", "agreement.json", "dataset.json")
TRIALS = 15  # of one image, after one that warms up


@dataclass(frozen=True)
class Verdict:
    """What the gate decided about a classifier's challenger, with each check and its figures.

    `before` is the champion until then. Without a challenger, `why` says so and nothing was checked.
    """

    classifier: str
    result: str  # promoted, refused or no challenger
    why: str = ""
    version: int | None = None
    checks: tuple[Check, ...] = ()
    before: int | None = None

    @property
    def failed(self) -> list[str]:
        """The names of the checks that failed."""
        return [check.name for check in self.checks if not check.passed]


def promoted(verdicts: Iterable[Verdict]) -> list[str]:
    """The classifiers that have a new champion."""
    return [verdict.classifier for verdict in verdicts if verdict.result == PROMOTED]


def judge(
    name: str, limits: config.Promotion, *, accept: Sequence[str] = (), dry_run: bool = False
) -> Verdict:
    """Examine a registered model's challenger, say each check and carry out what follows from them.

    A refusal is an answer; `accept` is a person's, never a schedule's: see `accepted`. `dry_run` decides and
    changes nothing. InputError when there is no challenger, FrostlineError when it cannot be examined.
    """
    memory.spare_pandas()
    uri = tracking.store()
    tracking.require(uri)
    now = tracking.standing(name, uri=uri)
    challenger = _challenger(now)
    with tempfile.TemporaryDirectory() as folder:
        evidence = _evidence(name, now.versions[challenger], uri=uri, folder=Path(folder))
        read = functools.partial(_tested, name, uri=uri, folder=Path(folder))
        champions = list(_readable(now, read))
    checks, power_line = _examine(evidence, champions, limits, now=now)
    _say(checks, power_line)
    overruled = accepted([check.name for check in checks if not check.passed], accept)
    for check, reason in overruled.items():
        say(f"accepted by a person: {check}: {reason}")
    decision = _decision(checks, power_line, overruled, now=now, number=challenger)
    if not dry_run:
        tracking.decide(name, decision, uri=uri)
    return Verdict(name, decision.action, decision.why, decision.version, tuple(checks), decision.before)


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


def accepted(failed: Sequence[str], reasons: Sequence[str]) -> dict[str, str]:
    """Each failed check that a person overrules, with their reason.

    A reason is `CHECK: REASON`, or stands alone where just one check failed: nobody overrules what they did not
    see. A check that did not fail needs no reason. InputError for an empty reason, and for one that names no
    check where several failed.
    """
    overruled: dict[str, str] = {}
    for text in reasons:
        head, colon, rest = (part.strip() for part in text.partition(":"))
        named = bool(colon) and head.lower() in CHECKS
        check, reason = (
            (head.lower(), rest) if named else (failed[0] if len(failed) == 1 else "", text.strip())
        )
        if not reason:
            raise InputError(f"--accept {text!r} gives no reason; write 'CHECK: REASON'")
        if not check and failed:
            raise InputError(f"--accept {text!r} names none of the failed checks: {', '.join(failed)}")
        if check in failed:
            overruled[check] = reason
    return overruled


def _readable(now: Standing, read: Callable[[Version], Tested]) -> Iterator[Tested]:
    """The champions to compare with, all there have been; those whose run was deleted are said and left out."""
    for number in now.standards:
        try:
            yield read(now.versions[number])
        except GoneError as error:
            say(f"{now.name}: {error}, so nothing is compared with it")


def _tested(name: str, version: Version, *, uri: str, folder: Path) -> Tested:
    """What a version predicted of the test images, as the registry keeps it."""
    place = folder / str(version.number)
    logged = tracking.version_files(version, FILES[:1], uri=uri, folder=place)
    if not logged:
        raise FrostlineError(
            f"{name}: the run of version {version.number} keeps no predictions to compare with; where its "
            "outputs are, `frostline registry sync` brings them"
        )
    predicted = predictions.read(logged[FILES[0]], made_by=f"dvc repro train@{name}")
    return Tested(version.number, predicted.split("test"))


def _evidence(name: str, version: Version, *, uri: str, folder: Path) -> Evidence:
    """All that the registry keeps about a version; needs nothing of this machine's stage outputs."""
    tested = _tested(name, version, uri=uri, folder=folder)
    logged = tracking.version_files(version, FILES[1:], uri=uri, folder=folder / str(version.number))
    path = tracking.download_model(f"models:/{name}/{version.number}")
    session = open_session(path, device="cpu")
    proofs = {
        file: files.read_json(logged[file], made_by="frostline registry sync") if file in logged else None
        for file in FILES[1:]
    }
    return Evidence(
        **vars(tested),
        sha256=session.sha256,
        contract=to_values(session.contract),
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
    challenger: Evidence, champions: list[Tested], limits: config.Promotion, *, now: Standing
) -> tuple[list[Check], str]:
    """The checks, and the power of the paired test; says who meets whom."""
    if not now.standards:
        say(f"{now.name}: version {challenger.number} would be the first champion")
        return list(promotion.checks(challenger, None, limits)), ""
    if now.champion not in {champion.number for champion in champions}:
        say(f"{now.name}: version {challenger.number} without a champion to compare with")
        return list(promotion.alone(challenger, limits)), ""
    anchor = _standard(now.name, promotion.best(champions, test=challenger.test))
    also = (
        "the champion"
        if anchor.number == now.champion
        else f"the best champion so far; now it is {now.champion}"
    )
    say(f"{now.name}: version {challenger.number} against version {anchor.number}, {also}")
    return list(promotion.checks(challenger, anchor, limits)), promotion.power_line(
        challenger, anchor, limits
    )


def _standard(name: str, champion: Tested) -> Standard:
    path = tracking.download_model(f"models:/{name}/{champion.number}")
    return Standard(**vars(champion), contract=to_values(open_session(path, device="cpu").contract))


def _say(checks: list[Check], power_line: str) -> None:
    width = max(len(check.name) for check in checks)
    for check in checks:
        say(f"{'ok  ' if check.passed else 'FAIL'} {check.name:<{width}}  {check.figures}")
    if power_line:
        say(power_line)


def _decision(
    checks: list[Check], power_line: str, overruled: Mapping[str, str], *, now: Standing, number: int
) -> Decision:
    """What follows from the checks: each failed one that nobody overruled is a reason, else all of them are."""
    failed = [check for check in checks if not check.passed and check.name not in overruled]
    why = [
        f"{check.name}: {check.figures}"
        + (f", accepted: {overruled[check.name]}" if check.name in overruled else "")
        for check in failed or checks
    ]
    return Decision(
        action="refused" if failed else "promoted",
        version=number,
        before=now.champion,
        why="; ".join([*why, power_line] if power_line else why),
        accepted={} if failed else dict(overruled),
    )
