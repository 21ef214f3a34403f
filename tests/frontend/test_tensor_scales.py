"""Calibrated functions of tensors: every value has a format that holds it, and integers say what floats do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import FloatAttr, ModuleOp, f64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue
from zklemma.compiler.analysis.calibrate import RANGE
from zklemma.compiler.analysis.calibrate_tensors import calibrate_tensors
from zklemma.compiler.analysis.plan import FACTOR, FORMAT
from zklemma.compiler.analysis.tensor_scales import TensorScales
from zklemma.compiler.frontend.evaluate import evaluate_function
from zklemma.compiler.frontend.function import import_function
from zklemma.compiler.pipelines import to_quant
from zklemma.compiler.running import run_passes
from zklemma.compiler.transforms.plan_scales import PlanScales
from zklemma.dialects import nn
from zklemma.dialects.interfaces import KeepsScale, Rounded, Sum
from zklemma.errors import UserError

from .networks import NETWORKS, network

EVERY = pytest.mark.parametrize("name", NETWORKS)


def planned(name: str) -> tuple[ModuleOp, Any, dict[str, np.ndarray]]:
    """A function that went through all passes before `convert-nn-to-quant`, its weights, and examples."""
    module, inputs = network(name, 20)
    found, weights = import_function(module, inputs, 4)
    names = [op.input_name for op in found.walk() if isinstance(op, nn.InputOp)]
    examples = {n: x.numpy() for n, x in zip(names, inputs, strict=True)}
    calibrate_tensors(found, weights, examples)
    run_passes(Context(), found, to_quant({})[0])
    return found, weights, examples


def operations(module: ModuleOp) -> list[Operation]:
    return [op for op in module.walk() if op.results]


def form(value: SSAValue) -> tuple[int, int]:
    found: Any = value.owner.attributes[FORMAT]  # type: ignore[union-attr]
    return found.bits.data, found.frac.data


def frac(value: SSAValue) -> int:
    return form(value)[1]


@EVERY
def test_every_value_has_a_format_and_every_weight_a_factor(name: str) -> None:
    module, _, _ = planned(name)
    for op in operations(module):
        bits, _ = form(op.results[0])
        if isinstance(op, Sum):
            assert bits == max(form(each)[0] for each in op.operands) + 1 <= 17
            assert {frac(each) for each in (*op.operands, op.results[0])} == {frac(op.results[0])}
        elif isinstance(op, KeepsScale):
            assert form(op.results[0]) == form(op.operands[0])
        elif isinstance(op, nn.ParamOp):
            assert op.attributes[FACTOR] == FloatAttr(1.0, f64)
            assert bits <= (24 if len(nn.shape_of(op.result)) == 1 else 16)
        else:
            assert bits <= 16


@EVERY
def test_results_have_no_more_fraction_bits_than_accumulators_below_the_limit(name: str) -> None:
    module, _, _ = planned(name)
    for op in operations(module):
        if not isinstance(op, Rounded) or isinstance(op, nn.ActivationOp | nn.AvgPool2dOp):
            continue
        accumulator = sum(frac(op.operands[index]) for index in op.FACTORS)
        assert frac(op.results[0]) <= accumulator
        if isinstance(op, nn.MulOp):
            continue
        bits = sum(form(op.operands[index])[0] - 1 for index in op.FACTORS)
        largest = math.prod(nn.shape_of(op.operands[1])[1:]) * 2.0**bits
        for bias in op.operands[2:]:
            width, fraction = form(bias)
            assert fraction <= accumulator
            largest += 2.0 ** (width - 1 + accumulator - fraction)
        assert largest < 2.0**62


@EVERY
def test_integers_say_what_floats_do(name: str) -> None:
    """Each value rounded to its format, where it fits, changes the outputs little."""
    module, weights, examples = planned(name)
    expected = evaluate_function(module, examples, weights, np.float64)

    def rounded(op: Operation, value: np.ndarray) -> None:
        bits, fraction = form(op.results[0])
        integers = np.floor(value * 2.0**fraction + 0.5)
        assert np.abs(integers).max() < 2 ** (bits - 1)
        value[...] = integers * 2.0**-fraction

    actual = evaluate_function(module, examples, weights, np.float64, rounded)
    for one, other in zip(actual, expected, strict=True):
        assert np.abs(one - other).max() < 1e-2 * np.abs(other).max()
        assert np.abs(one - other).max() > 0


def test_passes_of_language_models_leave_functions_as_they_are() -> None:
    module, _, _ = planned("ResNet")
    before = str(module)
    (function,) = (op for op in module.ops if isinstance(op, FuncOp))
    scales = TensorScales(function.body.block, PlanScales.headroom)
    assert {op: op.attributes[FORMAT] for op in operations(module)} == {
        op: scales.format(op) for op in scales.ops
    }
    run_passes(Context(), module, to_quant({})[0])
    assert str(module) == before


def test_biases_and_sums_of_other_sizes_lower_what_they_meet() -> None:
    """A large bias, weights that hardly count, and a sum of one value and a much smaller one."""
    module, _, _ = planned("ResNet")
    last = [op for op in operations(module) if isinstance(op, nn.Conv2dOp)][2]
    for operand, magnitude in zip(last.operands[1:], (2.0**-70, 2.0**10), strict=True):
        operand.owner.attributes[RANGE] = FloatAttr(magnitude, f64)  # type: ignore[union-attr]
    last.attributes[RANGE] = FloatAttr(2.0**-9, f64)
    PlanScales().apply(Context(), module)
    accumulator = frac(last.x) + frac(last.w)
    width, fraction = form(last.operands[2])
    assert fraction <= accumulator <= 60 - 10
    assert width - 1 + accumulator - fraction <= 60
    (total,) = (use.operation for use in last.result.uses)
    assert form(last.result)[0] < 8  # It is so small beside the other.
    assert form(total.results[0])[0] == 17


def test_chains_of_sums_leave_bits_to_each_other() -> None:
    module, inputs = network("MLP")
    found, weights = import_function(module, inputs, 2)
    (end,) = (op for op in found.walk() if isinstance(op, ReturnOp))
    value = end.operands[0]
    for _ in range(3):
        op = nn.AddOp(value, value)
        end.parent.insert_op_before(op, end)  # type: ignore[union-attr]
        value = op.result
    end.operands = [value]
    calibrate_tensors(found, weights, {"input": inputs[0].numpy()})
    PlanScales().apply(Context(), found)
    sums = [op for op in found.walk() if isinstance(op, Sum)]
    assert [form(op.results[0])[0] for op in sums] == [15, 16, 17]


def test_a_weight_of_zeros_has_a_format() -> None:
    module, inputs = network("MLP")
    for each in module.parameters():
        each.data.zero_()
    found, weights = import_function(module, inputs, 2)
    calibrate_tensors(found, weights, {"input": inputs[0].numpy()})
    PlanScales().apply(Context(), found)
    assert all(FORMAT in op.attributes for op in operations(found))


ROWS = np.ones((3, 12), np.float32)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "needs examples for input"),
        ({"image": ROWS}, "needs examples for input"),
        ({"input": ROWS[:0]}, "at least one example"),
        ({"input": []}, "tensors of one shape but for their examples for input"),
        ({"input": [ROWS, ROWS[:, :-1]]}, "tensors of one shape but for their examples"),
        ({"input": ROWS[:, :-1]}, r"the input input has shape \(N, 12\)"),
        ({"input": ROWS * np.inf}, "not finite in fp32"),
    ],
)
def test_calibration_needs_examples(inputs: Any, message: str) -> None:
    found, weights = import_function(*network("MLP"), 2)
    with pytest.raises(UserError, match=message):
        calibrate_tensors(found, weights, inputs)


def test_several_tensors_are_calibrated_on_as_one() -> None:
    found, weights = import_function(*network("MLP"), 2)
    many = np.random.default_rng(0).normal(size=(40, 12)).astype(np.float32)
    calibrate_tensors(found, weights, {"input": many})
    text = str(found)
    calibrate_tensors(found, weights, {"input": [many[:7], many[7:]]})
    assert str(found) == text


def test_ranges_are_needed() -> None:
    found, _ = import_function(*network("MLP"), 2)
    with pytest.raises(UserError, match=r"has no quant\.range; calibrate the module first"):
        PlanScales().apply(Context(), found)
