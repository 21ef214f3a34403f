"""Clean-ups between the passes from `quant` to `circuit` change no integer and no relation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func
from xdsl.parser import Parser
from xdsl.passes import ModulePass
from xdsl.transforms.canonicalize import CanonicalizePass
from xdsl.transforms.common_subexpression_elimination import CommonSubexpressionElimination
from xdsl.transforms.dead_code_elimination import DeadCodeElimination
from zklemma.compiler.emit import emit, param_arrays
from zklemma.compiler.interpret_circuit import check
from zklemma.compiler.levels import Level
from zklemma.compiler.modules import systems
from zklemma.compiler.pipelines import to_circuit
from zklemma.compiler.running import run_passes
from zklemma.compiler.transforms.convert_quant_to_zk import ConvertQuantToZk
from zklemma.dialects import zk
from zklemma.dialects.quant import QUANT, ParamOp, type_of
from zklemma.runtime.circuit.encoding import encode_circuit
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.circuit.program import Program
from zklemma.runtime.witness.executor import Executor

CLEAN_UPS: dict[str, tuple[ModulePass, ...]] = {
    "cse,dce": (CommonSubexpressionElimination(), DeadCodeElimination()),
    "canonicalize": (CanonicalizePass(),),
}
Function = tuple[ModuleOp, dict[str, np.ndarray]]
"""A module and its weights."""
PROMPT, GENERATED = [3, 1, 7], 3


def tensor(*shape: int, bits: int = 16, frac: int = 8) -> str:
    return f"!quant.tensor<{list(shape)}, bits = {bits}, frac = {frac}>"


X, ACC, W, LOGITS = tensor(8, 4), tensor(8, 4, bits=40, frac=16), tensor(4, 4), tensor(6, 4)
# Two equal linear layers, sums and products, and a sum that nothing reads.
REPEATED = f"""
func.func @main() -> {tensor(6, bits=32, frac=0)} {{
  %ids = quant.tokens : {tensor(8, bits=32, frac=0)}
  %table = quant.param ["embed"] offset 0.0 factor 1.0 : {tensor(9, 4)}
  %w = quant.param ["w"] offset 0.0 factor 1.0 : {W}
  %v = quant.param ["v"] offset 0.0 factor 1.0 : {W}
  %x = quant.embed %ids, %table shift 0 : ({tensor(8, bits=32, frac=0)}, {tensor(9, 4)}) -> {X}
  %a0 = quant.matmul %x, %w : ({X}, {W}) -> {ACC}
  %a = quant.requantize %a0 shift 8 : ({ACC}) -> {X}
  %b0 = quant.matmul %x, %w : ({X}, {W}) -> {ACC}
  %b = quant.requantize %b0 shift 8 : ({ACC}) -> {X}
  %p = quant.mul %a, %b : ({X}, {X}) -> {ACC}
  %q = quant.mul %a, %b : ({X}, {X}) -> {ACC}
  %c0 = quant.matmul %p, %v : ({ACC}, {W}) -> {tensor(8, 4, bits=60, frac=24)}
  %c = quant.requantize %c0 shift 16 : ({tensor(8, 4, bits=60, frac=24)}) -> {X}
  %d0 = quant.matmul %q, %v : ({ACC}, {W}) -> {tensor(8, 4, bits=60, frac=24)}
  %d = quant.requantize %d0 shift 16 : ({tensor(8, 4, bits=60, frac=24)}) -> {X}
  %s = quant.add %x, %c : ({X}, {X}) -> {X}
  %t = quant.add %x, %c : ({X}, {X}) -> {X}
  %unread = quant.add %d, %t : ({X}, {X}) -> {X}
  %m0 = quant.mul %s, %t : ({X}, {X}) -> {ACC}
  %m = quant.requantize %m0 shift 8 : ({ACC}) -> {X}
  %last = quant.select %m rows 6 : ({X}) -> {LOGITS}
  %out = quant.argmax %last, %table width 38 : ({LOGITS}, {tensor(9, 4)}) -> {tensor(6, bits=32, frac=0)}
  func.return %out : {tensor(6, bits=32, frac=0)}
}}
"""


@dataclass(frozen=True)
class Lowered:
    """A circuit's bytes, its program, and an honest witness."""

    circuit: bytes
    program: Program
    columns: dict[str, np.ndarray]


def repeated() -> Function:
    context = Context()
    for dialect in (Builtin, Func, QUANT):
        context.load_dialect(dialect)
    module, random = Parser(context, REPEATED).parse_module(), np.random.default_rng(5)
    weights = {
        op.param_names[0]: random.integers(-300, 300, type_of(op.result).shape).astype(np.int16)
        for op in module.walk()
        if isinstance(op, ParamOp)
    }
    return module, weights


def lowered(
    function: Function,
    level: Level,
    private: bool,
    clean_ups: tuple[ModulePass, ...] = (),
) -> Lowered:
    """The module lowered with clean-ups after each pass from `convert-quant-to-zk` on."""
    # The equal operations are to be found on the compute side.
    passes = [each for each in to_circuit(private, level) if each.name != "cse"]
    start = [each.name for each in passes].index(ConvertQuantToZk.name)
    mixed = [each for one in passes[start:] for each in (one, *clean_ups)]
    module, weights = function[0].clone(), function[1]
    run_passes(Context(), module, (*passes[:start], *mixed))
    circuit, program = emit(module)
    params = param_arrays(circuit, weights)
    executor = Executor(circuit, program, params)
    tokens = PROMPT + executor.generate(PROMPT, GENERATED)
    shape = Generation(len(PROMPT) + private, GENERATED)
    columns = executor.witness(tokens, len(PROMPT), GENERATED, shape=shape)
    assert check(circuit, shape, {**columns, **params}, () if private else tokens) == []
    return Lowered(encode_circuit(circuit), program, columns)


@pytest.fixture(scope="module", params=["repeated", "tiny"])
def function(request, model) -> Function:
    return model if request.param == "tiny" else repeated()


@pytest.fixture(scope="module", params=[(Level(), False), (Level(), True), (Level(0), False)])
def plain(request, function) -> tuple[Level, bool, Lowered]:
    level, private = request.param
    return level, private, lowered(function, level, private)


@pytest.mark.parametrize("name", CLEAN_UPS)
def test_clean_ups_are_exact(function, plain, name: str) -> None:
    level, private, expected = plain
    found = lowered(function, level, private, CLEAN_UPS[name])
    assert found.circuit == expected.circuit
    assert found.columns.keys() == expected.columns.keys()
    for column, array in expected.columns.items():
        assert np.array_equal(found.columns[column], array), column


def test_clean_ups_find_what_commits_nothing() -> None:
    """Equal sums and products are made once, what nobody reads is not; what commits columns stays."""
    kinds: dict[str, list[str]] = {}
    for clean_up in (CommonSubexpressionElimination(), DeadCodeElimination()):
        module, _ = repeated()
        run_passes(Context(), module, (ConvertQuantToZk(), clean_up))
        (system,) = systems(module, zk.SystemOp)
        kinds[clean_up.name] = [step.kind for step in system.compute.steps]
    assert [kinds["cse"].count(kind) for kind in ("add", "mul", "matmul")] == [1, 2, 4]
    assert [kinds["dce"].count(kind) for kind in ("add", "mul", "matmul")] == [2, 3, 4]
