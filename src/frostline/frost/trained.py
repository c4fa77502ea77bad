"""A classifier's network with what was trained in place."""

from frostline import paths
from frostline.errors import FrostlineError
from frostline.frost import joined
from frostline.frost.recipe import Recipe
from frostline.frost.trunk import Split
from frostline.nets.network import Network


def load(inputs: Recipe) -> tuple[Network, Split]:
    """The whole network, and its split at the last freeze point; both hold the trained weights.

    FrostlineError where they are missing or do not fit.
    """
    network = inputs.network()
    last = list(joined.splits(network, inputs.entry).values())[-1]
    path = paths.classifier(inputs.name) / "trained.weights.h5"
    if not path.is_file():
        raise FrostlineError(f"{path} is missing; run `dvc repro train@{inputs.name}`")
    joined.load(last.upper, path)
    return network, last
