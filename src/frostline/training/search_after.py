"""What a search does once every photo has passed: heads of other kinds, nearest photos, fewer photos to learn from."""

import contextlib
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from frostline.evaluation import learning_curve
from frostline.evaluation.learning_curve import LearningCurve
from frostline.features.local_stream import stream
from frostline.training import folds, search_heads, search_rounds
from frostline.training.search import Search
from frostline.training.search_heads import TimeUpError
from frostline.training.search_rounds import FOLDS, Round, ScoredHead, SearchPhotos
from frostline.training.search_trunks import End

# Times what linear heads of all strengths take, seen on features of 1,024 and 1,280 numbers.
COSTS = {"lda": 1.5, "mlp": 8.0}
NETWORKS = 2  # that other heads are tried on: they cost more than linear ones and are rarely better
MARGIN = 1.5  # times an estimate: a busy machine becomes busier
AFTER = 2.0  # times what the heads of a network take: kept for the nearest photos and the curve
CURVE = 0.5  # times what the heads of a network take, for one of them with ever fewer photos
COMPARED = 20_000  # photos, each with each other, at most


def other_heads(search: Search, last: Round) -> Round:
    """The round with heads of the other kinds on its best networks too, where the time suffices."""
    found = list(last.candidates)
    for one in search_rounds.leading(last, most=NETWORKS):
        opened, rows = search.opened[one.trunk.name], None
        seconds = _seconds(search, one, last.photos)
        until = search.clock.end - AFTER * seconds
        for kind, factor in COSTS.items():
            if MARGIN * factor * seconds > search.clock.left - AFTER * seconds:
                continue
            rows = opened.rows(last.photos.images, stream) if rows is None else rows
            with contextlib.suppress(TimeUpError):
                found += search_rounds.candidates(
                    opened, _end(search, one), rows, last.photos, kind, until=until
                )
    return replace(last, candidates=tuple(found))


def neighbours(search: Search, one: ScoredHead, photos: SearchPhotos) -> float | None:
    """The accuracy of the nearest photos' classes on a candidate's features: a reference alone.

    A model file would have to hold the features of all photos. None where there is no time for it.
    """
    if len(photos.labels) > COMPARED or _seconds(search, one, photos) > search.clock.left:
        return None
    rows = _rows(search, one, photos)
    return float(search_heads.neighbours(rows, photos.labels, search_rounds.drawn(photos)).mean())


def curve(search: Search, one: ScoredHead, photos: SearchPhotos) -> LearningCurve | None:
    """How a candidate does with fewer photos to learn from; None where there are too few, or no time for it."""
    classes = int(photos.labels.max()) + 1
    counts = learning_curve.sizes(len(photos.labels) * (FOLDS - 1) // FOLDS, classes=classes)
    cost = CURVE * COSTS.get(one.kind, 1.0) * _seconds(search, one, photos)
    if len(counts) < 2 or cost > search.clock.left:
        return None
    order = folds.growing(photos.images.ids, photos.labels, photos.groups, seed=photos.seed)
    rows, drawn = _rows(search, one, photos), search_rounds.drawn(photos)
    right_by = partial(
        search_heads.right_by_fewer, rows, photos.labels, drawn, kind=one.kind, strength=one.strength
    )
    try:
        # The last point has all photos of the other folds, as what was judged had: folds differ by a photo or two.
        most = [*counts[:-1], len(photos.labels)]
        right = [right_by(order=order, most=count, until=search.clock.end) for count in most]
    except TimeUpError:
        return None
    return learning_curve.curve(counts, np.stack(right), photos.groups, classes=classes, seed=photos.seed)


def _seconds(search: Search, one: ScoredHead, photos: SearchPhotos) -> float:
    """What linear heads took on all ends of a network that were judged: more than on one."""
    return search.head_seconds[one.trunk.name] * len(photos.labels)


def _end(search: Search, one: ScoredHead) -> End:
    return next(end for end in search.opened[one.trunk.name].ends if end.layer == one.end)


def _rows(search: Search, one: ScoredHead, photos: SearchPhotos) -> npt.NDArray[np.float32]:
    """(N, D) of a candidate's end."""
    rows = search.opened[one.trunk.name].rows(photos.images, stream)
    return rows[:, _end(search, one).columns]
