"""Models of ONNX as functions: the numbers of ONNX's reference, and one line for what can not be one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from xdsl.dialects.builtin import ModuleOp

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from zklemma.compiler.frontend.evaluate import evaluate_function  # noqa: E402
from zklemma.compiler.frontend.network import Network  # noqa: E402
from zklemma.compiler.frontend.onnx_file import import_onnx  # noqa: E402
from zklemma.dialects import nn  # noqa: E402
from zklemma.errors import UserError  # noqa: E402

from .networks import network  # noqa: E402

RANDOM = np.random.default_rng(7)
Shape = Sequence[int | str]


def weight(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def node(operation: str, inputs: str, output: str, **attributes: Any) -> Any:
    """Operands and results are words, "_" for an operand that is left out."""
    names = ["" if name == "_" else name for name in inputs.split()]
    results = output.split()
    return helper.make_node(operation, names, results, name=f"{results[0]}_node", **attributes)


class Model:
    """A graph of x, whose last node gives y."""

    def __init__(self, folder: Path, opset: int = 17):
        self.path, self.opset = folder / "model.onnx", opset

    def write(
        self,
        shape: Shape,
        nodes: Sequence[Any],
        type: int = TensorProto.FLOAT,
        outputs: Sequence[str] = ("y",),
        **constants: Any,
    ) -> Path:
        x = helper.make_tensor_value_info("x", type, shape)
        made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        held = [numpy_helper.from_array(np.asarray(c), name) for name, c in constants.items()]
        graph = helper.make_graph(nodes, "graph", [x], made, held)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("own", 1)]
        made = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        for each in (model := onnx.shape_inference.infer_shapes(made)).graph.output:
            each.type.tensor_type.shape.SetInParent()  # It is required, and may be unknown.
        onnx.save(model, self.path)
        return self.path


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model(tmp_path)


@pytest.fixture
def model20(tmp_path: Path) -> Model:
    return Model(tmp_path, 20)


def operations(module: ModuleOp) -> list[str]:
    skipped = ("builtin.module", "func.func", "func.return", "nn.input", "nn.param")
    return [op.name for op in module.walk() if op.name not in skipped]


def evaluated(network: Network, examples: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """What the `nn` function gives."""
    names = [op.input_name for op in network.inputs]
    given = dict(zip(names, examples, strict=True))
    return evaluate_function(network.module, given, network.weight)


def same(path: Path, x: np.ndarray, batch: int = 3, outputs: Sequence[str] = ()) -> list[str]:
    """The operations that a file becomes, which give what ONNX's reference gives."""
    found, examples = import_onnx(path, x, batch, outputs)
    assert {n for n in operations(found.module)} <= {op.name for op in nn.RAISED}
    actual = evaluated(found, examples)
    wanted = found.run(examples)
    for one, other in zip(actual, wanted, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    return operations(found.module)


ROWS, IMAGE = weight(5, 6), weight(5, 2, 7, 8)


def mlp(model: Model, rows: int | str) -> Path:
    nodes = [
        node("Gemm", "x w b", "h", transB=1),
        node("Relu", "h", "r"),
        node("MatMul", "r v", "m"),
        node("Add", "m c", "y"),
    ]
    return model.write((rows, 6), nodes, w=weight(8, 6), b=weight(8), v=weight(8, 4), c=weight(4))


@pytest.mark.parametrize("rows", ["batch", 1, 2, 5])
def test_rows_through_layers(model: Model, rows: int | str) -> None:
    assert same(mlp(model, rows), ROWS) == ["nn.linear", "nn.relu", "nn.linear"]


@pytest.mark.parametrize("rows", ["batch", 1])
def test_images_through_layers(model: Model, rows: int | str) -> None:
    nodes = [
        node("Conv", "x w _", "c", pads=[1, 1, 1, 1], strides=[2, 1]),
        node("BatchNormalization", "c s b mean var", "n"),
        node("Clip", "n zero six", "r"),
        node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "p v d", "e", group=4),
        node("Add", "p e", "a"),
        node("GlobalAveragePool", "a", "g"),
        node("Shape", "g", "shape", start=0, end=1),
        node("Constant", "", "rest", value_ints=[-1]),
        node("Concat", "shape rest", "flat", axis=0),
        node("Reshape", "g flat", "f"),
        node("Transpose", "t", "u", perm=[1, 0]),
        node("Gemm", "f u o", "y", alpha=0.5, beta=2.0),
    ]
    path = model.write(
        (rows, 2, 7, 8),
        nodes,
        w=weight(4, 2, 3, 3),
        **dict(zip(("s", "b", "mean"), weight(3, 4), strict=True)),
        var=np.abs(weight(4)) + 0.5,
        zero=np.float32(0),
        six=np.float32(6),
        v=weight(4, 1, 1, 1),
        d=weight(4),
        t=weight(3, 4),
        o=weight(1),
    )
    names = ["conv2d", "relu6", "max_pool2d", "conv2d", "add", "avg_pool2d", "flatten", "linear"]
    assert same(path, IMAGE) == [f"nn.{name}" for name in names]


@pytest.mark.parametrize(
    "attributes",
    [
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
        {"auto_pad": "VALID"},
        {"pads": [2, 0, 0, 1], "strides": [2, 1]},
    ],
)
def test_padding_that_differs_between_sides(model: Model, attributes: Any) -> None:
    nodes = [node("Conv", "x w b", "y", **attributes)]
    path = model.write(("n", 2, 7, 8), nodes, w=weight(3, 2, 2, 3), b=weight(3))
    assert same(path, IMAGE) == ["nn.conv2d"]


@pytest.mark.parametrize(
    ("nodes", "operation"),
    [
        ([node("Sigmoid", "x", "s"), node("Mul", "x s", "y")], "silu"),
        (
            [
                node("Div", "x root", "d"),
                node("Erf", "d", "e"),
                node("Add", "e one", "a"),
                node("Mul", "x a", "m"),
                node("Mul", "m half", "y"),
            ],
            "gelu",
        ),
        (
            [
                node("Pow", "x three", "p"),
                node("Mul", "p c", "q"),
                node("Add", "x q", "s"),
                node("Mul", "s k", "t"),
                node("Tanh", "t", "w"),
                node("Add", "one w", "v"),
                node("Mul", "half x", "h"),
                node("Mul", "h v", "y"),
            ],
            "gelu_tanh",
        ),
        ([node("Clip", "x zero _", "y")], "relu"),
        ([node("Tanh", "x", "y")], "tanh"),
        ([node("Sigmoid", "x", "y")], "sigmoid"),
        ([node("Elu", "x", "y", alpha=1.0)], "elu"),
        ([node("Celu", "x", "y")], "elu"),
        ([node("Selu", "x", "y")], "selu"),
        ([node("Softplus", "x", "y")], "softplus"),
        ([node("HardSwish", "x", "y")], "hardswish"),
        ([node("HardSigmoid", "x", "y", alpha=1 / 6)], "hardsigmoid"),
        ([node("Identity", "x", "i"), node("Relu", "i", "y")], "relu"),
    ],
)
def test_activations(model: Model, nodes: list[Any], operation: str) -> None:
    numbers = {
        "root": np.sqrt(2),
        "one": 1,
        "half": 0.5,
        "three": 3,
        "c": 0.044715,
        "k": np.sqrt(2 / np.pi),
        "zero": 0,
    }
    used = {name for each in nodes for name in each.input}
    constants: dict[str, Any] = {name: np.float32(n) for name, n in numbers.items() if name in used}
    assert same(model.write(("n", 6), nodes, **constants), ROWS) == [f"nn.{operation}"]


@pytest.mark.parametrize(("kind", "operation"), [("none", "gelu"), ("tanh", "gelu_tanh")])
def test_gelu_is_an_operation_of_opset_20(model20: Model, kind: str, operation: str) -> None:
    path = model20.write(("n", 6), [node("Gelu", "x", "y", approximate=kind)])
    assert same(path, ROWS) == [f"nn.{operation}"]


def test_mish_is_an_operation_of_opset_18(model20: Model) -> None:
    assert same(model20.write(("n", 6), [node("Mish", "x", "y")]), ROWS) == ["nn.mish"]


def test_constants_become_part_of_the_layers_beside_them(model: Model) -> None:
    """(x - a) / b before a convolution, c - z behind it, and a number by itself."""
    nodes = [
        node("Sub", "x a", "s"),
        node("Div", "s b", "d"),
        node("Conv", "d w", "z"),
        node("Sub", "c z", "q"),
        node("Mul", "q two", "y"),
    ]
    path = model.write(
        ("n", 2, 7, 8),
        nodes,
        a=weight(2, 1, 1),
        b=np.abs(weight(1, 2, 1, 1)) + 0.5,
        w=weight(3, 2, 3, 3),
        c=weight(3, 1, 1),
        two=np.float32(2),
    )
    names = same(path, IMAGE)
    assert "nn.mul" not in names and "nn.add" not in names


def test_values_may_be_multiplied_added_and_subtracted(model: Model) -> None:
    nodes = [
        node("MatMul", "x w", "a"),
        node("MatMul", "x v", "b"),
        node("Mul", "a b", "c"),
        node("Sub", "c b", "y"),
    ]
    path = model.write(
        ("n", 6), [*nodes[:2], node("Relu", "b", "r"), *nodes[2:]], w=weight(6, 4), v=weight(6, 4)
    )
    with pytest.raises(UserError, match="a constant factor"):  # It has no layer of its own.
        import_onnx(path, ROWS, 2)
    nodes[1] = node("MatMul", "x v", "b0")
    nodes.insert(2, node("Relu", "b0", "b"))
    nodes[-1] = node("Sub", "c d", "y")
    nodes.insert(-1, node("MatMul", "b u", "d"))
    path = model.write(("n", 6), nodes, w=weight(6, 4), v=weight(6, 4), u=weight(4, 4))
    assert same(path, ROWS).count("nn.linear") == 3


@pytest.mark.parametrize(
    "last",
    [
        node("ReduceMean", "r", "y", axes=[2, 3], keepdims=0),
        node("AveragePool", "r", "y", kernel_shape=[3, 2], strides=[2, 2]),
        node("GlobalMaxPool", "r", "y"),
        node("Flatten", "r", "y"),
        node("Reshape", "r copied", "y"),
    ],
)
def test_pools_and_shapes(model: Model, last: Any) -> None:
    path = model.write(("n", 2, 7, 8), [node("Relu", "x", "r"), last], copied=np.array([0, -1]))
    same(path, IMAGE)


def test_a_tensor_of_the_graph_takes_the_place_of_the_outputs(model: Model) -> None:
    nodes = [node("MatMul", "x w", "logits"), node("LogSoftmax", "logits", "y")]
    path = model.write(("n", 6), nodes, w=weight(6, 4))
    with pytest.raises(UserError, match=r'LogSoftmax in y_node; .* outputs=\["logits"\]'):
        import_onnx(path, ROWS, 2)
    assert same(path, ROWS, outputs=["logits"]) == ["nn.linear"]
    with pytest.raises(UserError, match="the graph has no tensor x1"):
        import_onnx(path, ROWS, 2, ["x1"])


POSITIONS = weight(5, 4, 6)


@pytest.mark.parametrize("rows", ["batch", 1, 5])
@pytest.mark.parametrize(
    ("nodes", "operations"),
    [
        (
            [
                node("MatMul", "x w", "m"),
                node("Split", "m third", "a b", axis=-1),
                node("Mul", "a b", "c"),
                node("MatMul", "c v", "y"),
            ],
            ["linear", "linear", "mul", "linear"],
        ),
        (
            [
                node("MatMul", "x w", "m"),
                node("Slice", "m zero three last", "a"),
                node("Slice", "m minus huge last", "b"),
                node("Mul", "a b", "c"),
                node("MatMul", "c v", "y"),
            ],
            ["linear", "linear", "mul", "linear"],
        ),
        ([node("Gather", "x second", "y", axis=1)], ["position"]),
        ([node("ReduceMean", "x", "m", axes=[-1]), node("Sub", "x m", "y")], ["center"]),
        (
            [
                node("Gather", "x two_last", "g", axis=1),
                node("ReduceMean", "g", "y", axes=[1], keepdims=0),
            ],
            ["mean_positions"],
        ),
        (
            [
                node("Shape", "x", "shape", start=0, end=1),
                node("Concat", "shape ones", "sizes", axis=0),
                node("Expand", "token sizes", "t"),
                node("Concat", "t x", "c", axis=1),
                node("Add", "c place", "y"),
            ],
            ["add_positions"],
        ),
        (
            [
                node("Transpose", "x", "t", perm=[1, 0, 2]),
                node("Reshape", "t flat", "f"),
                node("Gemm", "f w bias", "g"),
                node("Shape", "t", "shape", end=2),
                node("Constant", "", "rest", value_ints=[-1]),
                node("Concat", "shape rest", "back", axis=0),
                node("Reshape", "g back", "u"),
                node("Transpose", "u", "y", perm=[1, 0, 2]),
            ],
            ["linear"],
        ),
        (
            [
                node("Unsqueeze", "x last", "u"),
                node("Squeeze", "u last", "s"),
                node("Relu", "s", "y"),
            ],
            ["relu"],
        ),
        ([node("LayerNormalization", "x gain", "y", axis=2, epsilon=0.01)], ["center", "rms_norm"]),
        (
            [
                node("Mul", "x x", "s"),
                node("ReduceMean", "s", "m", axes=[-1]),
                node("Add", "m epsilon", "e"),
                node("Pow", "e minus_half", "p"),
                node("Mul", "p x", "q"),
                node("Mul", "q gain", "y"),
            ],
            ["rms_norm"],
        ),
    ],
)
def test_positions(model: Model, rows: int | str, nodes: list[Any], operations: list[str]) -> None:
    numbers: dict[str, Any] = {
        "w": weight(6, 6),
        "bias": weight(6),
        "v": weight(3, 2),
        "gain": weight(6),
        "third": np.array([3, 3]),
        "zero": np.array([0]),
        "three": np.array([3]),
        "minus": np.array([-3]),
        "huge": np.array([2**62]),
        "last": np.array([-1]),
        "second": np.array(1),
        "two_last": np.array([2, 3]),
        "flat": np.array([-1, 6]),
        "ones": np.array([1, 1]),
        "token": weight(1, 1, 6),
        "place": weight(1, 5, 6),
        "epsilon": np.float32(0.01),
        "minus_half": np.float32(-0.5),
    }
    used = {name for each in nodes for name in each.input}
    given = {name: c for name, c in numbers.items() if name in used}
    found = same(model.write((rows, 4, 6), nodes, **given), POSITIONS)
    assert found == [f"nn.{name}" for name in operations]


def test_a_second_result_that_is_not_made_is_refused_where_it_is_read(model: Model) -> None:
    norm = node("LayerNormalization", "x g", "n mean")
    path = model.write(("n", 6), [norm, node("Relu", "n", "y")], g=weight(6))
    assert same(path, ROWS) == ["nn.center", "nn.rms_norm", "nn.relu"]
    path = model.write(("n", 6), [norm, node("Add", "n mean", "y")], g=weight(6))
    with pytest.raises(UserError, match="of mean, a second result"):
        import_onnx(path, ROWS, 2)


def test_external_data_is_read(model: Model) -> None:
    path = mlp(model, "n")
    wanted, _ = import_onnx(path, ROWS, 2)
    onnx.save(
        onnx.load(path), path, save_as_external_data=True, location="weights", size_threshold=0
    )
    assert (path.parent / "weights").exists()
    found, _ = import_onnx(path, ROWS, 2)
    for name in ("w", "b", "v"):
        assert np.array_equal(found.weight(name), wanted.weight(name))
    assert np.array_equal(found.run([ROWS])[0], wanted.run([ROWS])[0])


def test_the_function_is_the_one_of_pytorch(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    module, inputs = network("ResNet")
    path = tmp_path / "resnet.onnx"
    shapes = tuple({0: torch.export.Dim("batch")} for _ in inputs)
    torch.onnx.export(module, inputs, path, dynamo=True, dynamic_shapes=shapes, verbose=False)
    found, examples = import_onnx(path, inputs[0], 2)
    (actual,) = evaluated(found, examples)
    with torch.no_grad():
        np.testing.assert_allclose(actual, module(*inputs), atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "nodes", "message"),
    [
        ((2, 6), [node("LogSoftmax", "x", "y")], r"LogSoftmax in y_node; nearest is what it is of"),
        ((2, 6), [node("LeakyRelu", "x", "y")], "LeakyRelu in y_node; nearest is Relu"),
        ((2, 6), [node("Elu", "x", "y", alpha=0.5)], r"Elu \({'alpha': 0.5}, not {'alpha': 1.0}"),
        ((2, 6), [node("HardSigmoid", "x", "y")], r"HardSigmoid \(alpha 0.2 and beta 0.5, not 1/6"),
        ((2, 6), [node("Mystery", "x", "y", domain="own")], "own.Mystery in y_node"),
        ((2, 6), [node("Clip", "x _ one", "y")], r"Clip \(bounds of \(-inf, 1.0\)"),
        ((2, 6), [node("Add", "x w", "y")], r"nn.add \(operands of \(2, 6\) and \(2, 6\)\)"),
        ((2, 6), [node("Mul", "x half", "y")], "a constant factor .neither a linear layer"),
        ((2, 6), [node("Erf", "x", "y")], r"nn.erf \(in no activation that is known\)"),
        (
            (2, 6),
            [node("Transpose", "x", "y")],
            "returns \\(6, 2\\): no row or image of each example",
        ),
        ((2, 6), [node("Gemm", "x v", "y", transA=1)], r"Gemm \(transA\)"),
        ((2, 6), [node("Split", "x", "y z", axis=1)], "returns|nn.slice|slice"),
        ((2, 4, 6), [node("Slice", "x one_ two_ one_ two_", "y")], r"Slice \(steps of \(2,\)\)"),
        ((2, 4, 6), [node("Gather", "x odd", "y", axis=1)], "indices that do not follow"),
        ((2, 4, 6), [node("Gather", "x outside", "y", axis=1)], "the axis 4 of 4"),
        ((2, 4, 6), [node("Expand", "x two_", "y")], r"broadcast|Expand"),
        ((2, 4, 6), [node("Concat", "x x", "y", axis=2)], "of several values"),
        ((2, 4, 6), [node("Softmax", "x", "y", axis=1)], "Softmax .not over the last axis"),
        ((2, 4, 6), [node("Sqrt", "x", "r"), node("Mul", "x r", "y")], "nn.pow"),
        (
            (2, 4, 6),
            [node("Transpose", "x", "t", perm=[1, 0, 2]), node("Relu", "t", "y")],
            "no row",
        ),
        ((2, 6), [node("MatMul", "v x", "y")], "a constant in the place of a value"),
        ((2, 6), [node("Div", "x x", "y")], r"Div \(by a value\)"),
        ((2, 2, 7, 8), [node("Reshape", "x pairs", "y")], "which is no row, image"),
        ((2, 2, 7, 8), [node("Conv", "x k", "y", dilations=[2, 2])], r"dilations \[2, 2\]"),
        (
            (2, 2, 7, 8),
            [node("MaxPool", "x", "y", kernel_shape=[2])],
            "can not be inferred|MaxPool",
        ),
        (
            (2, 2, 7, 8),
            [node("MaxPool", "x", "y", kernel_shape=[2, 2], pads=[0, 0, 1, 1])],
            "differs between sides",
        ),
        (
            (2, 2, 7, 8),
            [node("AveragePool", "x", "y", kernel_shape=[2, 2], pads=[1, 1, 1, 1])],
            "AveragePool .padding",
        ),
        (
            (2, 2, 7, 8),
            [node("MaxPool", "x", "y", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)],
            "ceil_mode, with windows that are cut off",
        ),
        ((2, 2, 7, 8), [node("GlobalAveragePool", "x", "g"), node("Mul", "x g", "y")], "nn.mul"),
    ],
)
def test_unsupported_operations_are_named(
    model: Model, shape: Shape, nodes: list[Any], message: str
) -> None:
    constants = {
        "one": np.float32(1),
        "half": np.float32(0.5),
        "w": weight(2, 6),
        "v": weight(2, 2),
        "k": weight(2, 2, 2, 2),
        "pairs": np.array([2, 14, 8]),
        "one_": np.array([1]),
        "two_": np.array([2]),
        "odd": np.array([0, 2]),
        "outside": np.array([4]),
    }
    used = {name for each in nodes for name in each.input}
    path = model.write(shape, nodes, **{n: c for n, c in constants.items() if n in used})
    with pytest.raises(UserError, match=message) as refused:
        import_onnx(path, weight(*(int(n) for n in shape)), 3)
    assert "\n" not in str(refused.value)


def test_all_unsupported_operations_are_listed_at_once(model: Model) -> None:
    nodes = [
        node("LeakyRelu", "x", "a"),
        node("MatMul", "a w", "b"),
        node("LeakyRelu", "b", "c"),
        node("Softsign", "c", "d"),
        node("Relu", "d", "y"),
    ]
    with pytest.raises(UserError) as caught:
        import_onnx(model.write(("n", 6), nodes, w=weight(6, 6)), ROWS, 2)
    assert str(caught.value) == (
        "3 operations are not supported: LeakyRelu in a_node, c_node; nearest is Relu | "
        "Softsign in d_node"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (weight(5, 7), r"the input x has shape \(N, 6\), its examples \(5, 7\)"),
        (weight(5), "an input is rows"),
        ({"y": ROWS}, "the inputs are x; there are examples for y"),
        ([ROWS, ROWS], "there are 1 inputs, and examples for 2"),
        (ROWS[:0], "at least one example"),
        (np.ones((5, 6), np.int64), "x has int64 numbers"),
    ],
)
def test_examples_must_be_those_of_the_inputs(model: Model, given: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        import_onnx(mlp(model, "n"), given, 2)


@pytest.mark.parametrize("rows", ["n", 2])
def test_a_proof_is_of_some_examples(model: Model, rows: int | str) -> None:
    with pytest.raises(UserError, match="a function has at least 1 example, got 0"):
        import_onnx(mlp(model, rows), ROWS, 0)


def test_files_must_be_models_of_opset_17_to_20(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="opset 16; export it with opset 17 to 20"):
        import_onnx(mlp(Model(tmp_path, 16), "n"), ROWS, 2)
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(UserError, match="no valid model of ONNX"):
        import_onnx(path, ROWS, 2)
    double = Model(tmp_path).write((2, 6), [node("Relu", "x", "y")], type=TensorProto.DOUBLE)
    with pytest.raises(UserError, match="the input x is DOUBLE"):
        import_onnx(double, ROWS, 2)
