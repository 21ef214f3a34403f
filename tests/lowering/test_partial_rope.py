"""Heads of which only the first channels are rotated: the honest witness passes, others do not."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xdsl.context import Context
from zklemma.compiler.emit import param_arrays
from zklemma.compiler.interpret_circuit import check
from zklemma.compiler.interpret_quant import interpret
from zklemma.compiler.pipelines import lower
from zklemma.compiler.transforms.batch_decode import BatchDecode
from zklemma.dialects import quant
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.witness.executor import Executor

sys.path.append(str(Path(__file__).parent))
random_quant: Any = import_module("random_quant")

TOKENS, PROMPT, WIDTH, ROTATED = 6, [4, 0, 5], 6, 2
SIZES = random_quant.Sizes(
    tokens=TOKENS,
    vocabulary=7,
    channels=5,
    hidden=4,
    kv=1,
    group=2,
    width=WIDTH,
    layers=1,
    blocks=("attention",),
    norm_at_end=True,
    rounded_product=True,
    rope=True,
    shift=0,
    window=0,
    layer_norms=False,
    positions=False,
    seed=3,
    rotated=True,
)
QUERIES = "layers.0.attention.rms_norm"


class Proved:
    """A function that is executed, at every position."""

    def __init__(self) -> None:
        module, weights = random_quant.function(SIZES)
        self.ropes = [op for op in module.walk() if isinstance(op, quant.RopeOp)]
        self.shift = quant.type_of(self.ropes[0].result).fraction - _rounded(self.ropes[0])
        self.tokens = list(PROMPT)
        for _ in range(2):
            self.tokens.append(int(np.argmax(interpret(module, weights, self.tokens)[-1])))
        BatchDecode(2).apply(Context(), module)
        self.circuit, program = lower(module)
        params = param_arrays(self.circuit, weights)
        executor = Executor(self.circuit, program, params)
        self.generated = executor.generate(PROMPT, 2)
        self.shape = Generation(len(PROMPT), 2)
        witness = executor.witness(self.tokens, len(PROMPT), 2, shape=self.shape)
        self.columns = {**witness, **params}

    def broken(self, columns: dict[str, np.ndarray]) -> list[str]:
        """The relations that columns violate."""
        return check(self.circuit, self.shape, columns, self.tokens)


def _rounded(rope: quant.RopeOp) -> int:
    (use,) = rope.result.uses
    return quant.type_of(use.operation.results[0]).fraction


@pytest.fixture(scope="module")
def proved() -> Proved:
    return Proved()


def test_the_honest_witness_passes(proved: Proved) -> None:
    assert [op.width for op in proved.ropes] == [ROTATED, ROTATED]
    assert proved.generated == proved.tokens[len(PROMPT) :]
    assert proved.broken(proved.columns) == []


def test_what_is_rotated(proved: Proved) -> None:
    bits = {f"{QUERIES}.limb0": 16, f"{QUERIES}.rope.limb0": 14}
    x, y = (proved.columns[name] - 2.0 ** (width - 1) for name, width in bits.items())
    assert x.shape[-1] == y.shape[-1] == WIDTH
    angles = np.arange(y.shape[-2])
    expected = x.copy()
    expected[..., 0] = x[..., 0] * np.cos(angles) - x[..., 1] * np.sin(angles)
    expected[..., 1] = x[..., 1] * np.cos(angles) + x[..., 0] * np.sin(angles)
    expected *= 2.0 ** (16 - proved.shift)
    np.testing.assert_allclose(y, expected, atol=0.51)


@pytest.mark.parametrize("channel", range(WIDTH))
def test_another_rotated_value(proved: Proved, channel: int) -> None:
    changed = proved.columns[f"{QUERIES}.rope.limb0"].astype(np.int64)
    changed[..., 1, channel] += 1
    broken = proved.broken(proved.columns | {f"{QUERIES}.rope.limb0": changed})
    assert f"{QUERIES}.rope.requantize" in broken


def test_a_pair_is_turned_back(proved: Proved) -> None:
    data = dict(proved.circuit.data)
    data["rope.sin"] = -data["rope.sin"]
    circuit = replace(proved.circuit, data=data)
    broken = check(circuit, proved.shape, proved.columns, proved.tokens)
    assert f"{QUERIES}.rope.requantize" in broken
