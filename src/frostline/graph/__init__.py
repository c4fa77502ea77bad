"""The only room that knows DVC, and git, which it stands on."""

from frostline.graph.pipeline import outcome, reproduce, stages
from frostline.graph.tree import DATA, changes, forget_sample_remote, remote

__all__ = ["DATA", "changes", "forget_sample_remote", "outcome", "remote", "reproduce", "stages"]
