"""The only room that knows MLflow. Importing it is free; MLflow itself is imported when it is used.

Nothing here decides anything: MLflow is a side effect of files that the stages wrote, keyed by their
content, so that whatever is lost can be brought again.
"""

from frostline.tracking.champions import Decision, Standing, Version, decide, kept, roll_back, standing
from frostline.tracking.content import Outputs, note
from frostline.tracking.download import download_model
from frostline.tracking.git import Commit, commit
from frostline.tracking.live import live
from frostline.tracking.observations import Observed
from frostline.tracking.observations import read as observed
from frostline.tracking.overview import champion_days, page
from frostline.tracking.publishing import Published, publish
from frostline.tracking.relocation import settle
from frostline.tracking.search import Registered, registered
from frostline.tracking.store_uri import reachable, require, store, where_to_look
from frostline.tracking.studies import Child, Study, publish_study, shared, studying
from frostline.tracking.studies import kept as kept_studies

__all__ = [
    "Child", "Commit", "Decision", "Observed", "Outputs", "Published", "Registered", "Standing", "Study",
    "Version", "champion_days", "commit", "decide", "download_model", "kept", "kept_studies", "live", "note",
    "observed", "page", "publish", "publish_study", "reachable", "registered", "require", "roll_back",
    "settle", "shared", "standing", "store", "studying", "where_to_look",
]  # fmt: skip
