"""Bring one classifier's run, pictures, model and registration up to date, as often as called."""

from dataclasses import dataclass

from frostline import files
from frostline.tracking import registry, run_contents, runs
from frostline.tracking.content import SYNCED, Outputs
from frostline.tracking.git import Commit
from frostline.tracking.runs import Wanted
from frostline.tracking.session import locked, session

# Another sync may be sending a large model.
LOCK_SECONDS = 600.0


@dataclass(frozen=True)
class Published:
    """What a call found or did: the run, the registered version (None before export)."""

    run_id: str
    version: int | None
    created: bool  # this call created the run
    registered: bool  # this call registered the version
    changed: bool  # anything at all was brought


def publish(outputs: Outputs, *, uri: str, commit: Commit | None = None) -> Published:
    """Find or create the run of the outputs' content key in the store and bring what is missing.

    Each part looks before it writes, and the mark that all is there comes last: a call that was
    interrupted anywhere is completed by the next one, and nothing is there twice.
    FrostlineError when the store fails.
    """
    record = outputs.record
    with locked(uri, seconds=LOCK_SECONDS), session(uri) as client:
        span = outputs.observed.span if outputs.observed else None
        start = span[0] if span else None
        wanted = Wanted(record["key"], record["classifier"], record["dataset"], start=start)
        run, created = runs.find_or_create(client, uri, wanted)
        run_id = run.info.run_id
        for seen in (outputs.observed.commit if outputs.observed else None, commit):
            run_contents.log(client, run_id, tags=run_contents.commit_tags(run, seen))
            run = client.get_run(run_id)
        observed = run_contents.observe(client, run, outputs.observed, packages=outputs.packages)
        digest = outputs.digest()
        version = None
        if outputs.model:
            version = registry.find_version(client, outputs.classifier, files.sha256_file(outputs.model))
        complete = run.data.tags.get(SYNCED) == digest and run.info.status == "FINISHED"
        if complete and (version or not outputs.model):
            return Published(run_id, int(version.version) if version else None, False, False, observed)
        run_contents.fill(client, run, outputs)
        number, registered = None, False
        if outputs.model:
            number, registered = registry.register(client, run, outputs, model=outputs.model)
        # A run that streamed, or began at a sync, keeps its own times.
        mine = span is not None and run.info.start_time == span[0]
        client.set_terminated(run_id, "FINISHED", end_time=span[1] if span and mine else run.info.end_time)
        client.set_tag(run_id, SYNCED, digest)
        return Published(run_id, number, created, registered, True)
