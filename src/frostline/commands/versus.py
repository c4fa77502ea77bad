"""compare A B: two classifiers, or two versions of one, tested on the same images."""

from frostline import config, paths
from frostline.errors import InputError
from frostline.evaluation import comparison, predictions, temperature
from frostline.evaluation.comparison import Side
from frostline.evaluation.predictions import Predictions
from frostline.pipeline import workspace


def run(first: str, second: str, *, revisions: tuple[str, ...] = ()) -> str:
    """How two classifiers differ on the test images that both have.

    Each is NAME or NAME@REV; with `revisions`, NAME alone, read at each of them: trainings with several
    seeds. InputError for the same one twice; FrostlineError where predictions are missing.
    """
    if first == second:
        raise InputError(f"{first} is compared with itself; name two, or a revision: {first}@HEAD~1")
    if revisions and (named := [name for name in (first, second) if "@" in name]):
        raise InputError(f"{named[0]} names a revision already; leave out --rev, or what follows the @")
    pairs = [(_side(first, revision), _side(second, revision)) for revision in revisions or ("",)]
    return comparison.pairwise(pairs)


def _side(given: str, revision: str) -> Side:
    name, _, own = given.partition("@")
    return Side(given, _test(name, own or revision))


def _test(name: str, revision: str) -> Predictions:
    """The test split's calibrated predictions of a classifier, in the workspace or at a revision."""
    path, made_by = paths.classifier(name) / "predictions.parquet", f"dvc repro train@{name}"
    if not revision and not path.exists():
        config.require_entry("classifiers", name)
    content = workspace.content(path, revision=revision) if revision else None
    trained = predictions.read(path, made_by=made_by, content=content)
    return temperature.calibrated(trained).split("test")
