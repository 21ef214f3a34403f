"""Modules of PyTorch as functions: the same numbers, and one line for what can not be one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from xdsl.dialects.builtin import ModuleOp
from zklemma.compiler.frontend.evaluate import evaluate_function
from zklemma.compiler.frontend.function import import_function
from zklemma.dialects import nn
from zklemma.errors import UserError

from .networks import NETWORKS, network

EVERY = pytest.mark.parametrize("name", NETWORKS)


def operations(module: ModuleOp, kind: type) -> list[Any]:
    return [op for op in module.walk() if isinstance(op, kind)]


def outputs(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> list[np.ndarray]:
    with torch.no_grad():
        found = module(*inputs)
    return [each.numpy() for each in (found if isinstance(found, tuple) else (found,))]


@EVERY
@pytest.mark.parametrize("batch", [1, 6])
def test_agrees_with_pytorch(name: str, batch: int) -> None:
    """For a number of examples that is none of those it was traced for."""
    module, inputs = network(name)
    found, weights = import_function(module, inputs, batch)
    names = [op.input_name for op in operations(found, nn.InputOp)]
    assert {nn.shape_of(op.result)[0] for op in operations(found, nn.InputOp)} == {batch}
    given = {n: x.numpy() for n, x in zip(names, inputs, strict=True)}
    actual = evaluate_function(found, given, weights)
    for one, other in zip(actual, outputs(module, inputs), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


@EVERY
def test_only_raised_operations_are_made(name: str) -> None:
    found, _ = import_function(*network(name), 2)
    names = {op.name for op in found.walk()} - {"builtin.module", "func.func", "func.return"}
    assert names <= {op.name for op in nn.RAISED}


@EVERY
def test_the_module_stays_as_it_is(name: str) -> None:
    module, inputs = network(name)
    module.train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    import_function(module, inputs, 2)
    assert module.training
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


def test_weights_have_the_names_and_the_digests_of_what_is_used() -> None:
    module, inputs = network("VGG")
    found, weights = import_function(module, inputs, 2)
    state = module.state_dict()
    params = operations(found, nn.ParamOp)
    assert {op.param_name for op in params} <= set(state)
    for op in params:
        weight = weights(op.param_name)
        assert weight.dtype == np.float32 and weight.shape == nn.shape_of(op.result)
        assert op.sha256.data == hashlib.sha256(weight.tobytes()).hexdigest()
    assert np.array_equal(weights("20.weight"), state["20.weight"].numpy())
    assert not np.array_equal(weights("0.weight"), state["0.weight"].numpy())  # A norm is in it.


def test_a_shared_layer_does_not_take_a_norm_of_one_of_its_uses() -> None:
    class Twice(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(2, 2, 3, padding=1)
            self.norm = torch.nn.BatchNorm2d(2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(torch.relu(self.norm(self.conv(x))))

    module = Twice().eval()
    torch.nn.init.uniform_(module.norm.weight, 0.5, 2.0)
    x = torch.randn(3, 2, 5, 5)
    found, weights = import_function(module, x, 2)
    (actual,) = evaluate_function(found, {"x": x.numpy()}, weights)
    (expected,) = outputs(module, (x,))
    np.testing.assert_allclose(actual, expected, atol=1e-4)
    assert {op.groups.value.data for op in operations(found, nn.Conv2dOp)} == {1, 2}


def test_layers_that_share_weights_take_factors_of_their_own() -> None:
    """A siamese network: the difference has -1 beside the same layer. A norm before one of its uses, too."""

    class Siamese(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 4)
            self.norm = torch.nn.BatchNorm1d(4)

        def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            difference = self.layer(x) - self.layer(y)
            return difference * difference, self.layer(self.norm(torch.relu(x)))

    module = Siamese().eval()
    torch.nn.init.uniform_(module.norm.weight, 0.5, 2.0)
    x, y = torch.randn(3, 4), torch.randn(3, 4)
    found, weights = import_function(module, (x, y), 2)
    actual = evaluate_function(found, {"x": x.numpy(), "y": y.numpy()}, weights)
    for one, other in zip(actual, outputs(module, (x, y)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    names = [op.param_name for op in operations(found, nn.ParamOp)]
    assert names.count("layer.weight") == 1 and len(names) == len(set(names)) == 6
    weight = module.layer.weight.detach().numpy()
    copies = [weights(name) for name in names if name.startswith("layer.weight")]
    assert any(np.array_equal(each, -weight) for each in copies)


class Function(torch.nn.Module):
    """A function of tensors as a module."""

    def __init__(self, function: Callable[..., Any]):
        super().__init__()
        self.function = function
        self.weight = torch.nn.Parameter(torch.randn(4, 4))

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(self, x)


def test_what_changes_in_place_is_read_as_it_is_then() -> None:
    def changed(_: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        y = x + x
        return F.relu(y, inplace=True) + y

    x = torch.randn(3, 4)
    found, weights = import_function(Function(changed), x, 2)
    (actual,) = evaluate_function(found, {"x": x.numpy()}, weights)
    np.testing.assert_allclose(actual, torch.relu(2 * x) * 2, atol=1e-6)


def test_half_precision_weights_are_taken_as_fp32() -> None:
    module, inputs = network("MLP")
    expected = outputs(module.bfloat16().float(), inputs)
    found, weights = import_function(module.bfloat16(), inputs, 2)
    (actual,) = evaluate_function(found, {"input": inputs[0].numpy()}, weights)
    np.testing.assert_allclose(actual, expected[0], atol=1e-4)
    assert next(module.parameters()).dtype == torch.bfloat16


def conv(x: torch.Tensor, **options: Any) -> torch.Tensor:
    return F.conv2d(x, torch.ones(2, 4 // options.get("groups", 1), 3, 3), **options)


IMAGE = (2, 4, 9, 9)


@pytest.mark.parametrize(
    ("function", "operation"),
    [
        (
            lambda _, x: torch.softmax(x, 0),
            "aten.softmax.int .not over the last axis.*leave it out",
        ),
        (lambda _, x: F.log_softmax(x, 1), "aten.log_softmax.int in .*leave it out"),
        (lambda _, x: F.leaky_relu(x), "aten.leaky_relu.default in .*nearest is torch.nn.ReLU"),
        (lambda _, x: F.elu(x, 0.5), r"aten.elu.default \(factors of \[0.5, 1, 1\], not of 1\)"),
        (lambda _, x: F.softplus(x, 2), r"aten.softplus.default \(beta 2"),
        (lambda _, x: x.exp(), "aten.exp.default in .*nearest is torch.nn.Softplus"),
        (lambda _, x: F.hardtanh(x), r"aten.hardtanh.default \(bounds of .*torch.nn.ReLU6"),
        (lambda _, x: F.dropout(x, 0.5), "native_dropout.*dropout with training=self.training"),
        (lambda _, x: x.sum(0, keepdim=True) + x, "aten.sum.dim_IntList"),
        (lambda _, x: x.transpose(0, 1), r"the module returns \(4, 2\)"),
        (lambda _, x: x + 1.0, r"a constant summand \(neither a linear layer nor a convolution"),
        (lambda _, x: x / (x + 2.0), r"aten.div.Tensor \(by a value\)"),
        (lambda _, x: x / 0, r"aten.div.Tensor \(by zero\)"),
        (lambda m, x: x + m.weight[:2], r"nn.add \(operands of \(2, 4\) and"),
        (lambda m, x: F.linear(x, x), r"aten.linear.default \(a value in the place of a weight"),
        (lambda m, x: torch.add(x, x, alpha=2), r"aten.add.Tensor \(extra arguments\)"),
        (lambda m, x: x.view(4, 2), r"the module returns \(4, 2\)"),
        (lambda m, x: F.batch_norm(x, None, None, training=True), "running statistics"),
    ],
)
def test_unsupported_operation_of_rows_is_named(function: Any, operation: str) -> None:
    with pytest.raises(UserError, match=operation):
        import_function(Function(function), torch.ones(3, 4), 2)


@pytest.mark.parametrize(
    ("function", "operation"),
    [
        (lambda _, x: conv(x, dilation=2), r"aten.conv2d.default \(dilation \[2, 2\]\)"),
        (lambda _, x: F.pad(x, (1, 1, 1, 1), "reflect"), "aten.pad.default in"),
        (lambda _, x: F.max_pool2d(x, 2, ceil_mode=True), "its shape is"),
        (lambda _, x: F.max_pool2d(x, 2, dilation=2), r"dilation \[2, 2\]"),
        (lambda _, x: F.avg_pool2d(x, 3, padding=1), r"padding \[1, 1\]"),
        (lambda _, x: F.avg_pool2d(x, 3, divisor_override=2), "a divisor of its own"),
        (lambda _, x: F.adaptive_avg_pool2d(x, 2), r"\(9, 9\) does not divide into \(2, 2\)"),
        (lambda _, x: F.linear(x.flatten(2), torch.ones(3, 81)), r"\(2, 4, 81\), which is no row"),
        (lambda _, x: x.mean(1, keepdim=True).expand(2, 4, 9, 9), r"axes \[1\]"),
        (lambda _, x: x * x.mean((2, 3), keepdim=True), "operands of different shapes"),
    ],
)
def test_unsupported_operation_of_images_is_named(function: Any, operation: str) -> None:
    with pytest.raises(UserError, match=operation):
        import_function(Function(function), torch.ones(IMAGE), 2)


def test_all_unsupported_operations_are_listed_in_one_line() -> None:
    layers = [torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.LeakyReLU()) for _ in range(5)]
    module = torch.nn.Sequential(*layers, torch.nn.LogSigmoid(), torch.nn.LogSoftmax(1))
    with pytest.raises(UserError) as caught:
        import_function(module, torch.ones(3, 4), 2)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(
        "7 operations are not supported: aten.leaky_relu.default in 0.1, 1.1, 2.1, "
    )
    assert (
        "2 more modules; nearest is torch.nn.ReLU or torch.nn.SiLU | aten.log_sigmoid.default in 5 | "
        in text
    )
    assert "aten.log_softmax.int in 6; nearest is leave it out" in text


def test_a_norm_of_rows_needs_a_layer() -> None:
    module = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.BatchNorm1d(4), torch.nn.ReLU())
    with pytest.raises(UserError, match=r"batch_norm \(neither a linear layer nor .* in 1"):
        import_function(module, torch.ones(3, 4), 2)


@pytest.mark.parametrize(
    ("inputs", "batch", "message"),
    [
        (torch.ones(3, 4), 0, "at least 1 example, got 0"),
        (torch.ones(3, 4, 5, 6, 7), 2, r"input 0 has shape \(3, 4, 5, 6, 7\)"),
        (torch.ones(3, 4, dtype=torch.int16), 2, "input 0 has torch.int16 numbers"),
        (torch.ones(3, 4, 5, dtype=torch.int64), 2, "input 0 has torch.int64 numbers"),
        (["text"], 2, "input 0 is no tensor but str"),
        ([torch.ones(3, 4)] * 2, 2, "Function can not be traced: TypeError"),
        (torch.ones(3, 5), 2, "Function can not be traced: RuntimeError"),
    ],
)
def test_inputs_must_be_tensors_of_examples(inputs: Any, batch: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        import_function(Function(lambda m, x: F.linear(x, m.weight)), inputs, batch)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda m, x: m.weight, r"the module returns \(4, 4\)"),
        (lambda m, x: (x, 3), "the module returns other things than tensors"),
    ],
)
def test_outputs_must_be_tensors_of_examples(function: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        import_function(Function(function), torch.ones(3, 4), 4)


def test_every_input_is_read() -> None:
    class Half(torch.nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return x + x

    with pytest.raises(UserError, match="nothing reads the input y"):
        import_function(Half(), [torch.ones(3, 4)] * 2, 2)
