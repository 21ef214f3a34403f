"""Each optimisation can be left out: the honest witness satisfies what is left, and no other does."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from zklemma.compiler.analysis.requantise import requantise
from zklemma.compiler.emit import emit, param_arrays
from zklemma.compiler.families.gemma3 import GEMMA3
from zklemma.compiler.interpret_circuit import Evaluator, check
from zklemma.compiler.levels import HIGHEST, OPTIMISATIONS, Level
from zklemma.compiler.pipelines import (
    PIPELINE,
    CompileToCircuit,
    compile_passes,
    level_of,
    lower,
    set_level,
    to_circuit,
)
from zklemma.compiler.published import publish, read_function, write_function
from zklemma.compiler.running import pipeline_text, run_passes
from zklemma.compiler.transforms.registry import PASSES
from zklemma.compiler.transforms.stack_layers import StackLayers
from zklemma.dialects.quant import ParamOp
from zklemma.errors import UserError
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.circuit.relations import Circuit
from zklemma.runtime.witness.executor import Executor

GENERATED = 4
PROMPTS = {False: [3, 17, 5, 0, 39], True: [6, 7, 28, 37, 11]}
OF_CIRCUITS = [each for each in OPTIMISATIONS if each in map(lambda p: p.name, to_circuit(False))]
NONE = Level(0)


def witness_at(
    module: ModuleOp, weights: dict[str, np.ndarray], level: Level, private: bool = False
) -> tuple[Circuit, Generation, dict[str, np.ndarray], list[int]]:
    """A model's circuit at a level with an honest witness; what it generates is the same at all."""
    module = module.clone()
    set_level(module, level)
    circuit, program = lower(module, private)
    params = param_arrays(circuit, weights)
    executor, prompt = Executor(circuit, program, params), PROMPTS[private]
    tokens = prompt + executor.generate(prompt, GENERATED)
    shape = Generation(len(prompt) + 2 * private, GENERATED)
    columns = executor.witness(tokens, len(prompt), GENERATED, shape=shape)
    return circuit, shape, {**columns, **params}, tokens


@pytest.fixture(scope="module")
def usual(model) -> list[int]:
    return witness_at(model[0], model[1], Level())[-1]


LEVELS = [NONE, *(Level(disabled=(name,)) for name in OF_CIRCUITS)]


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_the_honest_witness_satisfies_every_level(model, usual, level: Level) -> None:
    circuit, shape, columns, tokens = witness_at(model[0], model[1], level)
    assert tokens == usual
    assert check(circuit, shape, columns, tokens) == []


@pytest.mark.parametrize("level", [NONE, Level(disabled=("virtualize",))], ids=str)
def test_private_tokens(model, level: Level) -> None:
    circuit, shape, columns, _ = witness_at(model[0], model[1], level, private=True)
    assert check(circuit, shape, columns) == []


def test_a_committed_definition_holds_its_column(model) -> None:
    """Altered anywhere, each column that is left virtual breaks the relation that defines it."""
    circuit, shape, columns, tokens = witness_at(
        model[0], model[1], Level(disabled=("virtualize",))
    )
    defined = [r.name.removesuffix(".define") for r in circuit.linears if ".define" in r.name]
    assert {"residual", "residual.out", "embed_tokens", "self_attn.q_proj"} <= set(defined)
    for linear in circuit.linears:
        name = linear.name.removesuffix(".define")
        if name in defined:
            for change in (1, -1, 1 << 16):
                array = columns[name].astype(np.int64)
                array[tuple(size - 1 for size in array.shape)] += change
                altered = Evaluator(circuit, shape, {**columns, name: array}, np.array(tokens))
                assert np.count_nonzero(altered.expr(linear.expr)) == 1


def test_a_table_of_its_own_holds_a_range(model) -> None:
    circuit, shape, columns, tokens = witness_at(
        model[0], model[1], Level(disabled=("merge-tables",))
    )
    name = "self_attn.scores.rem0"
    array = columns[name].astype(np.int64)
    array[0, 0, 0, 0, 0] = circuit.column[name].high + 1
    assert f"{name}.range" in check(circuit, shape, {**columns, name: array}, tokens)
    tables = [lookup.table for lookup in circuit.lookups]
    assert len(set(tables)) == len(tables) == len(circuit.tables)


@pytest.fixture(scope="module")
def single_layers(model) -> tuple[ModuleOp, ModuleOp, dict[str, np.ndarray]]:
    """A function with a stack and the same without one, and weights for both."""
    module, weights = model
    raised = GEMMA3.read(publish(module)).module(16)
    stacked = requantise(raised, module)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StackLayers, "apply", lambda *arguments: None)
        single = requantise(raised, module)
    found = dict(weights)
    for op in module.walk():
        if isinstance(op, ParamOp) and op.stacked:
            found |= zip(op.param_names, weights[op.param_names[0]], strict=True)
    return stacked, single, found


@pytest.mark.parametrize("level", [Level(1), Level(disabled=("virtualize",))], ids=str)
def test_single_layers_are_the_stack(model, single_layers, level: Level) -> None:
    function, single, weights = single_layers
    circuit, shape, columns, tokens = witness_at(single, weights, level)
    assert circuit.axis["layer"].size == 1
    assert check(circuit, shape, columns, tokens) == []
    _, _, stacked, same = witness_at(function, model[1], level)
    assert same == tokens
    for name in ("self_attn.softmax.e", "mlp.down_proj.limb0", "self_attn.k_norm.rope.limb0"):
        for layer in range(len(stacked[name])):
            assert np.array_equal(columns[f"layers.{layer}.{name}"], stacked[name][layer])


def test_single_layers_have_weights_of_their_own(single_layers) -> None:
    _, single, weights = single_layers
    circuit, shape, columns, tokens = witness_at(single, weights, Level())
    name = "layers.1.self_attn.q_proj.weight"
    array = columns[name].astype(np.int64)
    array[(0,) * array.ndim] += 1
    violated = check(circuit, shape, {**columns, name: array}, tokens)
    assert violated == ["layers.1.self_attn.q_proj.requantize"]


def test_levels_are_what_they_say() -> None:
    names = {level: [p.name for p in compile_passes(Level(level))] for level in range(3)}
    assert not set(names[0]) & set(OPTIMISATIONS)
    left_out = set(names[HIGHEST]) - set(names[1])
    assert left_out == {"equalize-layers", "delay-requantize", "choose-bits"}
    assert set(OPTIMISATIONS) < set(names[HIGHEST])
    assert [p.name for p in CompileToCircuit(level=0).parts()] == names[0]


@pytest.mark.parametrize("name", [n for n in PASSES if n not in OPTIMISATIONS])
def test_what_is_no_optimisation_has_to_run(name: str) -> None:
    with pytest.raises(UserError, match=f"^{name} can not be left out: it is "):
        Level(disabled=(name,))


def test_unknown_levels_and_passes() -> None:
    with pytest.raises(UserError, match=r"^-O3: the levels are -O0 to -O2$"):
        Level(3)
    with pytest.raises(UserError, match=r"^no pass virtualise; did you mean virtualize\?"):
        Level(disabled=("virtualise",))


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_a_function_says_its_pipeline(model, level: Level) -> None:
    module = publish(model[0])
    set_level(module, level)
    read = read_function(write_function(module))
    assert pipeline_text(to_circuit(False, level_of(read))) == pipeline_text(
        to_circuit(False, level)
    )
    plain = pipeline_text(to_circuit(False, level)) == pipeline_text(to_circuit(False))
    assert (PIPELINE in module.attributes) != plain
    set_level(module, Level())
    assert write_function(module) == write_function(publish(model[0]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cse",
        pipeline_text(to_circuit(False)),
        pipeline_text(to_circuit(True, NONE)),
        pipeline_text(to_circuit(False, NONE)).replace("bound-relations,", ""),
        pipeline_text(to_circuit(False, NONE)) + ",cse",
    ],
)
def test_other_pipelines_are_refused(model, text: str) -> None:
    module = model[0].clone()
    module.attributes[PIPELINE] = StringAttr(text)
    with pytest.raises(UserError, match="none of this compiler's pipelines"):
        level_of(module)


def test_too_many_tables_for_a_key(model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zklemma.compiler.emit.MOST_CELLS", 1 << 20)
    module = model[0].clone()
    run_passes(Context(), module, to_circuit(False, NONE))
    with pytest.raises(UserError, match=r"^the tables have .* cells, more than .* merge-tables"):
        emit(module)
