"""Limbs that `widen-limbs` joined: the honest witness satisfies the circuit, and a larger number has no witness."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.context import Context
from zklemma.compiler.emit import emit, param_arrays
from zklemma.compiler.interpret_circuit import check
from zklemma.compiler.pipelines import lower, to_circuit
from zklemma.compiler.running import run_passes
from zklemma.compiler.transforms.widen_limbs import WidenLimbs
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.circuit.program import LAST_LIMB_BITS
from zklemma.runtime.witness.executor import Executor

PROMPT, GENERATED = [3, 17, 5, 0, 39], 4


@pytest.fixture(scope="module")
def widened(model):
    """The circuit, its shape, an honest witness and the tokens."""
    module, weights = model[0].clone(), model[1]
    passes = to_circuit(False)
    every = (WidenLimbs(rows=0) if each.name == WidenLimbs.name else each for each in passes)
    run_passes(Context(), module, tuple(every))
    circuit, program = emit(module)
    params = param_arrays(circuit, weights)
    executor = Executor(circuit, program, params)
    tokens = PROMPT + executor.generate(PROMPT, GENERATED)
    columns = executor.witness(tokens, len(PROMPT), GENERATED)
    return circuit, Generation(len(PROMPT), GENERATED), {**columns, **params}, tokens


def wide(circuit) -> list[str]:
    return [c.name for c in circuit.home("witness") if c.low == 0 and c.high >> LAST_LIMB_BITS]


def test_fewer_columns_hold_the_same_numbers(model, widened) -> None:
    circuit, shape, columns, tokens = widened
    usual, _ = lower(model[0])
    assert not wide(usual) and wide(circuit)
    assert len(circuit.columns) == len(usual.columns) - len(wide(circuit))
    assert len(circuit.lookups) == len(usual.lookups) - len(wide(circuit))
    assert check(circuit, shape, columns, tokens) == []


def test_a_number_beyond_its_bits_is_in_no_table(widened) -> None:
    circuit, shape, columns, tokens = widened
    for name in wide(circuit):
        changed = columns[name].astype(np.int64)
        changed.flat[changed.size // 2] += circuit.column[name].high + 1
        assert f"{name}.range" in check(circuit, shape, columns | {name: changed}, tokens)


def test_another_number_breaks_the_relation_that_rounds(widened) -> None:
    circuit, shape, columns, tokens = widened
    for name in wide(circuit):
        changed = columns[name].astype(np.int64)
        changed.flat[changed.size // 2] ^= 1
        assert any(
            "range" not in each for each in check(circuit, shape, columns | {name: changed}, tokens)
        )
