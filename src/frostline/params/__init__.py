"""params.yaml: one complete, closed, typed file. Nothing here has a default; nothing unknown passes.

`load` gives frozen models; any mistake is an InputError of one line a mistake, naming the key by its
dotted path, as DVC's `-S` writes it.
"""

from frostline.params.reading import entry, load, parse, read
from frostline.params.schema import (
    BACKBONES,
    Audit,
    Augmentation,
    Block,
    Classifier,
    Cnn,
    Dataset,
    Head,
    Image,
    Params,
    Phase,
    Pooling,
    Pretrained,
    Promotion,
    Size,
    Splits,
    Weights,
)

__all__ = [
    "BACKBONES",
    "Audit",
    "Augmentation",
    "Block",
    "Classifier",
    "Cnn",
    "Dataset",
    "Head",
    "Image",
    "Params",
    "Phase",
    "Pooling",
    "Pretrained",
    "Promotion",
    "Size",
    "Splits",
    "Weights",
    "entry",
    "load",
    "parse",
    "read",
]
