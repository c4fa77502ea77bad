"""One form for one graph: the converter's names and orders differ in every process, these do not.

Nodes are sorted so that inputs come first, ties by what a node computes; tensors and nodes are then
numbered in that order, initializers are sorted by name, and everything that is only a note goes.
"""

import hashlib
from typing import Any

from frostline.runtime.contract import FEATURES, INPUT, PROBS, UNKNOWN


def form(model: Any, *, metadata: dict[str, str], input_name: str = INPUT) -> bytes:
    """The canonical bytes of an ONNX model with one input, to be called `input_name`.

    Its outputs are some of `probs`, `features` and `unknown`.
    """
    import onnx

    graph = model.graph
    if len(graph.input) != 1:  # a captured tensor became an input: see the converter's caller
        raise RuntimeError(f"the exported graph has inputs {[value.name for value in graph.input]}, not one")
    contents = _drop_duplicates(graph)
    _merge_equal(graph, contents)
    order = [node for _, node in _order(graph, contents)]
    names = _names(graph, order, input_name)
    outputs = [
        _value(output, name)
        for name in (PROBS, FEATURES, UNKNOWN)
        for output in graph.output
        if names[output.name] == name
    ]
    nodes = [_renamed(node, names, number) for number, node in enumerate(order)]
    out = onnx.helper.make_graph(nodes, "frostline", [_value(graph.input[0], input_name)], outputs)
    result = onnx.helper.make_model(
        out,
        opset_imports=sorted(model.opset_import, key=lambda opset: opset.domain),
        producer_name="frostline",
    )
    used = (tensor for tensor in graph.initializer if tensor.name in names)
    for tensor in sorted(used, key=lambda tensor: names[tensor.name]):
        _add(result.graph, tensor, names[tensor.name])
    least = onnx.helper.find_min_ir_version_for(list(model.opset_import), ignore_unknown=True)
    result.ir_version = max(8, least)  # 8 came with opset 17
    onnx.helper.set_model_props(result, metadata)
    content = bytes(result.SerializeToString(deterministic=True))
    onnx.checker.check_model(content)
    return content


def _content(tensor: Any) -> str:
    """A digest of an initializer's type, shape and values."""
    from onnx import numpy_helper

    head = f"{tensor.data_type}{list(tensor.dims)}".encode()
    return hashlib.sha256(head + numpy_helper.to_array(tensor).tobytes()).hexdigest()


def _drop_duplicates(graph: Any) -> dict[str, str]:
    """Keep one initializer of each content: which of two equal ones a node names is arbitrary. Digests by name."""
    contents: dict[str, str] = {}
    first: dict[str, str] = {}
    instead: dict[str, str] = {}
    for tensor in list(graph.initializer):
        contents[tensor.name] = _content(tensor)
        first_name = first.setdefault(contents[tensor.name], tensor.name)
        if first_name != tensor.name:
            instead[tensor.name] = first_name
            graph.initializer.remove(tensor)
    for node in graph.node:
        rename_inputs(node, instead)
    return contents


def _merge_equal(graph: Any, contents: dict[str, str]) -> None:
    """Keep one node of each computation, an output's if there is one, for the same reason."""
    shown = {output.name for output in graph.output}
    first: dict[tuple[str, int], Any] = {}
    instead: dict[str, str] = {}
    for signature, node in sorted(_order(graph, contents), key=lambda pair: shown.isdisjoint(pair[1].output)):
        if _graphs(node):
            continue  # its answer depends on more than its inputs
        first_node = first.setdefault((signature, len(node.output)), node)
        if first_node.output != node.output and shown.isdisjoint(node.output):
            instead.update(zip(node.output, first_node.output, strict=True))
            graph.node.remove(node)
    for node in graph.node:
        rename_inputs(node, instead)


def _graphs(node: Any) -> list[Any]:
    """The graphs inside a node: the branches of an If, the body of a Loop."""
    return [graph for attribute in node.attribute for graph in (attribute.g, *attribute.graphs) if graph.node]


def _taken(node: Any) -> list[str]:
    """What a node takes: its inputs, and what graphs inside it take from around them."""
    inside: list[str] = []
    for graph in _graphs(node):
        own = {name for inner in graph.node for name in inner.output}
        own |= {value.name for value in (*graph.input, *graph.initializer)}
        outer = [name for inner in graph.node for name in _taken(inner)] + [out.name for out in graph.output]
        inside += [name for name in outer if name and name not in own]
    return [*node.input, *dict.fromkeys(inside)]


def rename_inputs(node: Any, names: dict[str, str]) -> None:
    """Other names for what a node takes, in place; names that a graph inside it has for its own stay."""
    node.input[:] = [names.get(name, name) for name in node.input]
    for graph in _graphs(node):
        own = {name for inner in graph.node for name in inner.output}
        own |= {value.name for value in (*graph.input, *graph.initializer)}
        outer = {name: new for name, new in names.items() if name not in own}
        for inner in graph.node:
            rename_inputs(inner, outer)
        for output in graph.output:
            output.name = outer.get(output.name, output.name)


def _order(graph: Any, contents: dict[str, str]) -> list[tuple[str, Any]]:
    """Signatures and nodes sorted topologically; among those ready, by what they compute and from what.

    `contents` are digests of initializers by name.
    """
    import heapq

    signatures = {graph.input[0].name: INPUT, "": ""}
    signatures |= {tensor.name: contents[tensor.name] for tensor in graph.initializer}
    producers = {name: index for index, node in enumerate(graph.node) for name in node.output if name}
    users: dict[int, list[int]] = {}
    waiting = {}
    for index, node in enumerate(graph.node):
        needs = {producers[name] for name in _taken(node) if name in producers}
        waiting[index] = len(needs)
        for need in needs:
            users.setdefault(need, []).append(index)
    ready: list[tuple[str, int]] = []
    order = []

    def push(index: int) -> None:
        signature = _signature(graph.node[index], signatures)
        signatures.update(
            {name: f"{signature}/{place}" for place, name in enumerate(graph.node[index].output) if name}
        )
        heapq.heappush(ready, (signature, index))

    for index, count in waiting.items():
        if count == 0:
            push(index)
    while ready:
        signature, index = heapq.heappop(ready)
        order.append((signature, graph.node[index]))
        for user in users.get(index, []):
            waiting[user] -= 1
            if waiting[user] == 0:
                push(user)
    return order


def _signature(node: Any, signatures: dict[str, str]) -> str:
    """What a node computes from what: its operator, attributes and what it takes, by signatures."""
    attributes = sorted(
        bytes(attribute.SerializeToString(deterministic=True)) for attribute in node.attribute
    )
    kind = f"{node.domain}:{node.op_type}" if node.domain else node.op_type
    parts = [kind.encode(), *attributes, *(signatures[name].encode() for name in _taken(node))]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _names(graph: Any, order: list[Any], input_name: str) -> dict[str, str]:
    """New names: the contract's for input and outputs, numbers for all others in order of use."""
    outputs = {output.name: output.name.split(":")[0] for output in graph.output}
    names = {graph.input[0].name: input_name, "": ""}
    names |= {name: _output_name(name, shown) for name, shown in outputs.items()}
    weights = {tensor.name for tensor in graph.initializer}
    for number, node in enumerate(order):
        for name in _taken(node):
            if name in weights and name not in names:
                names[name] = f"w{len(names):05}"
        for place, name in enumerate(node.output):
            names.setdefault(name, f"t{number:05}_{place}")
    return names


def _output_name(name: str, shown: str) -> str:
    for known in (PROBS, FEATURES, UNKNOWN):
        if shown == known:
            return known
    raise RuntimeError(f"the exported graph has an output {name} that the contract does not know")


def _renamed(node: Any, names: dict[str, str], number: int) -> Any:
    import onnx

    out = onnx.NodeProto()
    out.CopyFrom(node)
    out.name = f"n{number:05}"
    out.ClearField("doc_string")
    rename_inputs(out, names)
    out.output[:] = [names[name] for name in node.output]
    return out


def _add(graph: Any, tensor: Any, name: str) -> None:
    """Put a tensor of another graph into this one under another name, its values as bytes: copied once."""
    import onnx

    if tensor.HasField("raw_data"):
        graph.initializer.add(
            dims=tensor.dims, data_type=tensor.data_type, name=name, raw_data=tensor.raw_data
        )
    else:
        graph.initializer.append(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor), name))


def _value(info: Any, name: str) -> Any:
    """A graph input or output under its contract name, its first dimension free as N unless it is a number."""
    import onnx

    shape = [dimension.dim_value for dimension in info.type.tensor_type.shape.dim]
    return onnx.helper.make_tensor_value_info(
        name, info.type.tensor_type.elem_type, [shape[0] or "N", *shape[1:]]
    )
