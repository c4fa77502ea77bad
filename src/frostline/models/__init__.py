"""Networks: backbones, the plain CNN, heads, augmentation, and how they are put together."""
