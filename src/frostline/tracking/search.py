"""From a model's hash back to what MLflow knows of it."""

from dataclasses import dataclass

from frostline.tracking import store_uri
from frostline.tracking.content import COMMIT, DIRTY, MODEL
from frostline.tracking.session import session


@dataclass(frozen=True)
class Registered:
    """A registered version that holds a model file: its name, number and aliases, its run, the run's commit."""

    name: str
    number: int
    aliases: tuple[str, ...]
    run_id: str
    commit: str  # "" where the run does not say; "dirty" is said by the flag
    dirty: bool


def registered(sha256: str, *, uri: str) -> list[Registered]:
    """Every version with this model file, by name and number; FrostlineError when the store fails."""
    store_uri.require(uri)
    with session(uri) as client:
        found = client.search_model_versions(f"tags.`{MODEL}` = '{sha256}'")
        result = []
        for version in sorted(found, key=lambda each: (each.name, int(each.version))):
            tags = client.get_run(str(version.run_id)).data.tags
            aliases = client.get_registered_model(version.name).aliases
            held = tuple(sorted(a for a, number in aliases.items() if str(number) == str(version.version)))
            result.append(
                Registered(
                    version.name, int(version.version), held, str(version.run_id),
                    tags.get(COMMIT, ""), tags.get(DIRTY) == "true",
                )
            )  # fmt: skip
        return result
