"""The objective, and many training steps on it in one compiled call: a small head spends its time on arithmetic.

What is made smaller is the negative log-likelihood, with smoothed labels and class weights where they are asked for.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from frostline.config import Training
from frostline.models.keras_backend import keras, strategy

CHUNK_BYTES = 32 * 2**20  # rows read from the store, and handed to the compiled loop, at a time


class RowsLike(Protocol):
    """Rows that are read by index arrays, from memory or from the store."""

    def __len__(self) -> int: ...
    def __getitem__(self, chosen: Any) -> npt.NDArray[Any]: ...


Sums = npt.NDArray[np.float64]  # (2,): summed loss, number of right answers
Steps = Callable[..., Any]


def chunks(
    rows: RowsLike, order: npt.NDArray[np.int64], batch: int, *, model: Any
) -> Iterator[tuple[Any, Any]]:
    """Whole batches of rows in an order, as the model takes them, with their indices.

    The next chunk is read while one is used.
    """
    dtype = np.dtype(str(model.inputs[0].dtype))
    row_bytes = int(np.prod(model.input_shape[1:])) * dtype.itemsize

    def read(part: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        return rows[part].astype(dtype, copy=False)

    if not len(order):
        return
    size = batch * max(1, CHUNK_BYTES // (batch * row_bytes))
    parts = [order[start : start + size] for start in range(0, len(order), size)]
    with ThreadPoolExecutor(1, thread_name_prefix="frostline-rows") as reader:
        waiting = reader.submit(read, parts[0])
        for part, after in zip(parts, [*parts[1:], None], strict=True):
            ready = waiting.result()
            if after is not None:
                waiting = reader.submit(read, after)
            yield ready, part


def training(model: Any, optimizer: Any, *, smoothing: float) -> Steps:
    """A compiled function: rows (n, ...), labels (n,), weights (n,), batch, rates (steps,) → sums (2,).

    One optimizer step for each `batch` rows in order, the last batch smaller. Several devices share
    each batch; the gradients are those of the whole batch.
    """
    import tensorflow as tf

    replicas = strategy().num_replicas_in_sync
    variables = model.trainable_variables
    inner = getattr(optimizer, "inner_optimizer", optimizer)

    def step(rows: Any, labels: Any, weights: Any) -> Any:
        count = tf.cast(tf.shape(rows)[0], tf.float32)
        (rows, labels, weights), counted = _share((rows, labels, weights), replicas)
        with tf.GradientTape() as tape:
            logs = log_probabilities(model(rows, training=True))
            plain = losses(logs, labels)
            total = tf.reduce_sum(smoothed(logs, plain, smoothing) * weights * counted) / count
            # The optimizer sums what the devices found; what does not depend on rows counts once.
            total += tf.add_n([*model.losses, 0.0]) / replicas
            scaled = optimizer.scale_loss(total)
        optimizer.apply(tape.gradient(scaled, variables), variables)
        return _sums(logs, plain, labels, counted)

    def steps(rows: Any, labels: Any, weights: Any, batch: Any, rates: Any) -> Any:
        sums = tf.zeros(2, tf.float64)
        for number in tf.range(tf.shape(rates)[0]):
            inner.learning_rate.assign(rates[number])
            part = slice(number * batch, (number + 1) * batch)
            shown = (rows[part], labels[part], weights[part])
            sums += strategy().reduce("SUM", strategy().run(step, args=shown), axis=None)
        return sums

    return _compiled(steps, model, weights=True)


def measuring(model: Any) -> Steps:
    """A compiled function: rows (n, ...), labels (n,), batch → sums (2,), nothing is trained."""
    import tensorflow as tf

    def steps(rows: Any, labels: Any, batch: Any) -> Any:
        sums = tf.zeros(2, tf.float64)
        for number in tf.range((tf.shape(rows)[0] + batch - 1) // batch):
            part = slice(number * batch, (number + 1) * batch)
            logs = log_probabilities(model(rows[part], training=False))
            sums += _sums(logs, losses(logs, labels[part]), labels[part], 1.0)
        return sums

    return _compiled(steps, model, weights=False)


def log_probabilities(logits: Any) -> Any:
    """Logits (N, C) or (N, 1) → log probabilities (N, C) or (N, 2) float32."""
    k = keras()
    logits = k.ops.cast(logits, "float32")
    if logits.shape[-1] == 1:  # one logit stands for two classes, 0 and itself
        logits = k.ops.concatenate([k.ops.zeros_like(logits), logits], axis=-1)
    return k.ops.log_softmax(logits, axis=-1)


def losses(logs: Any, labels: Any) -> Any:
    """Negative log-likelihood of each row (N,), in nats: the figure that is reported."""
    k = keras()
    return -k.ops.sum(logs * k.ops.one_hot(labels, logs.shape[-1]), axis=-1)


def smoothed(logs: Any, plain: Any, smoothing: float) -> Any:
    """Losses (N,) against labels of which a share is spread evenly over all classes."""
    return plain if not smoothing else (1 - smoothing) * plain - smoothing * keras().ops.mean(logs, axis=-1)


def class_weights(
    labels: npt.NDArray[np.int64], training: Training | None, *, classes: int
) -> npt.NDArray[np.float32]:
    """A weight for each class (C,): ones, or for `balanced` such that all classes weigh the same in sum.

    As in scikit-learn: n / (C * images of the class). A class without images gets 0.
    """
    if training is None or training.class_weights == "equal":
        return np.ones(classes, np.float32)
    counts = np.bincount(labels, minlength=classes)
    return np.where(counts, len(labels) / (classes * np.maximum(counts, 1)), 0).astype(np.float32)


def _compiled(steps: Any, model: Any, *, weights: bool) -> Steps:
    import tensorflow as tf

    row = tf.TensorSpec((None, *model.input_shape[1:]), model.inputs[0].dtype)
    vector, number = tf.TensorSpec((None,), tf.float32), tf.TensorSpec((), tf.int32)
    labels = tf.TensorSpec((None,), tf.int64)
    signature = [row, labels, vector, number, vector] if weights else [row, labels, number]
    compiled: Steps = tf.function(steps, input_signature=signature)
    return compiled


def _share(tensors: tuple[Any, ...], replicas: int) -> tuple[tuple[Any, ...], Any]:
    """This device's part of a batch: every `replicas`-th row; and 1 for each row that counts, 0 else.

    A device never gets nothing, whose gradients some layers turn into NaN: first rows come again, uncounted.
    """
    import tensorflow as tf

    count = tf.shape(tensors[0])[0]
    if replicas == 1:
        return tensors, tf.ones(count)
    places = tf.range(-(-count // replicas) * replicas)
    own = places[tf.distribute.get_replica_context().replica_id_in_sync_group :: replicas]
    return tuple(tf.gather(tensor, own % count) for tensor in tensors), tf.cast(own < count, tf.float32)


def _sums(logs: Any, plain: Any, labels: Any, counted: Any) -> Any:
    import tensorflow as tf

    right = tf.cast(tf.argmax(logs, axis=-1) == labels, tf.float32)
    return tf.stack([tf.reduce_sum(tf.cast(values * counted, tf.float64)) for values in (plain, right)])
