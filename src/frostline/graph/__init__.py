"""The only room that knows DVC, and git, which it stands on."""

from frostline.graph.history import content, require_revision
from frostline.graph.lock import data_hash
from frostline.graph.origin import Origin, exporting, holding, subject
from frostline.graph.pipeline import Outcome, Step, outcome, reproduce, stages, stale, steps, waves
from frostline.graph.programs import BusyError, RemoteError, end_left_behind
from frostline.graph.record import Author, Record, committer, own_changes, record, require_clean, share
from frostline.graph.remotes import pull, push
from frostline.graph.tree import DATA, changes, forget_sample_remote, remote

__all__ = [
    "DATA", "Author", "BusyError", "Origin", "Outcome", "Record", "RemoteError", "Step", "changes",
    "committer", "content", "data_hash", "end_left_behind", "exporting", "forget_sample_remote", "holding", "outcome",
    "own_changes", "pull", "push", "record", "remote", "reproduce", "require_clean", "require_revision", "share",
    "stages", "stale", "steps", "subject", "waves",
]  # fmt: skip
