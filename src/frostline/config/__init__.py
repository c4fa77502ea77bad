"""params.yaml: one complete, closed, typed file. Nothing here has a default; nothing unknown passes.

`load` gives frozen models; any mistake is an InputError with one line per mistake, naming the key by its
dotted path, as DVC's `-S` writes it.
"""

from frostline.config.reading import entry, load, parse, plain, read, require_backbone, require_entry, text
from frostline.config.schema import (
    BACKBONES,
    OPTIMIZERS,
    Audit,
    Augmentation,
    Classifier,
    ClassifierHead,
    Cnn,
    ConvolutionBlock,
    Dataset,
    DriftLimits,
    EarlyStopping,
    Image,
    Params,
    Phase,
    Pooling,
    Pretrained,
    Promotion,
    Size,
    Splits,
    Training,
    Weights,
)

__all__ = [
    "BACKBONES",
    "OPTIMIZERS",
    "Audit",
    "Augmentation",
    "Classifier",
    "ClassifierHead",
    "Cnn",
    "ConvolutionBlock",
    "Dataset",
    "DriftLimits",
    "EarlyStopping",
    "Image",
    "Params",
    "Phase",
    "Pooling",
    "Pretrained",
    "Promotion",
    "Size",
    "Splits",
    "Training",
    "Weights",
    "entry",
    "load",
    "parse",
    "plain",
    "read",
    "require_backbone",
    "require_entry",
    "text",
]
