"""The only room that knows MLflow. Importing it is free; MLflow itself is imported when it is used.

Nothing here decides anything: MLflow is a side effect of files that the stages wrote, keyed by their
content, so that whatever is lost can be brought again.
"""

from frostline.tracking.champions import (
    Decision,
    GoneError,
    Standing,
    Version,
    decide,
    roll_back,
    standing,
    version_files,
)
from frostline.tracking.content import StageOutputs, note
from frostline.tracking.download import download_model
from frostline.tracking.live import live
from frostline.tracking.observations import Commit, Observed, commit
from frostline.tracking.observations import read as observed
from frostline.tracking.publishing import Published, publish, publish_study, studying
from frostline.tracking.registry import Registered, champion_days, registered
from frostline.tracking.runs import page
from frostline.tracking.session import prepare
from frostline.tracking.store_uri import reachable, require, store, where_to_look
from frostline.tracking.studies import Child, Study, shared
from frostline.tracking.studies import saved as saved_studies

__all__ = [
    "Child", "Commit", "Decision", "GoneError", "Observed", "Published", "Registered", "StageOutputs", "Standing",
    "Study", "Version", "champion_days", "commit", "decide", "download_model", "live", "note", "observed", "page",
    "prepare", "publish", "publish_study", "reachable", "registered", "require", "roll_back", "saved_studies",
    "shared", "standing", "store", "studying", "version_files", "where_to_look",
]  # fmt: skip
