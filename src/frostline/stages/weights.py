"""Stage `weights@NAME`: bring pretrained weights into one file, with where they came from."""

from frostline import config, files, paths
from frostline.config import Weights
from frostline.errors import weights_note
from frostline.models import backbones


def run(name: str) -> str:
    """Write `backbone.weights.h5` and `source.json` for one weights entry; scratch has no file."""
    settings = config.load()
    entry = config.entry(settings.weights, name, what="weights")
    folder = paths.weights(name)
    source = {"name": name, "backbone": entry.backbone, "source": entry.source, "sha256": None}
    if entry.backbone is not None:
        with files.writing(folder / paths.BACKBONE) as temporary:
            source_of = (
                entry.source if entry.source in backbones.NAMED_SOURCES else paths.PRETRAINED / entry.source
            )
            backbones.save_weights(entry.backbone, source_of, seed=settings.seed, to=temporary)
        source["sha256"] = files.sha256_file(folder / paths.BACKBONE)
    files.write_json(folder / "source.json", source)
    return f"{name}: {_described(entry)}"


def _described(entry: Weights) -> str:
    if entry.backbone is None:
        return "from scratch, no weights"
    return f"{entry.backbone}, {weights_note(entry.source) or f'weights from {entry.source}'}"
