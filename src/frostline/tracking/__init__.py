"""The only room that knows MLflow. Importing it is free; MLflow itself is imported when it is used.

Nothing here decides anything: MLflow is a side effect of files that the stages wrote, keyed by their
content, so that whatever is lost can be brought again.
"""

from frostline.tracking.champions import Decision, Standing, Version, decide, kept, roll_back, standing
from frostline.tracking.content import Outputs, note
from frostline.tracking.download import download_model
from frostline.tracking.git import Commit, commit
from frostline.tracking.looking import champion_days, page
from frostline.tracking.moved import settle
from frostline.tracking.observing import Observed, observing
from frostline.tracking.observing import read as observed
from frostline.tracking.places import reachable, require, store, where_to_look
from frostline.tracking.publishing import Published, publish
from frostline.tracking.search import Registered, registered
from frostline.tracking.streaming import live

__all__ = [
    "Commit", "Decision", "Observed", "Outputs", "Published", "Registered", "Standing", "Version",
    "champion_days", "commit", "decide", "download_model", "kept", "live", "note", "observed", "observing",
    "page", "publish", "reachable", "registered", "require", "roll_back", "settle", "standing", "store",
    "where_to_look",
]  # fmt: skip
