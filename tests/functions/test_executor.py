"""The executor of functions: outputs and witnesses are what the circuit and arithmetic of its own say."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from mlp import MOST, SIGNATURE, examples, expected, mlp_circuit, mlp_params, mlp_program
from zklemma.compiler.interpret_circuit import check
from zklemma.errors import RangeError, UserError, ZklemmaError
from zklemma.runtime.circuit.function import Batch
from zklemma.runtime.circuit.program import Step
from zklemma.runtime.witness.function_executor import FunctionExecutor

CIRCUIT, PARAMS = mlp_circuit(), mlp_params()
EXECUTOR = FunctionExecutor(CIRCUIT, mlp_program(), PARAMS)


@pytest.mark.parametrize("count", [1, 3, MOST])
def test_outputs_and_witness(count: int) -> None:
    cells = SIGNATURE.quantize(examples(count, seed=count))
    wanted = expected(PARAMS, cells["left"], cells["right"])
    outputs, witness = EXECUTOR.run(cells), EXECUTOR.witness(cells)
    assert set(outputs) == set(wanted)
    for name, array in wanted.items():
        assert (outputs[name] == array).all() and (witness[name] == array).all()
    assert check(CIRCUIT, Batch(count), {**PARAMS, **witness}) == []
    for name, array in witness.items():
        assert array.dtype == CIRCUIT.column[name].storage


def test_an_altered_witness_is_noticed() -> None:
    cells = SIGNATURE.quantize(examples(2))
    witness = EXECUTOR.witness(cells)
    for name, relation in (("left", "first"), ("hidden", "relu"), ("score", "second")):
        altered = witness[name].copy()
        altered.flat[0] += 1
        assert relation in check(CIRCUIT, Batch(2), {**PARAMS, **witness, name: altered})


def test_more_examples_run_than_are_proved() -> None:
    cells = SIGNATURE.quantize(examples(MOST + 1))
    assert len(EXECUTOR.run(cells)["score"]) == MOST + 1
    with pytest.raises(UserError, match=rf"{MOST + 1} examples are too many: .* for {MOST}"):
        EXECUTOR.witness(cells)


def test_a_value_out_of_range_names_module_and_example() -> None:
    cells = SIGNATURE.quantize(examples(3))
    largest = PARAMS["w"][np.abs(PARAMS["w"].astype(int)).sum(axis=1).argmax()]
    wide = {name: array.copy() for name, array in cells.items()}
    for array in wide.values():
        array[1] = np.where(largest > 0, 127, -128)
    with pytest.raises(RangeError, match=r"^first: the output of example 1 is .*\[-128, 127\]"):
        EXECUTOR.run(wide)
    wide = {**cells, "right": cells["right"].copy()}
    wide["right"][2, 0, 0] = 128
    with pytest.raises(RangeError, match=r"^right: the input right of example 2 is 128"):
        EXECUTOR.run(wide)


def test_inputs_that_do_not_fit() -> None:
    cells = SIGNATURE.quantize(examples(3))
    with pytest.raises(UserError, match="the input right is missing"):
        EXECUTOR.run({"left": cells["left"]})
    with pytest.raises(UserError, match="all of one number of examples"):
        EXECUTOR.run({"left": cells["left"], "right": cells["right"][:1]})
    with pytest.raises(UserError, match="all of one number of examples"):
        EXECUTOR.run({})
    with pytest.raises(UserError, match="input left is of another shape"):
        EXECUTOR.run({name: array[:, :1] for name, array in cells.items()})
    with pytest.raises(UserError, match="input left is of another shape"):
        EXECUTOR.run({name: array[:0] for name, array in cells.items()})


def test_programs_that_are_of_no_function() -> None:
    program = mlp_program()
    layered = replace(program, layers=1)
    unknown = replace(program, prologue=(*program.prologue, Step("sort", (), "z", ())))
    for wrong, reason in ((layered, "no layers"), (unknown, "unknown operation sort")):
        with pytest.raises(ZklemmaError, match=reason):
            FunctionExecutor(CIRCUIT, wrong, PARAMS)
    short = replace(program, prologue=program.prologue[:-1])
    with pytest.raises(ZklemmaError, match="makes score"):
        cells = SIGNATURE.quantize(examples(1))
        FunctionExecutor(CIRCUIT, short, PARAMS).witness(cells)
    with pytest.raises(ZklemmaError, match="weight w: missing"):
        FunctionExecutor(CIRCUIT, program, {**PARAMS, "w": np.zeros((1, 1), np.int8)})


@pytest.mark.parametrize("number", range(len(mlp_program().prologue)))
@pytest.mark.parametrize("change", ["left out", "attributes", "inputs", "witness"])
def test_programs_that_anyone_may_have_written(number: int, change: str) -> None:
    """An artifact's program is no part of its key: whatever it is, what is said of it is a line."""
    program = mlp_program()
    steps = [*program.prologue]
    fields = {"attributes": {}, "inputs": (), "witness": {}}
    changed = [] if change == "left out" else [replace(steps[number], **{change: fields[change]})]
    steps[number : number + 1] = changed
    circuit, params, given = mlp_circuit(), mlp_params(), SIGNATURE.quantize(examples(2))
    executor = FunctionExecutor(circuit, replace(program, prologue=tuple(steps)), params)
    for use in (executor.run, executor.witness):
        with suppress(ZklemmaError):
            use(given)
