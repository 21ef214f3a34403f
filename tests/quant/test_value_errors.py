"""The errors of values: every operation that has a step of its own is compared, rounded or not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from xdsl.context import Context
from zklemma.compiler.analysis.calibrate import calibrate
from zklemma.compiler.analysis.plan import UNROUNDED
from zklemma.compiler.analysis.sensitivity import sensitivities
from zklemma.compiler.emit import param_arrays
from zklemma.compiler.levels import Level
from zklemma.compiler.pipelines import lower, to_quant
from zklemma.compiler.running import run_passes
from zklemma.compiler.weights import quantized_weights
from zklemma.dialects import nn
from zklemma.dialects.interfaces import Quantised
from zklemma.runtime.witness.executor import Executor
from zklemma.tools.value_errors import value_errors


@pytest.mark.parametrize("without", [(), ("delay-requantize",)], ids=["unrounded", "rounded"])
def test_every_value_is_compared(make_model: Callable, without: tuple[str, ...]) -> None:
    model = make_model(tokens=8, layers=2, windows=(4, 0))
    module = model.module.clone()
    calibrate(module, model.tensor, model.sequences())
    sensitivities(module, model.tensor, np.array(model.sequences(40)))
    planning, converting = to_quant({}, Level(disabled=without))
    run_passes(Context(), module, planning)
    plan = module.clone()
    products = [op for op in plan.walk() if isinstance(op, nn.MulOp)]
    assert all((UNROUNDED in op.attributes) == (not without) for op in products)
    run_passes(Context(), module, converting)
    circuit, program = lower(module)
    executor = Executor(circuit, program, param_arrays(circuit, quantized_weights(model, module)))
    found = value_errors(plan, model.tensor, executor, model.sequences(1)[0])
    wanted = [op for op in plan.walk() if isinstance(op, Quantised) and op.STEP]
    assert len(found) == len(wanted) - 1  # All but the logits, which are no value of the program.
    assert [each.layer for each in found if each.kind == "mul"] == [0, 1]
    assert max(each.error for each in found) < 0.01
