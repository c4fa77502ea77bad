"""Canonical form: one graph, one file, whatever names and orders the converter happened to use."""

import itertools
import random
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from frostline.runtime import canonical

NODES = (
    ("Cast", ["image"], ["pixels"], {"to": TensorProto.FLOAT}),
    ("ReduceMean", ["pixels"], ["features"], {"axes": [1, 2], "keepdims": 0}),
    ("MatMul", ["features", "left"], ["a"], {}),
    ("MatMul", ["features", "right"], ["b"], {}),
    ("Relu", ["a"], ["a_on"], {}),
    ("Relu", ["b"], ["b_on"], {}),
    ("Sub", ["a_on", "b_on"], ["logits"], {}),
    ("Softmax", ["logits"], ["probs"], {"axis": 1}),
)
RNG = np.random.default_rng(3)
WEIGHTS = {
    name: (RNG.random((3, 4), dtype=np.float32) - np.float32(0.5)) / np.float32(40)
    for name in ("left", "right")
}


def graph(
    nodes: tuple[tuple[str, list[str], list[str], dict[str, object]], ...] = NODES,
    *,
    weights: dict[str, np.ndarray] | None = None,
    rename: Callable[[str], str] = lambda name: name,
    order: Callable[[list[NodeProto]], list[NodeProto]] = lambda nodes: nodes,
    more_inputs: tuple[str, ...] = (),
    outputs: tuple[str, ...] = ("probs", "features"),
) -> ModelProto:
    """A model of 5 x 7 pixels and four classes, as a converter might write it."""
    made = [
        helper.make_node(
            kind, [rename(name) for name in inputs], [rename(name) for name in results],
            name=rename(f"node_{results[0]}"), doc_string=rename("made somewhere"), **attributes,
        )
        for kind, inputs, results, attributes in nodes
    ]  # fmt: skip
    inputs = [helper.make_tensor_value_info(rename("image"), TensorProto.UINT8, ["unk__3", 5, 7, 3])]
    inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in more_inputs]
    sizes = {"probs": 4, "features": 3}
    results = [
        helper.make_tensor_value_info(rename(name), TensorProto.FLOAT, ["unk__9", sizes.get(name, 4)])
        for name in outputs
    ]
    tensors = [numpy_helper.from_array(values, rename(name)) for name, values in (weights or WEIGHTS).items()]
    whole = helper.make_graph(order(made), rename("graph"), inputs, results, tensors)
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], producer_name="anything")


def form(model: ModelProto) -> bytes:
    """The canonical bytes with some metadata."""
    return canonical.form(model, metadata={"frostline": '{"contract":1}'})


def run(content: bytes, pixels: np.ndarray) -> np.ndarray:
    """What ONNX Runtime makes of canonical bytes."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(["probs"], {"image": pixels})[0]


def renamed(seed: int) -> Callable[[str], str]:
    """Other names for everything but the outputs, whose names the converter keeps."""
    rng = random.Random(seed)
    given: dict[str, str] = {}

    def name(old: str) -> str:
        if old in {"probs", "features"}:
            return f"{old}:0"
        return given.setdefault(old, f"x{rng.randrange(10**9)}_{len(given)}")

    return name


@given(st.permutations(list(range(len(NODES)))), st.integers(0, 999), st.booleans())
def test_order_and_names_do_not_matter(places: list[int], seed: int, weights_first: bool) -> None:
    """Any order of nodes and initializers under any names gives the same bytes."""
    weights = dict(sorted(WEIGHTS.items(), reverse=weights_first))
    shuffled = graph(
        weights=weights, rename=renamed(seed), order=lambda nodes: [nodes[place] for place in places]
    )
    assert form(shuffled) == form(graph())


def test_the_form_computes_the_same() -> None:
    """Canonical bytes and plain arithmetic agree; the order of subtraction is kept."""
    pixels = np.random.default_rng(1).integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)
    mean = pixels.astype(np.float64).mean(axis=(1, 2))
    logits = np.maximum(mean @ WEIGHTS["left"], 0) - np.maximum(mean @ WEIGHTS["right"], 0)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    shuffled = graph(rename=renamed(5), order=lambda nodes: nodes[::-1])
    np.testing.assert_allclose(run(form(shuffled), pixels), expected, rtol=1e-5)
    assert expected.std(axis=0).min() > 1e-3  # the images are distinguished, so that a mix-up would show


def test_what_stands_in_the_file() -> None:
    """Input and outputs by the contract's names, N free, old opset and IR, metadata, no notes."""
    made = onnx.load_from_string(form(graph(rename=renamed(2))))
    shapes = {
        each.name: [side.dim_param or side.dim_value for side in each.type.tensor_type.shape.dim]
        for each in (*made.graph.input, *made.graph.output)
    }
    assert shapes == {"image": ["N", 5, 7, 3], "probs": ["N", 4], "features": ["N", 3]}
    assert "features" in {name for node in made.graph.node for name in node.output}
    assert (made.ir_version, made.opset_import[0].version, made.producer_name) == (8, 17, "frostline")
    assert {each.key: each.value for each in made.metadata_props} == {"frostline": '{"contract":1}'}
    assert not any(node.doc_string for node in made.graph.node)
    names = [tensor.name for tensor in made.graph.initializer]
    assert names == sorted(names)
    assert not any("x" in name for name in names)


def test_equal_initializers_are_one() -> None:
    """Two copies of a constant are kept once, and which one a node names changes nothing."""
    same = {"left": WEIGHTS["left"], "right": WEIGHTS["left"].copy()}
    swapped = tuple(
        (kind, [{"left": "right", "right": "left"}.get(name, name) for name in inputs], results, attributes)
        for kind, inputs, results, attributes in NODES
    )
    once = form(graph(weights=same))
    assert len(onnx.load_from_string(once).graph.initializer) == 1
    assert form(graph(swapped, weights=same)) == once


def twins(a: str, b: str) -> tuple[tuple[str, list[str], list[str], dict[str, object]], ...]:
    """Two nodes that compute the same, each with a user of its own."""
    return (
        *NODES[:2],
        ("MatMul", ["features", "left"], [a], {}),
        ("MatMul", ["features", "left"], [b], {}),
        ("Exp", ["a"], ["a_on"], {}),
        ("Relu", ["b"], ["b_on"], {}),
        *NODES[6:],
    )


def test_equal_nodes_are_one() -> None:
    """Which of two equal nodes another one names is the converter's whim, and leaves no trace."""
    made = [
        graph(twins(*names), weights={"left": WEIGHTS["left"]}, order=order)
        for names in ("ab", "ba")
        for order in (list, lambda nodes: nodes[::-1])
    ]
    forms = {form(each) for each in made}
    assert len(forms) == 1
    assert [node.op_type for node in onnx.load_from_string(forms.pop()).graph.node].count("MatMul") == 1


def test_an_output_outlives_its_twin() -> None:
    """The node that gives `features` keeps that name, though another computes the same."""
    nodes = (NODES[0], ("ReduceMean", ["pixels"], ["twin"], {"axes": [1, 2], "keepdims": 0}), *NODES[1:])
    used = tuple((k, ["twin" if n == "features" else n for n in ins], outs, at) for k, ins, outs, at in nodes)
    assert form(graph(used)) == form(graph())


def test_initializers_that_nothing_uses_go() -> None:
    """Left-overs of a converter's optimisation are not shipped."""
    unused = {f"spare{number}": np.full((number + 2,), number, np.float32) for number in range(3)}
    assert form(graph(weights=WEIGHTS | unused)) == form(graph())


@pytest.mark.parametrize(
    "change",
    [
        {"weights": WEIGHTS | {"left": WEIGHTS["left"] + np.float32(1e-6)}},
        {"weights": {"left": WEIGHTS["right"], "right": WEIGHTS["left"]}},
        {"nodes": (*NODES[:6], ("Sub", ["b_on", "a_on"], ["logits"], {}), NODES[7])},
        {"nodes": (*NODES[:6], ("Add", ["a_on", "b_on"], ["logits"], {}), NODES[7])},
        {"nodes": (*NODES[:7], ("Softmax", ["logits"], ["probs"], {"axis": 0}))},
    ],
    ids=["one weight", "weights swapped", "operands swapped", "another operator", "another attribute"],
)
def test_other_functions_have_other_bytes(change: dict[str, object]) -> None:
    """What computes something else never gets the same form."""
    assert form(graph(**change)) != form(graph())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"more_inputs": ("captured",)}, r"has inputs \['image', 'captured'\], not one"),
        ({"outputs": ("probs", "features", "logits")}, "output logits that the contract does not know"),
    ],
)
def test_graphs_outside_the_contract(change: dict[str, tuple[str, ...]], message: str) -> None:
    """A tensor that the converter turned into an input, or a surplus output, stops the export."""
    with pytest.raises(RuntimeError, match=message):
        form(graph(**change))  # type: ignore[arg-type]


def test_metadata_is_part_of_the_file() -> None:
    """Other metadata, other bytes; the graph is the same."""
    forms = [canonical.form(graph(), metadata={"frostline": text}) for text in ("{}", '{"a":1}')]
    graphs = [onnx.load_from_string(content).graph for content in forms]
    assert forms[0] != forms[1]
    assert all(one == other for one, other in itertools.pairwise(graphs))


def branch(result: str, *, of: str, kind: str) -> onnx.GraphProto:
    """A branch of an If that takes a tensor from around it."""
    nodes = [
        helper.make_node(kind, [of], [f"{result}_inside"]),
        helper.make_node("Neg", [f"{result}_inside"], [result]),
    ]
    value = helper.make_tensor_value_info(result, TensorProto.FLOAT, None)
    return helper.make_graph(nodes, "branch", [], [value])


def test_branches_keep_what_they_take_from_around_them() -> None:
    """Graphs inside nodes, as exporters write them: their names of outer tensors follow, and order heeds them."""
    model = graph(outputs=("probs",))
    model.graph.node[-1].input[0] = "chosen"
    every = list(model.graph.node)
    size = helper.make_node("Size", ["a_on"], ["count"])
    some = helper.make_node("Cast", ["count"], ["any"], to=TensorProto.BOOL)
    choice = helper.make_node(
        "If", ["any"], ["chosen"], then_branch=branch("yes", of="logits", kind="Abs"),
        else_branch=branch("no", of="left", kind="Abs"),
    )  # fmt: skip
    model.graph.ClearField("node")
    model.graph.node.extend([choice, some, size, *every[::-1]])  # an order that only what is taken can mend
    ordered = ModelProto()
    ordered.CopyFrom(model)
    ordered.graph.ClearField("node")
    ordered.graph.node.extend([*every[:-1], size, some, choice, every[-1]])
    ordered.ir_version = 8
    pixels = RNG.integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    formed = canonical.form(model, metadata={})
    (got,) = onnxruntime.InferenceSession(formed).run(None, {"image": pixels})
    (expected,) = onnxruntime.InferenceSession(ordered.SerializeToString()).run(None, {"image": pixels})
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert formed == canonical.form(ordered, metadata={})


def test_two_calls_that_keep_other_numbers_of_outputs_stay_two() -> None:
    """Of one operator on one input: a maximum, and a maximum with its places."""
    nodes = (
        *NODES[:1],
        ("Transpose", ["pixels"], ["planes"], {"perm": [0, 3, 1, 2]}),
        ("MaxPool", ["planes"], ["one"], {"kernel_shape": [5, 7]}),
        ("MaxPool", ["planes"], ["two", "places"], {"kernel_shape": [5, 7]}),
        ("Add", ["one", "two"], ["sum"], {}),
        ("Flatten", ["sum"], ["features"], {}),
        *NODES[2:],
    )
    pixels = RNG.integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    formed = canonical.form(graph(nodes), metadata={})
    _, features = onnxruntime.InferenceSession(formed).run(None, {"image": pixels})
    np.testing.assert_allclose(features, 2 * pixels.max((1, 2)).astype(np.float32))
