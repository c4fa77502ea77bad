"""A classifier's network with what was trained in place."""

from frostline import paths
from frostline.errors import FrostlineError
from frostline.features.cut_model import CutModel
from frostline.models.network import Network
from frostline.training import assemble
from frostline.training.recipe import Recipe


def load(inputs: Recipe) -> tuple[Network, CutModel]:
    """The whole network, and its split at the last freeze point; both hold the trained weights.

    FrostlineError where they are missing or do not fit.
    """
    network = inputs.network()
    last = list(assemble.cut_phases(network, inputs.entry).values())[-1]
    path = paths.classifier(inputs.name) / "trained.weights.h5"
    if not path.is_file():
        raise FrostlineError(f"{path} is missing; run `dvc repro train@{inputs.name}`")
    assemble.load(last.upper, path)
    return network, last
