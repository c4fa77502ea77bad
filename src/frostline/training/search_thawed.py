"""A last candidate of a search, for who asks for it: the chosen network with its last block thawed.

It is judged on a fold, after training on the others, and on more of the folds where there is time; and compared there
with the frozen one, which was fitted on the very same photos. What it costs is estimated by a few steps first.
"""

import time
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from frostline.config import Classifier, OnnxWeights
from frostline.datasets.manifest import SCHEMA, Manifest
from frostline.evaluation import paired_tests
from frostline.features import cut_model
from frostline.models import network
from frostline.progress import duration
from frostline.training import phases, search_heads, search_rounds, search_trunks
from frostline.training.recipe import Recipe
from frostline.training.search import Search
from frostline.training.search_limits import LeftOutError
from frostline.training.search_rounds import ScoredHead, SearchPhotos

EPOCHS, BATCH, RATE = 3, 32, 1e-5
FEW, ASKED = 64, 16  # photos: two epochs of the first, judged on the second, say what an epoch costs
LEAST = 20.0  # seconds: with less the few steps are not begun
MARGIN = 1.3  # times the estimate: a busy machine becomes busier


@dataclass(frozen=True, eq=False)
class ThawedResult:
    """Layers above `freeze` were trained. `right`, `frozen` (n,): whether each photo of so many `folds` is classified
    correctly by this network, and by the frozen one that was chosen."""

    freeze: str
    right: npt.NDArray[np.bool_]
    frozen: npt.NDArray[np.bool_]
    folds: int

    @property
    def p(self) -> float:
        """Of McNemar's exact test."""
        return float(paired_tests.mcnemar(self.right, self.frozen).p)

    @property
    def better(self) -> bool:
        """Whether thawing helps beyond chance."""
        return bool(self.right.mean() > self.frozen.mean()) and self.p < search_rounds.SIGNIFICANT

    @property
    def line(self) -> str:
        """For people."""
        points = 100 * (self.right.mean() - self.frozen.mean())
        return (
            f"thawed above {self.freeze}, {EPOCHS} epochs: {self.right.mean():.1%} of the {len(self.right):,} photos "
            f"of {self.folds} of {search_rounds.FOLDS} folds, frozen {self.frozen.mean():.1%} of the same "
            f"({points:+.1f} points, p = {self.p:.2g})"
        )


def tried(search: Search, one: ScoredHead, photos: SearchPhotos, whole: Manifest) -> ThawedResult:
    """Train it, fold by fold as long as there is time; LeftOutError where that cannot be, or not once in the time left.

    Of `whole` only the rows of `photos` are taken.
    """
    if isinstance(one.trunk.entry, OnnxWeights):
        raise LeftOutError("the network of an ONNX file cannot be thawed")
    if search.clock.left < LEAST:
        raise LeftOutError("no time was left")
    drawn = search_rounds.drawn(photos)
    if len(np.unique(drawn)) < 2:
        raise LeftOutError("there are too few photos for folds")
    some = _recipe(search, one)
    seconds, found = _estimate(search, one, some, drawn == drawn[0], photos, whole), list[ThawedResult]()
    for fold in np.unique(drawn):
        if MARGIN * seconds > search.clock.left:
            break
        start = time.monotonic()
        found.append(_judged(one, some, drawn == fold, photos, whole))
        seconds = time.monotonic() - start
    if not found:
        count = int((drawn != drawn[0]).sum())
        raise LeftOutError(f"{EPOCHS} epochs on {count:,} photos would take about {duration(seconds)}")
    right = np.concatenate([each.right for each in found])
    frozen = np.concatenate([each.frozen for each in found])
    return ThawedResult(found[0].freeze, right, frozen, len(found))


def _judged(
    one: ScoredHead, some: Recipe, held: npt.NDArray[np.bool_], photos: SearchPhotos, whole: Manifest
) -> ThawedResult:
    """On a fold, after training on the others."""
    some = replace(some, manifest=_split(whole, photos, held))
    trial = phases.trial(some)
    right = dict(zip(photos.images.paths, one.right, strict=True))
    frozen = np.array([right[path] for path in some.manifest.split("validation").paths])
    return ThawedResult(list(some.entry.phases.values())[-1].freeze, trial.right, frozen, 1)


def entry(one: ScoredHead, freeze: str, *, epochs: int = EPOCHS) -> Classifier:
    """The recipe: the head that was chosen, then all above a layer."""
    values = one.trunk.classifier(one.end).model_dump()
    strength = {search_heads.HYPERPARAMETERS[one.kind]: [one.strength]}
    thaw = {"epochs": epochs, "batch_size": BATCH, "optimizer": "adam", "learning_rate": RATE}
    values["phases"] = {
        "head": {"freeze": "all", "solver": one.kind, **strength},
        "thaw": {"freeze": freeze, **thaw},
    }
    values["network"]["head"]["dense"] = {"hidden": search_heads.HIDDEN} if one.kind == "mlp" else {}
    return Classifier.model_validate(values)


def _recipe(search: Search, one: ScoredHead) -> Recipe:
    """Its training, on no photos yet."""
    trunk = one.trunk
    assert not isinstance(trunk.entry, OnnxWeights)  # which cannot be thawed
    name, source = trunk.entry.backbone, trunk.entry.source
    file, sha256 = search_trunks.backbone_file(
        trunk.entry, cache=search.cache, seed=search.seed, root=search.root
    )
    body = network.build(trunk.classifier(one.end), backbone=name, weights=file, classes=2).body
    return Recipe(
        name="thawed",
        seed=search.seed,
        entry=entry(one, _before_last(body)),
        manifest=Manifest("", (), SCHEMA.empty_table()),
        weights={"name": trunk.weights, "backbone": name, "source": source, "sha256": sha256},
        weights_file=file,
        root=search.root,
    )


def _before_last(body: object) -> str:
    """Where the block before the last one ends."""
    last = body.layers[-2].name  # type: ignore[attr-defined]
    before = next((name for name in cut_model.last_blocks(body) if name != last), None)
    if before is None:
        raise LeftOutError("it is a single block")
    return before


def _split(whole: Manifest, photos: SearchPhotos, held: npt.NDArray[np.bool_]) -> Manifest:
    """The rows of the photos alone: those that are held out are its validation, the others train."""
    split = dict(zip(photos.images.paths, np.where(held, "validation", "train").tolist(), strict=True))
    names = whole.table["path"].to_pylist()
    table = whole.table.filter(pa.array([name in split for name in names]))
    column = pa.array([split[name] for name in names if name in split], pa.string())
    return replace(whole, table=table.set_column(table.schema.get_field_index("split"), "split", column))


def _estimate(  # noqa: PLR0913  # a training, and the few photos of it
    search: Search,
    one: ScoredHead,
    some: Recipe,
    held: npt.NDArray[np.bool_],
    photos: SearchPhotos,
    whole: Manifest,
) -> float:
    """About how many seconds the training takes, by two epochs on a few photos; the first compiles."""
    places = np.sort(np.concatenate([np.flatnonzero(~held)[:FEW], np.flatnonzero(held)[:ASKED]]))
    few = replace(
        some,
        entry=entry(one, list(some.entry.phases.values())[-1].freeze, epochs=2),
        manifest=_split(whole, photos.take(places), held[places]),
    )
    start, ends = time.monotonic(), list[float]()
    phases.trial(few, lambda *_: ends.append(time.monotonic()))
    around = time.monotonic() - start
    each = (ends[-1] - ends[-2]) / int((~held[places]).sum())
    passes = len(held) * search.opened[one.trunk.name].milliseconds / 1000
    return float(around + passes + EPOCHS * each * int((~held).sum()))
