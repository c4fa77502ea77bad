"""Who is champion, who wants to be, and every decision about it, as the registry keeps them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from frostline.errors import FrostlineError, InputError, nearest
from frostline.tracking import store_uri
from frostline.tracking.content import MODEL
from frostline.tracking.database import locked
from frostline.tracking.registry import CHALLENGER, CHAMPION, WITHDRAWN
from frostline.tracking.runs import run_exists, user
from frostline.tracking.session import session

if TYPE_CHECKING:
    from mlflow import MlflowClient

DECISION = "frostline.decision."
LOCK_SECONDS = 60.0
REASON_LENGTH = 4000  # a tag holds 5000 characters
# Checks that compare with earlier champions: who overrules one sets a new standard.
COMPARING = frozenset({"not worse", "contract"})


class GoneError(FrostlineError):
    """A version's run was deleted from MLflow for good, with all that it kept."""


@dataclass(frozen=True)
class Version:
    """A registered version: its number, the run that made it, the hash of its model file."""

    number: int
    run_id: str
    sha256: str
    withdrawn: str  # why it was taken back, "" if it was not


@dataclass(frozen=True)
class Decision:
    """What was decided about a version: promoted, refused or "rolled back", when (UTC), by whom, why.

    `before` is the champion until then, None where there was none; `accepted` the person's reason for each
    failed check that they overruled.
    """

    action: str
    version: int
    before: int | None
    why: str
    when: str = ""
    by: str = ""
    accepted: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """A registered model's versions by number, its aliases and its decisions, oldest first."""

    name: str
    versions: dict[int, Version]
    champion: int | None
    challenger: int | None
    decisions: tuple[Decision, ...]

    @property
    def champions(self) -> list[int]:
        """Champions in their order, the present one last.

        Those that were taken back or deleted are forgotten; of several versions of one model the last counts.
        """
        line = [version for version in champions(self.decisions) if version in self.versions]
        if self.champion is not None:
            line = [*(version for version in line if version != self.champion), self.champion]
        last = {self.versions[version].sha256 or version: version for version in line}
        return [version for version in line if version in last.values()]

    @property
    def standards(self) -> list[int]:
        """The champions that a challenger is compared with: since a person last set a new standard."""
        line, accepted = (
            self.champions,
            {decision.version for decision in self.decisions if COMPARING & decision.accepted.keys()},
        )
        start = max((place for place, version in enumerate(line) if version in accepted), default=0)
        return line[start:]


def champions(decisions: Sequence[Decision]) -> list[int]:
    """Fold decisions, oldest first, into the line of champions."""
    line: list[int] = []
    for decision in decisions:
        if decision.action == "promoted":
            # A champion that took over from a version whose run was deleted was decided about as that one.
            line += [
                number for number in (decision.before, decision.version) if number and line[-1:] != [number]
            ]
        elif decision.action == "rolled back":
            line = [version for version in line if version != decision.version]
    return line


def standing(name: str, *, uri: str) -> Standing:
    """What the registry knows of a model; InputError where it has none of that name."""
    store_uri.require(uri)
    with session(uri) as client:
        return _standing(client, name)


def decide(name: str, decision: Decision, *, uri: str) -> None:
    """Record a decision, then move the aliases as it says.

    In this order: a decision that was recorded and not carried out is made again; an alias that moved
    without a record could not be taken back. FrostlineError when somebody else moved it meanwhile.
    """
    with locked(uri, seconds=LOCK_SECONDS), session(uri) as client:
        if _standing(client, name).champion != decision.before:
            raise FrostlineError(f"{name}: somebody else moved the champion meanwhile; run this again")
        _record(client, name, decision)
        if decision.action == "promoted":
            client.set_registered_model_alias(name, CHAMPION, str(decision.version))
            if _standing(client, name).challenger == decision.version:
                client.delete_registered_model_alias(name, CHALLENGER)


def roll_back(name: str, *, uri: str, dry_run: bool = False) -> Decision:
    """Make the champion before this one champion again and withdraw this one; what was done, or would be.

    InputError where there was none before, or only such whose runs were deleted from MLflow.
    """
    store_uri.require(uri)
    with locked(uri, seconds=LOCK_SECONDS), session(uri) as client:
        now = _standing(client, name)
        line = now.champions
        former = next((v for v in line[-2::-1] if run_exists(client, now.versions[v].run_id)), None)
        if former is None:
            raise InputError(f"{name} has had no other champion to go back to")
        champion, why = line[-1], f"version {former} is champion again"
        decision = Decision("rolled back", champion, champion, why)
        if dry_run:
            return decision
        client.set_model_version_tag(name, str(champion), WITHDRAWN, why)
        _record(client, name, decision)
        client.set_registered_model_alias(name, CHAMPION, str(former))
        return decision


def version_files(version: Version, names: Sequence[str], *, uri: str, folder: Path) -> dict[str, Path]:
    """Files of a version's run, downloaded into `folder`, by name; those it lacks are left out.

    GoneError where the run itself is gone.
    """
    with session(uri) as client:
        if not run_exists(client, version.run_id):
            raise GoneError(f"the run of version {version.number} was deleted from MLflow")
        there = {file.path for file in client.list_artifacts(version.run_id)}
        folder.mkdir(parents=True, exist_ok=True)
        return {
            name: Path(client.download_artifacts(version.run_id, name, str(folder)))
            for name in names
            if name in there
        }


def _standing(client: "MlflowClient", name: str) -> Standing:
    from mlflow.exceptions import MlflowException

    try:
        model = client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise
        known = [other.name for other in client.search_registered_models()]
        near = nearest(name, known) if known else ""
        raise InputError(
            f"no registered model {name!r}{near}; after an export `frostline registry sync` registers it"
        ) from None
    aliases = {alias: int(number) for alias, number in model.aliases.items()}
    registered = client.search_model_versions(f"name = '{name}'")
    versions = {
        int(v.version): Version(
            int(v.version), str(v.run_id), v.tags.get(MODEL, ""), v.tags.get(WITHDRAWN, "")
        )
        for v in registered
    }
    decisions = [
        Decision(**json.loads(value)) for tag, value in sorted(model.tags.items()) if tag.startswith(DECISION)
    ]
    return Standing(name, versions, aliases.get(CHAMPION), aliases.get(CHALLENGER), tuple(decisions))


def _record(client: "MlflowClient", name: str, decision: Decision) -> None:
    """A tag per decision on the registered model, in the order of time; the version shows its last one."""
    when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    values = asdict(decision) | {"when": when, "by": user(), "why": decision.why[:REASON_LENGTH]}
    client.set_registered_model_tag(name, f"{DECISION}{when}", json.dumps(values, ensure_ascii=False))
    summary = f"{decision.action} {when}: {decision.why}"[:REASON_LENGTH]
    client.set_model_version_tag(name, str(decision.version), "frostline.decision", summary)
