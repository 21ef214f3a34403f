"""Every pass from `quant` downward preserves every integer of random small models, with clean-ups between."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.transforms.canonicalize import CanonicalizePass
from xdsl.transforms.common_subexpression_elimination import CommonSubexpressionElimination
from xdsl.transforms.dead_code_elimination import DeadCodeElimination
from zklemma.compiler.emit import emit, param_arrays
from zklemma.compiler.interpret_quant import interpret
from zklemma.compiler.levels import Level
from zklemma.compiler.pipelines import to_circuit
from zklemma.compiler.running import run_passes
from zklemma.compiler.transforms.batch_decode import BatchDecode
from zklemma.compiler.transforms.bound_relations import BoundRelations
from zklemma.compiler.transforms.dedup_lookups import DedupLookups
from zklemma.compiler.transforms.lower_zk_to_circuit import LowerZkToCircuit
from zklemma.compiler.transforms.merge_tables import MergeTables
from zklemma.compiler.transforms.pack_columns import PackColumns
from zklemma.compiler.transforms.stack_layers import StackLayers
from zklemma.compiler.transforms.virtualize import Virtualize
from zklemma.compiler.transforms.virtualize_remainders import VirtualizeRemainders
from zklemma.dialects.quant import ParamOp
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.witness.executor import Executor

sys.path.append(str(Path(__file__).parent))
both: Any = import_module("both")
random_quant: Any = import_module("random_quant")
Weights = dict[str, np.ndarray]

CLEAN_UPS = (CanonicalizePass(), CommonSubexpressionElimination(), DeadCodeElimination())
OF_ZK = (Virtualize(), DedupLookups(), MergeTables())
"""Each can stand anywhere between `bound-relations` and the circuit, or nowhere."""
OF_CIRCUITS = (VirtualizeRemainders(1 << 30), PackColumns())
"""Likewise, after it."""


def weights_of(module: ModuleOp, single: Weights) -> Weights:
    """By the names that a module has for them: a stack's are those of its layers."""
    found = dict(single)
    for op in module.walk():
        if isinstance(op, ParamOp) and op.stacked:
            found[op.param_names[0]] = np.stack([single[name] for name in op.param_names])
    return found


def run(data: st.DataObject, module: ModuleOp, *passes: ModulePass) -> ModuleOp:
    """A copy of the module after passes, with drawn clean-ups after each."""
    module = module.clone()
    for each in passes:
        drawn = data.draw(st.lists(st.sampled_from(CLEAN_UPS), max_size=2))
        run_passes(Context(), module, (each, *drawn))
    return module


@given(random_quant.SIZES, st.data())
# An example is small as it is: to shrink it takes minutes.
@settings(max_examples=6, deadline=None, derandomize=True, phases=[Phase.generate])
def test_every_integer_is_preserved(sizes: Any, data: st.DataObject) -> None:
    module, single = random_quant.function(sizes)
    module.verify()
    count = data.draw(st.integers(1, sizes.tokens - 1))
    length, ids = sizes.tokens - count, st.integers(0, sizes.vocabulary - 1)
    prompt = data.draw(st.lists(ids, min_size=length, max_size=length))
    tokens = list(prompt)
    for _ in range(count):
        tokens.append(int(np.argmax(interpret(module, single, tokens)[-1])))
    logits = interpret(module, single, tokens[:-1])

    cleaned = run(data, module, *data.draw(st.lists(st.sampled_from(CLEAN_UPS), max_size=2)))
    assert np.array_equal(interpret(cleaned, single, tokens[:-1]), logits)
    stacked = run(data, cleaned, StackLayers()) if data.draw(st.booleans()) else cleaned
    weights = weights_of(stacked, single)
    assert np.array_equal(interpret(stacked, weights, tokens[:-1]), logits)
    batched = run(data, stacked, BatchDecode(count))
    assert interpret(batched, weights, tokens[:-1]).tolist() == tokens[len(prompt) :]

    expected = witness(run_level_zero(batched), weights, prompt, tokens)
    passes = to_circuit(False, Level(0))
    at = [each.name for each in passes].index(BoundRelations.name) + 1
    lowering = [each.name for each in passes].index(LowerZkToCircuit.name)
    of_zk = data.draw(st.lists(st.sampled_from(OF_ZK), unique=True))
    of_circuits = data.draw(st.lists(st.sampled_from(OF_CIRCUITS), unique=True))
    circuit = run(
        data,
        batched,
        *passes[:at],
        *of_zk,
        *passes[at : lowering + 1],
        *of_circuits,
        *passes[lowering + 1 :],
    )
    found = witness(circuit, weights, prompt, tokens)
    for name in expected.keys() & found.keys():
        assert np.array_equal(found[name], expected[name]), name
    assert expected.keys() >= found.keys()


def run_level_zero(module: ModuleOp) -> ModuleOp:
    """A circuit that no optimisation has made."""
    module = module.clone()
    run_passes(Context(), module, to_circuit(False, Level(0)))
    return module


def witness(
    module: ModuleOp, weights: Weights, prompt: list[int], tokens: list[int]
) -> dict[str, np.ndarray]:
    """The columns that a circuit's program makes, which satisfy it; it generates the same tokens."""
    circuit, program = emit(module)
    params = param_arrays(circuit, weights)
    executor = Executor(circuit, program, params)
    count = len(tokens) - len(prompt)
    assert executor.generate(prompt, count) == tokens[len(prompt) :]
    shape = Generation(len(prompt), count)
    columns = executor.witness(tokens, len(prompt), count, shape=shape)
    both.check_both(circuit, shape, columns, params, tokens)
    return columns
