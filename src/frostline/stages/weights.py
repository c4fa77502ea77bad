"""Stage `weights@NAME`: bring pretrained weights into one file, with where they came from."""

from pathlib import Path

from frostline import config, files, paths
from frostline.config import OnnxWeights
from frostline.config.backbones import NAMED_SOURCES
from frostline.errors import weights_note
from frostline.features import trunks
from frostline.models import backbones


def run(name: str) -> str:
    """Write `source.json` of one weights entry, and `backbone.weights.h5`, or `trunk.onnx` of an ONNX file.

    Scratch has no such file.
    """
    settings = config.load()
    entry = config.entry(settings.weights, name, what="weights")
    folder = paths.weights(name)
    source = {"name": name, "backbone": entry.backbone, "source": entry.source, "sha256": None}
    if isinstance(entry, OnnxWeights):
        with files.writing(folder / paths.TRUNK) as temporary:
            temporary.write_bytes(trunks.make(name, entry))
        source["sha256"] = files.sha256_file(folder / paths.TRUNK)
        source["entry"] = trunks.entry_digest(entry)
    elif entry.backbone is not None:
        with files.writing(folder / paths.BACKBONE) as temporary:
            backbones.save_weights(entry.backbone, _place(entry.source), seed=settings.seed, to=temporary)
        source["sha256"] = files.sha256_file(folder / paths.BACKBONE)
    files.write_json(folder / "source.json", source)
    return f"{name}: {_described(entry.backbone, entry.source)}"


def _place(source: str) -> str | Path:
    return source if source in NAMED_SOURCES else paths.PRETRAINED / source


def _described(backbone: str | None, source: str) -> str:
    if backbone is None:
        return "from scratch, no weights"
    return f"{backbone}, {weights_note(source) or f'weights from {source}'}"
