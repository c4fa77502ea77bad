"""The only room that knows MLflow. Importing it is free; MLflow itself is imported when it is used.

Nothing here decides anything: MLflow is a side effect of files that the stages wrote, keyed by their
content, so that whatever is lost can be brought again.
"""

from frostline.tracking.content import Outputs, note
from frostline.tracking.download import download_model
from frostline.tracking.git import Commit, commit
from frostline.tracking.looking import champion_days, page
from frostline.tracking.places import reachable, require, store, where_to_look
from frostline.tracking.publishing import Published, publish
from frostline.tracking.streaming import live

__all__ = [
    "Commit", "Outputs", "Published", "champion_days", "commit", "download_model", "live", "note", "page",
    "publish",
    "reachable", "require", "store", "where_to_look",
]  # fmt: skip
