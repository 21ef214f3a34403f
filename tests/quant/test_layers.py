"""Layers of small hand-made functions, and roles."""

from __future__ import annotations

import pytest
from xdsl.dialects.builtin import Float32Type, StringAttr, SymbolRefAttr, TensorType
from xdsl.dialects.test import TestOp as Made
from xdsl.ir import Operation, SSAValue
from zklemma.compiler.analysis.layers import find_layers
from zklemma.compiler.analysis.roles import Roles, role_path
from zklemma.dialects import nn

STREAM = TensorType(Float32Type(), [4, 8])


class Function:
    """Linear layers and sums; ``ops`` begins with what makes the stream."""

    def __init__(self) -> None:
        self.ops: list[Operation] = []
        self.start = self.x = self.add(Made(result_types=[STREAM]))

    def add(self, op: Operation) -> SSAValue:
        self.ops.append(op)
        return op.results[0]

    def param(self, name: str, rows: int = 8) -> SSAValue:
        type = TensorType(Float32Type(), [rows, 8])
        return self.add(nn.ParamOp(type, param=SymbolRefAttr(name), sha256=StringAttr("0" * 64)))

    def linear(self, x: SSAValue, name: str, rows: int = 8) -> SSAValue:
        op = nn.LinearOp(x, self.param(f"{name}.weight", rows))
        return self.add(nn.with_path(op, name))

    def residual(self, name: str) -> None:
        self.x = self.add(nn.AddOp(self.x, self.linear(self.x, name)))


def places(function: Function) -> list[list[int]]:
    """Where the operations of each layer stand, before a head."""
    function.linear(function.x, "head")
    found = find_layers(function.ops, lambda op: op.name)
    return [[function.ops.index(op) for op in layer.ops] for layer in found]


def test_layers_are_the_longest_run_of_the_smallest_part() -> None:
    function = Function()
    for name in "abcd":
        function.residual(name)
    assert places(function) == [[2, 3], [5, 6], [8, 9], [11, 12]]
    roles = Roles(function.ops)
    assert [len(peers) for peers in roles] == [1, 4, 4, 4, 1, 1]
    assert [roles.layer(function.ops[place]) for place in (0, 1, 2, 12)] == [None, 0, 0, 3]


def test_a_sum_before_the_first_layer_is_none() -> None:
    function = Function()
    other = function.add(Made(result_types=[STREAM]))
    function.x = function.add(nn.AddOp(function.x, other))
    for name in "ab":
        function.residual(name)
    assert places(function) == [[4, 5], [7, 8]]


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_repeats(count: int) -> None:
    function = Function()
    for name in "ab"[:count]:
        function.residual(name)
    assert places(function) == []


def test_parts_that_add_nothing_to_a_stream_are_no_layers() -> None:
    function = Function()
    for name in "abc":
        function.x = function.linear(function.x, name)
    assert places(function) == []


def test_a_function_of_any_form_ends() -> None:
    """Many runs of parts that end with sums, none of which are layers, since all read one weight."""
    function = Function()
    weight = function.param("weight", 4)
    for number in range(4000):
        made = nn.AddOp if number % 7 else nn.MulOp
        function.x = function.add(made(function.x, weight))
    assert places(function) == []


def test_parts_that_read_other_values_are_no_layers() -> None:
    function = Function()
    for name, read in (("a", None), ("b", function.start)):
        delta = function.linear(read or function.x, name)
        function.x = function.add(nn.AddOp(function.x, delta))
    assert places(function) == []


@pytest.mark.parametrize(
    ("paths", "path"),
    [
        (["h.0.up", "h.1.up"], "h.{layer}.up"),
        (["layers.0.0.up", "layers.0.1.up"], "layers.0.{layer}.up"),
        (["h.1.up", "h.2.up"], "h.1.up"),
        (["a.up", "b.c.up"], "a.up"),
        (["h.0"], "h.0"),
    ],
)
def test_one_path_stands_for_all_layers(paths: list[str], path: str) -> None:
    assert role_path(paths) == path
