# The types of the public interface, for editors and type checkers: `__init__.py` loads each name by a text.
from frostline.errors import FrostlineError as FrostlineError
from frostline.errors import InputError as InputError
from frostline.project import Project as Project
from frostline.project import open_project as open_project
from frostline.scoring.explanation import Explanation as Explanation
from frostline.scoring.model import Model as Model
from frostline.scoring.model import open_model as open_model
from frostline.scoring.score import ScoreJob as ScoreJob
from frostline.scoring.score import score as score
from frostline.scoring.score_table import Scores as Scores
from frostline.table import Table as Table
from frostline.training.features import Features as Features
from frostline.training.features import extract_features as extract_features
from frostline.training.transformer import FrozenFeatures as FrozenFeatures

__version__: str
__all__: list[str]
