"""Operations on images against PyTorch's, one by one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from xdsl.dialects.builtin import ModuleOp, StringAttr, SymbolRefAttr, TensorType, f32
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue
from zklemma.compiler.frontend.evaluate import evaluate_function
from zklemma.dialects import nn
from zklemma.errors import UserError

IMAGE = (3, 4, 11, 9)
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=IMAGE).astype(np.float32)


def function(body: Callable[[SSAValue], list[Operation]]) -> ModuleOp:
    """A function of one image."""
    x = nn.InputOp(TensorType(f32, IMAGE), name=StringAttr("x"))
    ops = [x, *body(x.result)]
    block = Block([*ops, ReturnOp(*ops[-1].results)])
    types = [result.type for result in ops[-1].results]
    module = ModuleOp([FuncOp("main", ((), types), Region(block))])
    module.verify()
    return module


def param(name: str, shape: tuple[int, ...]) -> nn.ParamOp:
    type = TensorType(f32, shape)
    return nn.ParamOp(type, param=SymbolRefAttr(name), sha256=StringAttr("0" * 64))


def found(module: ModuleOp, **weights: np.ndarray) -> np.ndarray:
    (result,) = evaluate_function(module, {"x": X}, weights.__getitem__)
    return result


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize(
    ("channels", "kernel", "stride", "padding", "groups"),
    [
        (6, (3, 3), (1, 1), (1, 1), 1),
        (6, (1, 1), (1, 1), (0, 0), 1),
        (6, (3, 2), (2, 1), (0, 1), 1),
        (6, (5, 5), (3, 2), (2, 4), 2),
        (8, (3, 3), (2, 2), (1, 1), 4),
        (1, (11, 9), (1, 1), (0, 0), 1),
    ],
)
def test_convolution(
    channels: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    groups: int,
    biased: bool,
) -> None:
    w = RANDOM.normal(size=(channels, IMAGE[1] // groups, *kernel)).astype(np.float32)
    b = RANDOM.normal(size=channels).astype(np.float32)

    def body(x: SSAValue) -> list[Operation]:
        params = [param("w", w.shape), *([param("b", b.shape)] if biased else [])]
        values = (x, *(each.result for each in params))
        conv = nn.Conv2dOp(*values, stride=stride, padding=padding, groups=groups)
        return [*params, conv]

    tensors = [torch.from_numpy(each) for each in (X, w, b)][: 2 + biased]
    expected = F.conv2d(*tensors, stride=stride, padding=padding, groups=groups)
    np.testing.assert_allclose(found(function(body), w=w, b=b), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        ((2, 2), (2, 2), (0, 0)),
        ((3, 3), (2, 2), (1, 1)),
        ((3, 2), (1, 3), (0, 1)),
        ((11, 9), (1, 1), (0, 0)),
    ],
)
def test_max_pool(
    kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
) -> None:
    module = function(lambda x: [nn.MaxPool2dOp(x, kernel=kernel, stride=stride, padding=padding)])
    expected = F.max_pool2d(torch.from_numpy(X), kernel, stride, padding)
    np.testing.assert_array_equal(found(module), expected)


@pytest.mark.parametrize(
    ("kernel", "stride"), [((2, 2), (2, 2)), ((3, 2), (1, 3)), ((11, 9), (1, 1))]
)
def test_average_pool(kernel: tuple[int, int], stride: tuple[int, int]) -> None:
    module = function(lambda x: [nn.AvgPool2dOp(x, kernel=kernel, stride=stride)])
    expected = F.avg_pool2d(torch.from_numpy(X), kernel, stride)
    np.testing.assert_allclose(found(module), expected, atol=1e-5)


def test_flatten() -> None:
    module = function(lambda x: [nn.FlattenOp(x)])
    np.testing.assert_array_equal(found(module), torch.from_numpy(X).flatten(1))


def test_there_may_be_any_number_of_examples() -> None:
    module = function(lambda x: [nn.FlattenOp(x)])
    for count in (1, 5):
        (result,) = evaluate_function(module, {"x": np.ones((count, *IMAGE[1:]))}, {}.__getitem__)
        assert result.shape == (count, 4 * 11 * 9)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "there is no input x"),
        ({"x": X[:, :, :-1]}, r"the input x has shape \(N, 4, 11, 9\), got \(3, 4, 10, 9\)"),
        ({"x": np.float32(1)}, r"the input x has shape"),
    ],
)
def test_inputs_must_fit(inputs: dict[str, np.ndarray], message: str) -> None:
    module = function(lambda x: [nn.FlattenOp(x)])
    with pytest.raises(UserError, match=message):
        evaluate_function(module, inputs, {}.__getitem__)
