"""Without the masked blocks of attention a circuit is of the same function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from zklemma.compiler.emit import emit, param_arrays
from zklemma.compiler.interpret_circuit import check
from zklemma.compiler.pipelines import to_circuit
from zklemma.compiler.running import run_passes
from zklemma.compiler.transforms.band_attention import BandAttention
from zklemma.compiler.transforms.batch_decode import BatchDecode
from zklemma.compiler.transforms.stack_layers import StackLayers
from zklemma.compiler.weights import quantized_weights
from zklemma.runtime.circuit.band import Band
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.circuit.relations import Circuit
from zklemma.runtime.witness.executor import Executor

TOKENS, PROMPT, GENERATED = 40, 20, 9
SHAPE = Generation(PROMPT, GENERATED)


@pytest.fixture(scope="module")
def models() -> dict:
    return {}


@pytest.fixture(params=[(5, 5, 0), (5, 3, 17)], ids=["causal", "windows"])
def function(request, make_model: Callable, models: dict):
    if request.param not in models:
        model = make_model(tokens=TOKENS, windows=request.param)
        module = model.quantized()
        StackLayers().apply(Context(), module)
        BatchDecode().apply(Context(), module)
        weights = quantized_weights(model, module)
        models[request.param] = module, weights, model.sequences(1)[0][:PROMPT]
    window = max(request.param) if all(request.param) else 0
    return *models[request.param], Band("token", "source", window, 4)


def lowered(module: ModuleOp, without: str = "", private: bool = False):
    passes = [BandAttention(4) if p.name == "band-attention" else p for p in to_circuit(private)]
    made = module.clone()
    run_passes(Context(), made, tuple(p for p in passes if p.name != without))
    return emit(made)


def attention(circuit: Circuit) -> Iterator[str]:
    for column in circuit.committed:
        if {"token", "source"} <= {*column.axes}:
            yield column.name


@pytest.mark.parametrize("private", [False, True], ids=["inputs", "columns"])
def test_the_function_is_the_same(function, private: bool) -> None:
    module, weights, prompt, band = function
    tokens, witnesses = [], []
    shape = Generation(PROMPT + private, GENERATED)
    for without in ("", "band-attention"):
        circuit, program = lowered(module, without, private)
        assert circuit.bands == (() if without else (band,))
        params = param_arrays(circuit, weights)
        executor = Executor(circuit, program, params)
        tokens.append([*prompt, *executor.generate(prompt, GENERATED)])
        witness = executor.witness(tokens[-1], PROMPT, GENERATED, shape=shape)
        read = [] if private else tokens[-1]
        assert check(circuit, shape, {**params, **witness}, read) == []
        witnesses.append(witness)
    assert tokens[0] == tokens[1]
    held, whole = witnesses
    assert len([*attention(circuit)]) == 3
    zeros = 0
    for name, array in held.items():
        changed = array != whole[name]
        assert not array[changed].any()
        zeros += int(changed.sum())
        if name not in attention(circuit):
            assert not changed.any() or name in circuit.defined
    assert zeros


def test_cells_outside_the_band_are_no_part_of_the_witness(function) -> None:
    module, weights, prompt, _ = function
    circuit, program = lowered(module)
    params = param_arrays(circuit, weights)
    executor = Executor(circuit, program, params)
    tokens = [*prompt, *executor.generate(prompt, GENERATED)]
    columns = {**params, **executor.witness(tokens, PROMPT, GENERATED)}
    names = [*attention(circuit)]
    assert len(names) == 3
    for name in names:
        outside, inside = columns[name].astype(np.int64), columns[name].astype(np.int64)
        outside[..., 15, 16] += 1
        assert f"band of {name}" in check(circuit, SHAPE, {**columns, name: outside}, tokens)
        inside[..., 14, 15] += 1
        found = check(circuit, SHAPE, {**columns, name: inside}, tokens)
        assert found and f"band of {name}" not in found


def test_nothing_is_left_out_where_all_cells_count(function) -> None:
    """Where the scores' relation is claimed at all cells; where there is one block; and once is enough."""
    module = function[0]
    assert lowered(module, "virtualize-remainders")[0].bands == ()
    made = module.clone()
    run_passes(Context(), made, to_circuit(False))
    assert emit(made)[0].bands == ()
    run_passes(Context(), made, (BandAttention(4), BandAttention(4)))
    assert len(emit(made)[0].bands) == 1


def test_an_audit_sees_another_band(function) -> None:
    from zklemma.compiler.analysis.compare_circuits import circuit_differences

    circuit, _ = lowered(function[0])
    other = replace(circuit, bands=(Band("token", "source", 2, 4),), data=circuit.data)
    assert any("its bands are" in line for line in circuit_differences(circuit, other))
