"""From pixels to what a network was trained on; one affine map per channel, written once."""

from typing import Any

from frostline.config.backbones import Transform
from frostline.models.keras_backend import keras

# name: (reverse RGB to BGR, scale per channel, offset per channel), from keras.applications'
# `preprocess_input` modes; `rescale` is the lectures' 1/255.
_MAPS: dict[Transform, tuple[bool, list[float], list[float]]] = {
    "caffe": (True, [1.0, 1.0, 1.0], [-103.939, -116.779, -123.68]),
    "symmetric": (False, [1 / 127.5] * 3, [-1.0] * 3),
    "torch": (
        False,
        [1 / (255 * deviation) for deviation in (0.229, 0.224, 0.225)],
        [
            -mean / deviation
            for mean, deviation in zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)
        ],
    ),
    "rescale": (False, [1 / 255] * 3, [0.0] * 3),
    "none": (False, [1.0] * 3, [0.0] * 3),
}


def transform_layer(name: Transform, *, dtype: Any = None) -> Any:
    """A Keras layer (N, H, W, 3) pixels 0-255 of any dtype → float32 network input of the same shape.

    `dtype` is Keras' policy for it, the one in force without. Its numbers are Python lists: Keras tensors that
    a model captured become extra inputs when it is exported.
    """
    k = keras()
    reverse, scale, offset = _MAPS[name]

    class PixelTransform(k.layers.Layer):  # type: ignore[misc,name-defined]
        def call(self, pixels: Any) -> Any:
            x = k.ops.cast(pixels, "float32")
            x = k.ops.flip(x, axis=-1) if reverse else x
            return x * k.ops.convert_to_tensor(scale, "float32") + k.ops.convert_to_tensor(offset, "float32")

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "transform": name}

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            return transform_layer(config["transform"], dtype=config["dtype"])

    return PixelTransform(name="transform", trainable=False, dtype=dtype)


def opening() -> Any:
    """A block in which Keras opens saved models that have such a layer."""
    return keras().saving.CustomObjectScope({"PixelTransform": type(transform_layer("none"))})
