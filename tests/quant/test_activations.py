"""An activation says one function three times: as the text of a table, in numpy, and as a derivative."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from xdsl.context import Context
from zklemma.compiler.analysis.calibrate import calibrate
from zklemma.compiler.analysis.fidelity import logits_scale
from zklemma.compiler.analysis.sensitivity import sensitivities
from zklemma.compiler.frontend.evaluate import evaluate
from zklemma.compiler.interpret_quant import interpret
from zklemma.compiler.pipelines import to_quant
from zklemma.compiler.running import run_passes
from zklemma.compiler.weights import quantized_weights
from zklemma.dialects import nn, quant, table_expr

X = np.linspace(-9, 9, 4001)
RATIONAL = (nn.HardswishOp, nn.HardsigmoidOp)
"""Sixths of numbers with few fraction bits may be ties, which exact arithmetic decides."""
ACTIVATIONS = pytest.mark.parametrize("op", nn.ACTIVATIONS, ids=lambda op: op.name)


@ACTIVATIONS
@pytest.mark.parametrize(("argument", "result"), [(8, 12), (3, 3), (-2, -1), (9, 5), (-1, -3)])
def test_the_table_is_the_function(op: type[nn.ActivationOp], argument: int, result: int) -> None:
    if result < 0 and op.bound(math.inf) < math.inf:
        pytest.skip("no format of so small numbers")
    low, high = -(1 << 12), 1 << 12
    entries = table_expr.evaluate(op.table(argument, result), low, high)
    exact = op.function(np.arange(low, high) * 2.0**-argument) * 2.0**result
    finer = argument - result if issubclass(op, nn.RectifierOp) else 0
    twice = 2.0 ** -(finer + 1) if finer > 0 else 0
    assert np.max(np.abs(entries - exact)) <= 0.5 + twice + 1e-6


@ACTIVATIONS
def test_the_derivative_is_the_functions(op: type[nn.ActivationOp]) -> None:
    step = 1e-6
    x = X[np.abs(X) > step]  # The positive part has no derivative at 0.
    slope = (op.function(x + step) - op.function(x - step)) / (2 * step)
    np.testing.assert_allclose(op.derivative(x), slope, atol=1e-6)


@ACTIVATIONS
def test_results_stay_below_the_bound_in_the_precision_of_arguments(
    op: type[nn.ActivationOp],
) -> None:
    for magnitude in (0.1, 1.0, 9.0):
        x = (X * magnitude / 9).astype(np.float32)
        found = op.function(x)
        assert found.dtype == op.derivative(x).dtype == np.float32
        assert np.max(np.abs(found)) <= op.bound(magnitude) * (1 + 1e-6)


@ACTIVATIONS
@pytest.mark.parametrize("result", [4, 8])
def test_a_table_of_wide_arguments_needs_no_exact_arithmetic(
    op: type[nn.ActivationOp], result: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the arguments lie where an exponential would be infinite in float64; and where results have fewer
    fraction bits, many are next to ties."""
    if op in RATIONAL:
        pytest.skip("it has no exponential")
    monkeypatch.delattr(table_expr, "_exactly")
    entries = table_expr.evaluate(op.table(6, result), -(1 << 17), 1 << 17)
    ends = op.function(np.array([-(2.0**17), 2**17 - 1]) / 2**6) * 2.0**result
    assert [entries[0], entries[-1]] == np.floor(ends + 0.5).tolist()


@ACTIVATIONS
def test_a_model_with_it_predicts_what_floats_do(
    make_model: Callable, op: type[nn.ActivationOp]
) -> None:
    """No pass and no analysis knows its name."""
    model = make_model(layers=1, windows=(0,), activation=op)
    module = model.module.clone()
    calibrate(module, model.tensor, model.sequences())
    sensitivities(module, model.tensor, np.array(model.sequences(40)))
    run_passes(Context(), module, sum(to_quant({}), ()))
    (table,) = (each for each in module.walk() if isinstance(each, quant.TableOp))
    formats = (quant.type_of(value).fraction for value in (table.x, table.result))
    assert table.table.expression.data == op.table(*formats)
    weights, ids = quantized_weights(model, module), model.sequences(1)[0]
    chosen = interpret(module, weights, ids)
    logits = evaluate(model.module, np.array(ids), model.tensor)
    assert chosen.tolist() == logits[-len(chosen) :].argmax(axis=-1).tolist()
    assert logits_scale(module) > 0
