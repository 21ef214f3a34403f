"""A product that no column holds: the relation of the linear layer that reads it fixes all three factors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from xdsl.context import Context
from zklemma.compiler.analysis.calibrate import calibrate
from zklemma.compiler.emit import param_arrays
from zklemma.compiler.interpret_circuit import check
from zklemma.compiler.pipelines import TO_QUANT, lower
from zklemma.compiler.transforms.raise_to_nn import RaiseToNN
from zklemma.compiler.weights import quantized_weights
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.witness.executor import Executor

PROMPT, GENERATED = 5, 4


@pytest.fixture
def honest(make_model: Callable):
    model = make_model(tokens=16)
    module = model.module.clone()
    calibrate(module, model.tensor, model.sequences(8))
    for each in TO_QUANT:
        if each.name != RaiseToNN.name:
            each.apply(Context(), module)
    circuit, program = lower(module)
    params = param_arrays(circuit, quantized_weights(model, module))
    executor, prompt = Executor(circuit, program, params), model.sequences(1)[0][:PROMPT]
    tokens = [*prompt, *executor.generate(prompt, GENERATED)]
    columns = executor.witness(tokens, PROMPT, GENERATED)
    return circuit, {**columns, **params}, tokens


RELATION = "mlp.down_proj.requantize"


def test_the_product_has_no_column(honest) -> None:
    circuit, columns, tokens = honest
    assert not any(name.startswith("mlp.mul") for name in circuit.column)
    (relation,) = (each for each in circuit.einsums if each.name == RELATION)
    assert [len(product.factors) for product in relation.products] == [3]
    assert check(circuit, Generation(PROMPT, GENERATED), columns, tokens) == []


@pytest.mark.parametrize(
    "column", ["mlp.act_fn", "mlp.up_proj.limb0", "mlp.down_proj.weight", "mlp.down_proj.limb0"]
)
def test_another_factor_or_result_is_rejected(honest, column: str) -> None:
    circuit, columns, tokens = honest
    array = columns[column].astype(np.int64)
    array[1] += 1  # All of a layer, as the other two factors may be zero in a cell.
    altered = {**columns, column: array}
    assert RELATION in check(circuit, Generation(PROMPT, GENERATED), altered, tokens)
