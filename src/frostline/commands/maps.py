"""`frostline net maps CLASSIFIER IMAGE`: what a trained network sees in an image, as pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from frostline import files, images
from frostline.config import ONNX, Image
from frostline.datasets.source import read_image
from frostline.errors import InputError, weights_note
from frostline.evaluation import gallery, style
from frostline.images import ImageError
from frostline.models import activation_maps, heads, keras_backend
from frostline.progress import announce
from frostline.training import recipe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 4  # layers whose maps are drawn where none are named


def run(name: str, image: Path, *, layers: Sequence[str] = (), out: Path) -> list[str]:
    """Write `gradcam.png` and `maps.png` of one image into `out`; returns lines with its top classes.

    `layers`: those whose maps are drawn, the last one explained by; by default some are chosen.
    """
    inputs = recipe.read(name)
    if inputs.weights["backbone"] == ONNX:
        raise InputError(
            f"{name}: its network comes from an ONNX file, whose layers are not drawn; where it looks in an image is "
            "in its report, and by open_model(…).explain of the Python interface"
        )
    pixels = _decoded(image, inputs.entry.image)
    announce(f"loading {name} in Keras", about=keras_backend.LOADING)
    network, _ = recipe.load_trained(inputs)
    at = layers[-1] if layers else activation_maps.deepest(network.body)
    maps = activation_maps.activations(
        network, pixels[None], list(layers) or _spread(activation_maps.layers_with_maps(network.body))
    )
    probs = np.asarray(
        heads.probabilities(network.head(network.body(pixels[None], training=False), training=False))
    )[0]
    top = np.argsort(-probs, kind="stable")[:3]
    warm = activation_maps.gradcam(network, np.repeat(pixels[None], len(top), axis=0), classes=top, name=at)
    answers = [f"{inputs.manifest.classes[label]} {probs[label]:.1%}" for label in top]
    note, title = weights_note(inputs.weights["source"]), f"{name}: {image.name}"
    shown = list(zip(answers, warm, strict=True))
    _write(out / "gradcam.png", gallery.heats(pixels, shown, title=title, layer=at, note=note))
    _write(
        out / "maps.png",
        gallery.maps(pixels, {key: values[0] for key, values in maps.items()}, title=title, note=note),
    )
    return [
        f"{files.printable(image)}: {', '.join(answers)}" + (f"; {note}" if note else ""),
        f"Wrote {files.printable(out / 'gradcam.png')} (at {at}) and maps.png ({', '.join(maps)})",
    ]


def _decoded(image: Path, rule: Image) -> np.ndarray:
    try:
        content = read_image(image)
        return images.decode(content, height=rule.size.height, width=rule.size.width, resize=rule.resize)
    except OSError as error:
        raise InputError(
            f"{files.printable(image)}: cannot be read: {error.strerror}; name an image file"
        ) from None
    except ImageError as error:
        raise InputError(f"{files.printable(image)}: {error}; name another image") from None


def _spread(names: Sequence[str]) -> list[str]:
    """SHOWN names from the first to the last, evenly."""
    if not names:
        return []
    chosen = np.unique(np.linspace(0, len(names) - 1, SHOWN).round().astype(int))
    return [names[place] for place in chosen]


def _write(path: Path, figure: "Figure") -> None:
    with files.writing(path) as temporary:
        temporary.write_bytes(style.png(figure))
