"""The log loss of an image: by itself, for export depends on it and not on the other figures."""

import numpy as np

EPSILON = 1e-7  # Keras's own clip: a certain mistake costs ln(1e7) = 16.1, not infinity


def losses(labels: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """-ln p(actual class) of each image in nats, (N,); `labels` (N,) int, `probs` (N, C) in 0..1.

    Their mean is the log loss, or categorical cross-entropy: C. M. Bishop, Pattern Recognition and
    Machine Learning (2006), eq. 4.108. Probabilities are clipped to 1e-7..1-1e-7 as `keras.losses`
    does, so that the figure stands beside the training curve's.
    """
    actual = probs[np.arange(len(labels)), labels].astype(np.float64)
    return np.asarray(-np.log(np.clip(actual, EPSILON, 1 - EPSILON)))
