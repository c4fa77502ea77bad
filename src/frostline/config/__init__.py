"""params.yaml: one complete, closed, typed file. Nothing here has a default; nothing unknown passes.

`load` gives frozen models; any mistake is an InputError with one line per mistake, naming the key by its
dotted path, as DVC's `-S` writes it.
"""

from frostline.config.networks import (
    ClassifierHead,
    Cnn,
    ConvolutionBlock,
    Image,
    Pooling,
    Pretrained,
    Size,
)
from frostline.config.reading import entry, load, parse, plain, read, require_backbone, require_entry, text
from frostline.config.schema import (
    Audit,
    Classifier,
    Dataset,
    DriftLimits,
    Params,
    Promotion,
    Splits,
)
from frostline.config.solvers import LdaPhase, LogisticPhase, MlpPhase, SolverPhase
from frostline.config.training import (
    OPTIMIZERS,
    Augmentation,
    EarlyStopping,
    Phase,
    Training,
)
from frostline.config.weights import (
    BACKBONES,
    ONNX,
    KerasWeights,
    OnnxInput,
    OnnxWeights,
    Tap,
    Weights,
)

__all__ = [
    "BACKBONES",
    "ONNX",
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
    "KerasWeights",
    "LdaPhase",
    "LogisticPhase",
    "MlpPhase",
    "OnnxInput",
    "OnnxWeights",
    "Params",
    "Phase",
    "Pooling",
    "Pretrained",
    "Promotion",
    "Size",
    "SolverPhase",
    "Splits",
    "Tap",
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
