"""The executor on the lowered circuit gives the integers of the reference interpreter."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.context import Context
from zklemma.compiler.emit import param_arrays
from zklemma.compiler.interpret_quant import interpret
from zklemma.compiler.pipelines import lower
from zklemma.compiler.transforms.batch_decode import BatchDecode
from zklemma.compiler.transforms.stack_layers import StackLayers
from zklemma.compiler.weights import quantized_weights
from zklemma.runtime.witness.executor import Executor


@pytest.mark.parametrize(
    "options",
    [{}, {"kv": 1}, {"kv": 4, "heads": 4}, {"layers": 1, "windows": (3,)}, {"outliers": 100.0}],
    ids=lambda options: ",".join(options) or "plain",
)
def test_logits_are_those_of_the_interpreter(make_model, options) -> None:
    model = make_model(**options)
    module = model.quantized()
    batched = module.clone()
    StackLayers().apply(Context(), batched)
    BatchDecode().apply(Context(), batched)
    weights = quantized_weights(model, batched)
    circuit, program = lower(batched)
    executor = Executor(circuit, program, param_arrays(circuit, weights))
    for ids in (model.sequences(1)[0], [3], [0, 39, 7]):
        expected = interpret(module, quantized_weights(model, module), ids)
        assert np.array_equal(executor.logits(ids), expected)
    prompt = model.sequences(1)[0][:4]
    generated = executor.generate(prompt, 5)
    assert np.array_equal(
        interpret(batched, weights, [*prompt, *generated[:-1]], rows=5), generated
    )
