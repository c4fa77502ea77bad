"""What a search looks at: the photos that it may see, and the trunks at hand, the cheapest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from frostline import config, paths
from frostline.commands.search_weights import AtHand
from frostline.config import OnnxWeights, Params
from frostline.config.backbones import TABLE
from frostline.datasets import labels, manifest, near_duplicates, relations, scan
from frostline.datasets.source import ImageSource, open_source
from frostline.errors import FrostlineError
from frostline.features.extraction import Images
from frostline.progress import note
from frostline.runtime import onnx_file, onnx_trunk
from frostline.training import folds
from frostline.training.search_rounds import SearchPhotos
from frostline.training.search_trunks import Trunk

SEEN = ("train", "validation")  # the test split is the final model's alone
SIDE = 224  # pixels, where a network takes any size
SMALLER = 160 / 224  # of a network's own side, one more to try: half the operations
ALIKE = {"duplicate", "near_duplicate"}  # findings that say there are images which belong together
ANY = config.Image(size=config.Size(height=SIDE, width=SIDE), resize="squash", transform="backbone")


@dataclass(frozen=True)
class Seen:
    """What is known of a dataset without its test split: the photos, the classes, the median of the shorter sides."""

    photos: SearchPhotos
    classes: tuple[str, ...]
    digest: str
    side: int


def look(name: str, settings: Params) -> Seen:
    """Training and validation images of a dataset; FrostlineError where its manifest is missing."""
    config.entry(settings.datasets, name, what="dataset")
    whole = manifest.read(paths.dataset(name) / "manifest.parquet")
    rows = whole.table.filter(pc.is_in(whole.table["split"], pa.array(SEEN)))
    names, ids = rows["path"].to_pylist(), rows["sha256"].to_pylist()
    images = Images(Path(whole.root), names, ids, ANY, cache=paths.cache())
    groups = folds.clusters(ids, _links(whole.root, rows))
    sides = np.minimum(rows["height"].to_numpy(), rows["width"].to_numpy())
    labels = rows["label"].to_numpy().astype(np.int64)
    side = int(np.median(sides)) if len(sides) else 0
    return Seen(SearchPhotos(images, labels, groups, settings.seed), whole.classes, whole.digest, side)


def _links(root: str, rows: pa.Table) -> list[tuple[int, int]]:
    """Pairs of places of images that show the same picture or have one group in a table of labels.

    Pictures are not compared where preprocess found none alike.
    """
    with open_source(Path(root)) as source:
        grouped = _grouped(source, Path(root), rows["path"].to_pylist())
        if not any(ALIKE & set(flags.split()) for flags in rows["flags"].to_pylist()):
            return grouped
        near_duplicates.load()
        scans = scan.scan(source, rows["path"].to_pylist(), measure=True)
        found = near_duplicates.pairs(scans, np.arange(rows.num_rows))
    return [*grouped, *((one, other) for one, other, _ in found)]


def _grouped(source: ImageSource, root: Path, names: Sequence[str]) -> list[tuple[int, int]]:
    """Places of images of one group, each with the group's first; none without a table."""
    source.names()
    if not source.notes.tables:
        return []
    found = labels.read(source, root)
    known = dict(zip(found.names, found.column("group"), strict=True))
    groups = relations.groups([known.get(name, "") for name in names], range(len(names)))
    return [(group[0], row) for group in groups for row in group[1:]]


def trunks(some: Sequence[AtHand], *, side: int, sizes: Sequence[int] = ()) -> list[Trunk]:
    """Every network at its sizes, in the order of what they may cost: `side` is the photos' median in pixels."""
    found = [
        (_bytes(one) * height * width, Trunk(one.name, one.entry, height, width))
        for one in some
        for height, width in _sizes(one, side, sizes)
    ]
    return [trunk for _, trunk in sorted(found, key=lambda pair: (pair[0], pair[1].name))]


def _sizes(one: AtHand, side: int, sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Heights and widths in pixels: those that are asked for, else its own or the photos', and a smaller one."""
    if isinstance(one.entry, OnnxWeights):
        try:
            facts = onnx_trunk.image_input(onnx_file.read(paths.PRETRAINED / one.entry.source))
        except FrostlineError as error:
            note(f"passed over: {one.name}: {error}")
            return []
        if facts.height and facts.width:
            return [(facts.height, facts.width)]
        own, smallest = SIDE, 32
    else:
        row = TABLE[str(one.entry.backbone)]
        own, smallest = row.side, row.smallest
    asked = sizes or dict.fromkeys((_fitting(own, side), 32 * round(_fitting(own, side) * SMALLER / 32)))
    return [(value, value) for value in asked if value >= smallest]


def _fitting(own: int, side: int) -> int:
    """A network's own side, or less where photos are so small that it would only enlarge them."""
    return own if side >= own // 2 else max(96 if side < 64 else 128, 32)


def _bytes(one: AtHand) -> float:
    """About what its weights take: a guess at what an image costs."""
    if isinstance(one.entry, OnnxWeights):
        path = paths.PRETRAINED / one.entry.source
        return float(sum(file.stat().st_size for file in ([path] if path.is_file() else path.glob("*"))))
    return 4.0 * TABLE[str(one.entry.backbone)].parameters
