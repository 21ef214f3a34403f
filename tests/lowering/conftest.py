"""A small quantised model (three layers, two key/value heads, window 3), lowered and executed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func
from xdsl.parser import Parser
from zklemma.compiler.emit import param_arrays
from zklemma.compiler.pipelines import lower
from zklemma.dialects.circuit import CIRCUIT
from zklemma.dialects.field import FIELD
from zklemma.dialects.quant import QUANT, ParamOp, type_of
from zklemma.dialects.zk import ZK
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.circuit.program import Program
from zklemma.runtime.circuit.relations import Circuit
from zklemma.runtime.witness.executor import Executor

PROMPT = [3, 17, 5, 0, 39]
# A text of eleven different tokens, for what moves tokens about.
VARIED = [6, 7, 28, 37, 11]
GENERATED = 6


def parse(text: str) -> tuple[Context, ModuleOp]:
    """A module with all dialects of this package loaded."""
    context = Context()
    for dialect in (Builtin, Func, QUANT, ZK, FIELD, CIRCUIT):
        context.load_dialect(dialect)
    return context, Parser(context, text).parse_module()


def tiny_module(shift: int = 6) -> tuple[Context, ModuleOp]:
    """The quantised model as text beside this file, whose embedding's rows are shifted by so much; its weights are
    `random_weights`."""
    text = (Path(__file__).parent / "tiny.mlir").read_text()
    table = "[40, 16], bits = 16, frac = "
    text = text.replace(f"{table}13", f"{table}{19 - shift}")
    return parse(text.replace("quant.embed %0, %1 shift 6", f"quant.embed %0, %1 shift {shift}"))


def random_weights(module: ModuleOp) -> dict[str, np.ndarray]:
    """Integer weights of the distribution that the module's scales were calibrated for."""
    random, weights = np.random.default_rng(1), {}
    for op in module.walk():
        if isinstance(op, ParamOp):
            type, name = type_of(op.result), op.param_names[0]
            spread = 0.3 if "norm" in name else type.shape[-1] ** -0.5
            real = op.offset.value.data + random.normal(size=type.shape) * spread
            integers = np.rint(real * op.factor.value.data * 2.0**type.fraction)
            weights[name] = np.clip(integers, -type.bound, type.bound - 1).astype(np.int16)
    return weights


@dataclass(frozen=True)
class Run:
    circuit: Circuit
    program: Program
    shape: Generation
    tokens: list[int]
    columns: dict[str, np.ndarray]

    @property
    def params(self) -> dict[str, np.ndarray]:
        return {column.name: self.columns[column.name] for column in self.circuit.home("param")}


def execute(
    prompt: list[int], shape: Generation, private_tokens: bool, module: ModuleOp | None = None
) -> Run:
    """The small model's circuit, or that of a module with its weights, with an honest witness."""
    _, model = tiny_module()
    circuit, program = lower(module or model, private_tokens)
    params = param_arrays(circuit, random_weights(model))
    executor = Executor(circuit, program, params)
    tokens = prompt + executor.generate(prompt, GENERATED)
    witness = executor.witness(tokens, len(prompt), GENERATED, shape=shape)
    return Run(circuit, program, shape, tokens, {**witness, **params})


@pytest.fixture(scope="session")
def run() -> Run:
    """With prompt and output as inputs."""
    return execute(PROMPT, Generation(len(PROMPT), GENERATED), private_tokens=False)


@pytest.fixture(scope="session")
def private_run() -> Run:
    """With prompt and output as columns, in a proof of three prompt tokens more."""
    return execute(VARIED, Generation(len(VARIED) + 4, GENERATED), private_tokens=True)


@pytest.fixture(scope="session", params=[False, True], ids=["public", "private"])
def rounded_run(request: pytest.FixtureRequest) -> Run:
    """With rows of the embedding that lose three bits; prompt and output as inputs, and as columns."""
    _, module = tiny_module(shift=-3)
    shape = Generation(len(VARIED) + request.param, GENERATED)
    return execute(VARIED, shape, request.param, module)


@pytest.fixture(scope="session")
def rounded_model() -> tuple[ModuleOp, dict[str, np.ndarray]]:
    """That of `rounded_run`, and its weights."""
    _, module = tiny_module(shift=-3)
    return module, random_weights(tiny_module()[1])


@pytest.fixture(scope="session")
def model() -> tuple[ModuleOp, dict[str, np.ndarray]]:
    """The small model and its weights."""
    _, module = tiny_module()
    return module, random_weights(module)
