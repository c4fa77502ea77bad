"""The one table of backbones: Keras' constructors and what must be known of each before it is built."""

from dataclasses import dataclass
from typing import Literal

NAMED_SOURCES = ("imagenet", "random")  # of weights, that are no files
Transform = Literal["caffe", "symmetric", "torch", "rescale", "none"]


@dataclass(frozen=True)
class Backbone:
    """A row of the table.

    `constructor` in keras.applications; the `transform` it was trained with (`preprocess_input` of its
    module); `parameters` without classification layers; `depth` in layers with kernels, on the longest
    path; the `side` in pixels of its ImageNet images; the `smallest` side that it takes.
    """

    constructor: str
    transform: Transform
    parameters: int
    depth: int
    side: int = 224
    smallest: int = 32


TABLE = {
    "convnextsmall": Backbone("ConvNeXtSmall", "none", 49_454_688, 112),
    "convnexttiny": Backbone("ConvNeXtTiny", "none", 27_820_128, 58),
    "densenet121": Backbone("DenseNet121", "torch", 7_037_504, 120),
    "densenet169": Backbone("DenseNet169", "torch", 12_642_880, 168),
    "densenet201": Backbone("DenseNet201", "torch", 18_321_984, 200),
    "efficientnetb0": Backbone("EfficientNetB0", "none", 4_049_571, 81),
    "efficientnetb3": Backbone("EfficientNetB3", "none", 10_783_535, 130, side=300),
    "efficientnetv2b0": Backbone("EfficientNetV2B0", "none", 5_919_312, 91),
    "efficientnetv2s": Backbone("EfficientNetV2S", "none", 20_331_360, 170, side=384),
    "inceptionresnetv2": Backbone("InceptionResNetV2", "symmetric", 54_336_736, 175, side=299, smallest=75),
    "inceptionv3": Backbone("InceptionV3", "symmetric", 21_802_784, 47, side=299, smallest=75),
    "mobilenet": Backbone("MobileNet", "symmetric", 3_228_864, 27),
    "mobilenetv2": Backbone("MobileNetV2", "symmetric", 2_257_984, 52),
    "nasnetmobile": Backbone("NASNetMobile", "symmetric", 4_269_716, 57),
    "resnet50": Backbone("ResNet50", "caffe", 23_587_712, 49),
    "resnet50v2": Backbone("ResNet50V2", "symmetric", 23_564_800, 49),
    "resnet101": Backbone("ResNet101", "caffe", 42_658_176, 100),
    "resnet101v2": Backbone("ResNet101V2", "symmetric", 42_626_560, 100),
    "resnet152": Backbone("ResNet152", "caffe", 58_370_944, 151),
    "resnet152v2": Backbone("ResNet152V2", "symmetric", 58_331_648, 151),
    "vgg16": Backbone("VGG16", "caffe", 14_714_688, 13),
    "vgg19": Backbone("VGG19", "caffe", 20_024_384, 16),
    "xception": Backbone("Xception", "symmetric", 20_861_480, 36, side=299, smallest=71),
}
