"""The only room that knows DVC, and git, which it stands on."""

from frostline.graph.history import content
from frostline.graph.pipeline import Outcome, Step, outcome, reproduce, stages, stale, steps
from frostline.graph.programs import BusyError, RemoteError
from frostline.graph.record import Author, Record, own_changes, record, require_clean, share
from frostline.graph.remotes import pull, push
from frostline.graph.tree import DATA, changes, forget_sample_remote, remote

__all__ = [
    "DATA", "Author", "BusyError", "Outcome", "Record", "RemoteError", "Step", "changes", "content",
    "forget_sample_remote", "outcome", "own_changes", "pull", "push", "record", "remote", "reproduce", "require_clean",
    "share", "stages", "stale", "steps",
]  # fmt: skip
