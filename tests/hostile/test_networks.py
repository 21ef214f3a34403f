"""Files of networks that ask for too much, or point elsewhere, are refused in a line, before anything grows."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zklemma.compiler.frontend.sources import network_file, read_network
from zklemma.errors import UserError

fuzzing: Any = import_module("fuzzing")
SECONDS = 10.0
MEMORY = 1 << 30
ROWS = np.ones((4, 5), np.float32)


def refused(path: Path) -> str:
    """What is said of a file, in time and little memory."""
    file = network_file(path)
    assert file is not None
    with fuzzing.bounded_memory(MEMORY):
        start = time.process_time()
        with pytest.raises(UserError) as error:
            read_network(file, ROWS, 2)
        assert time.process_time() - start < SECONDS
    text = str(error.value)
    assert "\n" not in text and len(text) < 1000
    return text


# Texts of StableHLO

T = "tensor<1x5xf32>"


def text(*lines: str, result: str = "%arg0", type: str = T) -> str:
    body = "\n".join(lines)
    return (
        f"func.func public @main(%arg0: {T}) -> {type} {{\n{body}\nreturn {result} : {type}\n}}\n"
    )


def calls(count: int, each: int) -> str:
    """Functions that call each other, ``each`` times the one before."""
    found = [text(f"%0 = call @f{count}(%arg0) : ({T}) -> {T}")]
    for number in range(count + 1):
        what = (
            f"call @f{number - 1}(%a) : ({T}) -> {T}" if number else f"stablehlo.add %a, %a : {T}"
        )
        lines = "\n".join(f"%{i} = {what}" for i in range(each if number else 1))
        found.append(
            f"func.func private @f{number}(%a: {T}) -> {T} {{\n{lines}\nreturn %0 : {T}\n}}\n"
        )
    return "".join(found)


def squares(count: int) -> str:
    """Each the square of the one before, and an exponential, which is refused."""
    lines = [f"%s{i + 1} = stablehlo.multiply %s{i}, %s{i} : {T}" for i in range(count)]
    lines.append(f"%y = stablehlo.exponential %s{count} : {T}")
    return text(f"%s0 = stablehlo.tanh %arg0 : {T}", *lines, result="%y")


def views(count: int) -> str:
    """Each without the first position of the one before."""
    types = [f"tensor<1x{count + 1 - i}x5xf32>" for i in range(count + 1)]
    lines = [f"%v0 = stablehlo.broadcast_in_dim %arg0, dims = [0, 2] : ({T}) -> {types[0]}"]
    for i, (before, after) in enumerate(pairwise(types)):
        limits = f"[0:1, 1:{count + 1 - i}, 0:5]"
        lines.append(f"%v{i + 1} = stablehlo.slice %v{i} {limits} : ({before}) -> {after}")
    return text(*lines, result=f"%v{count}", type=types[-1])


def one(what: str, type: str = T) -> str:
    """A text of one operation."""
    return text(f"%y = {what} : ({T}) -> {type}", result="%y", type=type)


ONE = "%1 = stablehlo.constant dense<1.0> : tensor<f32>"
TEXTS: dict[str, tuple[Callable[[], str], str]] = {
    "a constant that is written out": (
        lambda: text("%1 = stablehlo.constant dense<1.0> : tensor<5x300000000xf32>"),
        "a tensor 5x300000000 has more than",
    ),
    "a number that is broadcast": (
        lambda: text(
            ONE,
            "%2 = stablehlo.broadcast_in_dim %1, dims = [] : (tensor<f32>) -> tensor<900x1000000xf32>",
            "%3 = stablehlo.add %2, %2 : tensor<900x1000000xf32>",
        ),
        "a tensor 900x1000000 has more than",
    ),
    "a size of many digits": (
        lambda: text(f"%1 = stablehlo.constant dense<1.0> : tensor<{'9' * 5000}xf32>"),
        "has more than",
    ),
    "calls that double": (lambda: calls(30, 2), "more than 65,536 operations"),
    "a chain of calls": (lambda: calls(300, 1), "nested deeper than 64"),
    "functions": (lambda: calls(5000, 1), "more than 512 functions"),
    "a value that is repeated": (
        lambda: one("stablehlo.broadcast_in_dim %arg0, dims = [0, 1]", "tensor<1x5x40000000xf32>"),
        "a value of 400,000,000 numbers",
    ),
    "squares of squares": (lambda: squares(60), "nn.exp"),
    "views of views": (lambda: views(200), "more than 32 views of one another"),
    "axes twice": (
        lambda: one("stablehlo.transpose %arg0, dims = [0, 0]"),
        "stablehlo.transpose",
    ),
    "a repetition that is none": (
        lambda: one("stablehlo.broadcast_in_dim %arg0, dims = [0, 1]", "tensor<1x10xf32>"),
        "(1, 5) as (1, 10)",
    ),
    "the opposite of a number": (
        lambda: text(
            f"%1 = stablehlo.constant dense<1.0> : {T}",
            f"%2 = stablehlo.not %1 : {T}",
            f"%3 = stablehlo.add %arg0, %2 : {T}",
            result="%3",
        ),
        "stablehlo.not",
    ),
    "a choice by a number": (
        lambda: text(
            f"%1 = stablehlo.constant dense<1.0> : {T}",
            f"%2 = stablehlo.select %1, %arg0, %1 : {T}, {T}",
            result="%2",
        ),
        "by other things than booleans",
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_that_ask_for_too_much(tmp_path: Path, name: str) -> None:
    make, reason = TEXTS[name]
    (tmp_path / "a.mlir").write_text(make())
    assert reason in refused(tmp_path / "a.mlir")


# Files of ONNX


def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> Any:
    return pytest.importorskip("onnx").helper.make_node(kind, inputs, [output], **attributes)


def constant(name: str, numbers: Any) -> Any:
    return pytest.importorskip("onnx").numpy_helper.from_array(np.asarray(numbers), name)


GEMM = ["x", "w"], "y"
WEIGHT = np.ones((3, 5), np.float32)


def model(nodes: list[Any], initializers: list[Any]) -> Any:
    onnx = pytest.importorskip("onnx")
    value, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes, "g", [value("x", kind, ["N", 5])], [value("y", kind, ["N", 3])], initializers
    )
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("own", 1)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)


def made_of(kind: str, inputs: dict[str, Any]) -> Any:
    """A weight that a node makes of a few numbers."""
    nodes = [node(kind, [*inputs], "w"), node("Gemm", *GEMM, transB=1)]
    return model(nodes, [constant(name, numbers) for name, numbers in inputs.items()])


def doubling() -> Any:
    onnx = pytest.importorskip("onnx")
    made = model(
        [node("F40", ["x"], "z", domain="own"), node("Gemm", ["z", "w"], "y", transB=1)], []
    )
    made.graph.initializer.append(constant("w", WEIGHT))
    for number in range(41):
        inner = f"F{number - 1}" if number else "Relu"
        domain = {"domain": "own"} if number else {}
        nodes = [node(inner, ["a"], "c", **domain), node(inner, ["c"], "b", **domain)]
        made.functions.append(
            onnx.helper.make_function("own", f"F{number}", ["a"], ["b"], nodes, made.opset_import)
        )
    return made


def of_examples(count: int) -> Any:
    """A graph for a fixed number of examples, with a view in it."""
    made = model(
        [
            node("Transpose", ["x"], "z", perm=[1, 0]),
            node("Transpose", ["z"], "u", perm=[1, 0]),
            node("Gemm", ["u", "w"], "y", transB=1),
        ],
        [constant("w", WEIGHT)],
    )
    for each in (*made.graph.input, *made.graph.output):
        each.type.tensor_type.shape.dim[0].dim_value = count
    return made


def hidden(count: int) -> Any:
    """A choice that makes much of little."""
    return model(
        [
            node("ConstantOfShape", ["s"], "c"),
            node("Cast", ["c"], "b", to=9),
            node("ConstantOfShape", ["t"], "d"),
            node("Where", ["b", "x", "d"], "u"),
            node("Relu", ["u"], "y"),
        ],
        [constant("s", np.array([count, 1, 1, 1])), constant("t", np.array([count, 1, 1]))],
    )


def elsewhere(location: str, **entries: int) -> Any:
    """A weight whose numbers are in another file."""
    onnx = pytest.importorskip("onnx")
    weight = onnx.TensorProto(
        name="w", data_type=onnx.TensorProto.FLOAT, dims=WEIGHT.shape, data_location=1
    )
    for key, value in {"location": location, **entries}.items():
        weight.external_data.add(key=key, value=str(value))
    return model([node("Gemm", *GEMM, transB=1)], [weight])


SIZES = np.array([300_000_000, 5], np.int64)
MODELS: dict[str, tuple[Callable[[], Any], str]] = {
    "a constant of a shape": (
        lambda: made_of("ConstantOfShape", {"s": SIZES}),
        "a constant of 1,500,000,000 numbers",
    ),
    "a number that is expanded": (
        lambda: made_of("Expand", {"v": np.float32(1), "s": SIZES}),
        "a constant of 1,500,000,000 numbers",
    ),
    "padding": (
        lambda: made_of("Pad", {"v": WEIGHT, "p": np.array([0, 0, 10**9, 0])}),
        "a constant of 5,000,000,015 numbers",
    ),
    "views of many examples": (lambda: of_examples(10**9), "a view of 5,000,000,000 numbers"),
    "a choice that repeats": (lambda: hidden(1 << 18), "Where (that repeats a value)"),
    "functions that double": (doubling, "more than 65,536 nodes"),
    "a file outside of the folder": (
        lambda: elsewhere("../../secret.bin"),
        "outside the directory",
    ),
    "a path from the root": (lambda: elsewhere("/dev/zero"), "absolute path"),
    "a link out of the folder": (lambda: elsewhere("link.bin"), "symbolic link"),
    "a folder that is a link": (lambda: elsewhere("folder/secret.bin"), "outside model directory"),
    "an offset behind the file": (lambda: elsewhere("own.bin", offset=10**12), "exceeds"),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_that_ask_for_too_much_or_point_elsewhere(tmp_path: Path, name: str) -> None:
    make, reason = MODELS[name]
    data = make().SerializeToString()
    folder, other = tmp_path / "a" / "b", tmp_path / "other"
    folder.mkdir(parents=True)
    other.mkdir()
    for secret in (tmp_path / "secret.bin", other / "secret.bin", folder / "own.bin"):
        secret.write_bytes(WEIGHT.tobytes())
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "folder").symlink_to(other)
    (folder / "a.onnx").write_bytes(data)
    assert reason in refused(folder / "a.onnx")
