"""The converter without the copies of all weights that it would make at each of its steps."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any
from unittest import mock

CATCH = "TF2ONNX_CATCH_ERRORS"  # tf2onnx' own: whether a step that fails is left out


@contextlib.contextmanager
def without_copies() -> Iterator[None]:
    """Conversions within need half the memory and half the time; the graph that comes out is the same.

    tf2onnx copies the whole graph before each of its steps, to go back should one fail: here that is an error.
    After each step it writes the weights into their nodes' messages once more, and a message never gives back
    what it held before: here each time into a new one. A ResNet152V2, of 0.2 GiB, took 11.6 GiB.
    """
    from tf2onnx.graph import Node

    update = Node.update_proto

    def renewed(node: Any, *given: Any) -> None:
        node._op = _empty(node._op)
        update(node, *given)

    with mock.patch.object(Node, "update_proto", renewed), mock.patch.dict(os.environ, {CATCH: "FALSE"}):
        yield


def _empty(node: Any) -> Any:
    """A node of the same name and kind, without what an update writes anew: inputs, outputs, attributes."""
    import onnx

    kept = ("name", "op_type", "domain", "doc_string")
    return onnx.NodeProto(**{field: getattr(node, field) for field in kept if node.HasField(field)})
