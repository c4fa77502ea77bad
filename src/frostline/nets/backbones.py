"""The Keras Applications table: constructors, their own input transforms, their smallest images."""

from dataclasses import dataclass
from typing import Any

from frostline.errors import InputError
from frostline.nets.backend import keras
from frostline.nets.transform import Transform, transform_layer


@dataclass(frozen=True)
class Backbone:
    """A row of the table: Keras' class, the transform it was trained with, its smallest side in pixels."""

    constructor: str
    transform: Transform
    smallest: int = 32


# Which transform belongs to which network: `preprocess_input` in keras.applications.<module>.
TABLE = {
    "densenet121": Backbone("DenseNet121", "torch"),
    "densenet169": Backbone("DenseNet169", "torch"),
    "densenet201": Backbone("DenseNet201", "torch"),
    "efficientnetb0": Backbone("EfficientNetB0", "none"),
    "efficientnetv2b0": Backbone("EfficientNetV2B0", "none"),
    "inceptionresnetv2": Backbone("InceptionResNetV2", "symmetric", smallest=75),
    "inceptionv3": Backbone("InceptionV3", "symmetric", smallest=75),
    "mobilenet": Backbone("MobileNet", "symmetric"),
    "mobilenetv2": Backbone("MobileNetV2", "symmetric"),
    "nasnetmobile": Backbone("NASNetMobile", "symmetric"),
    "resnet50": Backbone("ResNet50", "caffe"),
    "resnet50v2": Backbone("ResNet50V2", "symmetric"),
    "resnet101": Backbone("ResNet101", "caffe"),
    "resnet152": Backbone("ResNet152", "caffe"),
    "vgg16": Backbone("VGG16", "caffe"),
    "vgg19": Backbone("VGG19", "caffe"),
    "xception": Backbone("Xception", "symmetric", smallest=71),
}


def build(name: str, *, height: int = 224, width: int = 224, transform: Transform | None = None) -> Any:
    """A backbone without its classification layers and without trained weights.

    Input: pixels (N, height, width, 3), 0-255. `transform` None means the backbone's own.
    Weights are drawn from Keras' seeded generator. Raises InputError for images that are too small.
    """
    row = TABLE[name]
    if min(height, width) < row.smallest:
        raise InputError(
            f"{name} needs images of at least {row.smallest}x{row.smallest} pixels, not {height}x{width}; "
            "raise image.size in params.yaml"
        )
    k = keras()
    pixels = k.Input((height, width, 3), name="pixels")
    inputs = transform_layer(transform or row.transform)(pixels)
    return getattr(k.applications, row.constructor)(include_top=False, weights=None, input_tensor=inputs)


def imagenet(name: str) -> Any:
    """The backbone with ImageNet weights, downloaded by Keras (or found in its cache).

    Raises InputError saying what to do where the download fails.
    """
    try:
        return getattr(keras().applications, TABLE[name].constructor)(
            include_top=False, weights="imagenet", input_shape=(224, 224, 3)
        )
    except Exception as error:  # Keras wraps every download failure in a bare Exception
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"the ImageNet weights of {name} could not be downloaded ({reason}); connect to the internet, or "
            f"put a weights file of keras.applications.{TABLE[name].constructor}(include_top=False) into "
            "pretrained/ and name it as the source, or use source: random to try the plumbing"
        ) from None
