"""The only room that knows DVC, and git, which it stands on."""

from frostline.pipeline.history import content, require_revision
from frostline.pipeline.lock import data_hash
from frostline.pipeline.origin import Origin, exporting, holding, subject
from frostline.pipeline.processes import BusyError, RemoteError, end_left_behind
from frostline.pipeline.record import Author, Record, committer, own_changes, record, require_clean, share
from frostline.pipeline.remotes import pull, push
from frostline.pipeline.stages import Outcome, Step, outcome, reproduce, stages, stale, steps, waves
from frostline.pipeline.worktree import DATA, changes, forget_sample_remote, remote

__all__ = [
    "DATA", "Author", "BusyError", "Origin", "Outcome", "Record", "RemoteError", "Step", "changes",
    "committer", "content", "data_hash", "end_left_behind", "exporting", "forget_sample_remote", "holding", "outcome",
    "own_changes", "pull", "push", "record", "remote", "reproduce", "require_clean", "require_revision", "share",
    "stages", "stale", "steps", "subject", "waves",
]  # fmt: skip
