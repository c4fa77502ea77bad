"""The one table of backbones: Keras' constructors and what must be known of each before it is built."""

from dataclasses import dataclass
from typing import Literal

Transform = Literal["caffe", "symmetric", "torch", "rescale", "none"]


@dataclass(frozen=True)
class Backbone:
    """A row of the table.

    `constructor` in keras.applications; the `transform` it was trained with (`preprocess_input` of its
    module); the `side` in pixels of its ImageNet images; the `smallest` side that it takes.
    """

    constructor: str
    transform: Transform
    side: int = 224
    smallest: int = 32


TABLE = {
    "convnextsmall": Backbone("ConvNeXtSmall", "none"),
    "convnexttiny": Backbone("ConvNeXtTiny", "none"),
    "densenet121": Backbone("DenseNet121", "torch"),
    "densenet169": Backbone("DenseNet169", "torch"),
    "densenet201": Backbone("DenseNet201", "torch"),
    "efficientnetb0": Backbone("EfficientNetB0", "none"),
    "efficientnetb3": Backbone("EfficientNetB3", "none", side=300),
    "efficientnetv2b0": Backbone("EfficientNetV2B0", "none"),
    "efficientnetv2s": Backbone("EfficientNetV2S", "none", side=384),
    "inceptionresnetv2": Backbone("InceptionResNetV2", "symmetric", side=299, smallest=75),
    "inceptionv3": Backbone("InceptionV3", "symmetric", side=299, smallest=75),
    "mobilenet": Backbone("MobileNet", "symmetric"),
    "mobilenetv2": Backbone("MobileNetV2", "symmetric"),
    "nasnetmobile": Backbone("NASNetMobile", "symmetric"),
    "resnet50": Backbone("ResNet50", "caffe"),
    "resnet50v2": Backbone("ResNet50V2", "symmetric"),
    "resnet101": Backbone("ResNet101", "caffe"),
    "resnet101v2": Backbone("ResNet101V2", "symmetric"),
    "resnet152": Backbone("ResNet152", "caffe"),
    "resnet152v2": Backbone("ResNet152V2", "symmetric"),
    "vgg16": Backbone("VGG16", "caffe"),
    "vgg19": Backbone("VGG19", "caffe"),
    "xception": Backbone("Xception", "symmetric", side=299, smallest=71),
}
