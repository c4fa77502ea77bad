"""A network of timm as an ONNX file that gives what PyTorch gives, proven on photos.

The file gives `features` (N, D), pooled and normalised as the network itself does it before its classification layer,
and `last`, the map or the tokens that these come from. R. Wightman, "PyTorch Image Models".
"""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline.config import OnnxInput, Tap
from frostline.errors import FrostlineError, InputError, first_line, nearest
from frostline.files import printable
from frostline.runtime import onnx_trunk, pool
from frostline.runtime.contract import FEATURES
from frostline.runtime.onnx_description import Description

OPSET = 17
IMAGE, LAST = "image", "last"
_OTHER = "name the network that it was saved from"
RELATIVE = 1e-3  # of the largest feature: how far the file may be from PyTorch

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TimmNetwork:
    """A network without its classification layer, with weights, and what timm says of its images.

    `side`: height and width in pixels; `mean` and `std` of channels in 0..1, RGB.
    """

    name: str
    module: Any
    side: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def description(self) -> Description:
        """For the file: pixels as timm takes them, and its own pooling."""
        given = OnnxInput(channels="RGB", scale=1 / 255, mean=list(self.mean), std=list(self.std))
        taps = {FEATURES: Tap(pooling="none", prefix_tokens=0)}
        return Description(given, f"timm:{self.name}", taps, self.side)


def load(name: str, *, checkpoint: Path | None = None, size: int | None = None) -> TimmNetwork:
    """A network by its name in timm, with its pretrained weights, or those of a checkpoint of timm or PyTorch.

    `size`: the side of its images in pixels, None for its own. InputError for a name that there is not, for a
    checkpoint of another network, and where there are no weights; FrostlineError where they cannot be downloaded.
    """
    timm = _timm()
    _require_known(timm, name, pretrained=checkpoint is None)
    options: dict[str, Any] = {"num_classes": 0, "pretrained": checkpoint is None}
    try:
        module = _made(timm, name, options, size)
    except Exception as error:  # of the hub's client, of PyTorch
        without = "; where there is no internet, give a file of its weights: --checkpoint FILE"
        instead = "" if checkpoint else without
        raise FrostlineError(f"timm:{name} cannot be loaded: {first_line(error)[:300]}{instead}") from None
    if checkpoint is not None:
        _fill(module, name, checkpoint)
    data = timm.data.resolve_model_data_config(module)
    side = (size, size) if size else (int(data["input_size"][1]), int(data["input_size"][2]))
    return TimmNetwork(name, module.eval(), side, tuple(data["mean"]), tuple(data["std"]))


def _timm() -> Any:
    try:
        import timm
        import timm.data
    except (ImportError, RuntimeError, OSError) as error:
        raise FrostlineError(
            f"timm cannot be imported ({first_line(error)}); pip install 'frostline[timm]'"
        ) from None
    # It warns of each try; the last one is an error, which is told.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    return timm


def _require_known(timm: Any, name: str, *, pretrained: bool) -> None:
    base, _, tag = name.partition(".")
    if base not in set(timm.list_models()):
        raise InputError(f"timm has no network '{name}'{nearest(base, timm.list_models())}")
    known = timm.list_pretrained(f"{base}*")
    if tag and name not in known:
        raise InputError(f"timm has no weights '{name}'{nearest(name, known)}")
    if pretrained and not any(one.partition(".")[0] == base for one in known):
        raise InputError(f"timm has no weights for {base}; give a file: --checkpoint FILE")


def _made(timm: Any, name: str, options: dict[str, Any], size: int | None) -> Any:
    """The network; those that are built for one size are told it, the others take any."""
    if size is None:
        return timm.create_model(name, **options)
    try:
        return timm.create_model(name, img_size=size, **options)
    except TypeError:  # no such argument
        return timm.create_model(name, **options)


def _fill(module: Any, name: str, checkpoint: Path) -> None:
    """Weights of a file; its classification layer is left out, and nothing else may be missing or over."""
    from timm.models import load_state_dict

    shown = printable(checkpoint)
    if not checkpoint.is_file():
        raise InputError(f"{shown} does not exist; --checkpoint takes a file of weights (.safetensors, .pth)")
    try:
        state = load_state_dict(str(checkpoint), weights_only=True)
    except Exception as error:  # of pickle, safetensors and PyTorch
        raise InputError(
            f"{shown} holds no weights that can be read safely ({type(error).__name__}: {first_line(error)[:200]}); "
            "give a state_dict, as .safetensors or .pth"
        ) from None
    convert = getattr(import_module(type(module).__module__), "checkpoint_filter_fn", None)
    with_top = getattr(module, "pretrained_cfg", {}).get("classifier") or ()
    tops = (with_top,) if isinstance(with_top, str) else tuple(with_top)
    try:
        state = convert(state, module) if convert else state
        result = module.load_state_dict(state, strict=False)
    except (RuntimeError, KeyError, ValueError, AttributeError, TypeError) as error:
        problem = f"{type(error).__name__}: {first_line(error)[:200]}"
        raise InputError(f"{shown} does not fit {name} ({problem}); {_OTHER}") from None
    over = [key for key in result.unexpected_keys if not key.startswith(tuple(f"{top}." for top in tops))]
    for what, keys in (("lacks", result.missing_keys), ("has too much:", over)):
        if keys:
            more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            raise InputError(f"{shown} does not fit {name}: it {what} {', '.join(keys[:3])}{more}; {_OTHER}")


def exported(network: TimmNetwork) -> Any:
    """The network as an ONNX model for any number of images; FrostlineError where PyTorch cannot write it."""
    import onnx
    import torch

    class Whole(torch.nn.Module):  # type: ignore[misc]  # PyTorch is an extra without types here
        def __init__(self) -> None:
            super().__init__()
            self.network = network.module

        def forward(self, image: Any) -> Any:
            last = self.network.forward_features(image)
            return self.network.forward_head(last, pre_logits=True), last

    content = io.BytesIO()
    some = torch.zeros(2, 3, *network.side)
    names = {"input_names": [IMAGE], "output_names": [FEATURES, LAST]}
    axes = {name: {0: "N"} for name in (IMAGE, FEATURES, LAST)}
    try:
        with _quiet(), torch.no_grad():
            # The exporter by tracing: its graphs are those that every runtime has read for years.
            torch.onnx.export(
                Whole().eval(),
                (some,),
                content,
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
                **names,
            )
        return onnx.load_from_string(content.getvalue())
    except Exception as error:  # PyTorch's have no base
        raise FrostlineError(f"timm:{network.name} cannot be exported: {first_line(error)[:300]}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of every branch that it takes once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def reference(network: TimmNetwork, pixels: Pixels) -> Floats:
    """What PyTorch makes of images (N, H, W, 3) uint8: features (N, D)."""
    import torch

    images = torch.from_numpy(pixels.astype(np.float32) / 255).permute(0, 3, 1, 2)
    mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (network.mean, network.std))
    with torch.no_grad():
        last = network.module.forward_features((images - mean) / std)
        found: Floats = network.module.forward_head(last, pre_logits=True).numpy()
    return found


def disagreement(network: TimmNetwork, model: Any, pixels: Pixels) -> float:
    """How far the trunk of the described model is from PyTorch on images, of the largest feature.

    FrostlineError where that is more than rounding, or where features are the same for all images.
    """
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    description = network.description
    trunk = onnx_trunk.make(copy, description.input, description.taps)
    given, expected = pool.on_cpu(trunk)(pixels)[FEATURES], reference(network, pixels)
    largest = float(np.abs(expected).max())
    if given.shape != expected.shape or not np.ptp(expected, axis=0).any() or not largest:
        raise FrostlineError(
            f"timm:{network.name} gives the same features for all photos; choose another network"
        )
    distance = float(np.abs(given - expected).max()) / largest
    if not distance <= RELATIVE:
        raise FrostlineError(
            f"timm:{network.name}: the ONNX file differs from PyTorch by {distance:.2g} of the largest feature on "
            f"photos, more than {RELATIVE:g}; nothing is written"
        )
    return distance
