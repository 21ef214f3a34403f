"""Layer norms and embeddings of positions in circuits: the honest witness passes, others do not."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, i64
from zklemma.compiler.analysis.stream_bounds import mean_bits, square_limits
from zklemma.compiler.emit import param_arrays
from zklemma.compiler.interpret_circuit import check
from zklemma.compiler.modules import main_function
from zklemma.compiler.pipelines import lower
from zklemma.compiler.transforms.batch_decode import BatchDecode
from zklemma.dialects import quant
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.circuit.relations import Circuit
from zklemma.runtime.witness.executor import Executor

sys.path.append(str(Path(__file__).parent))
random_quant: Any = import_module("random_quant")

TOKENS, CHANNELS, PROMPT = 6, 5, 3
SIZES = random_quant.Sizes(
    tokens=TOKENS,
    vocabulary=7,
    channels=CHANNELS,
    hidden=4,
    kv=1,
    group=1,
    width=4,
    layers=1,
    blocks=("linear",),
    norm_at_end=True,
    rounded_product=True,
    rope=False,
    shift=0,
    window=0,
    layer_norms=True,
    positions=True,
    seed=3,
)
CENTER = "layers.0.linear.center"


@dataclass(frozen=True)
class Proved:
    circuit: Circuit
    shape: Generation
    tokens: list[int]
    columns: dict[str, np.ndarray]

    def broken(self, **changed: np.ndarray) -> list[str]:
        """The relations that other columns violate."""
        columns = self.columns | {name.replace("__", "."): array for name, array in changed.items()}
        return check(self.circuit, self.shape, columns, self.tokens)

    def changed(self, name: str, cell: tuple[int, ...], change: int) -> dict[str, np.ndarray]:
        array = self.columns[name].astype(np.int64)
        array[cell] += change
        return {name.replace(".", "__"): array}


@pytest.fixture(scope="module", params=[False, True], ids=["tokens as inputs", "private tokens"])
def proved(request: pytest.FixtureRequest) -> Proved:
    module, weights = random_quant.function(SIZES)
    BatchDecode().apply(Context(), module)
    circuit, program = lower(module, request.param)
    params = param_arrays(circuit, weights)
    executor, prompt = Executor(circuit, program, params), [4, 0, 5]
    tokens = prompt + executor.generate(prompt, 2)
    shape = Generation(PROMPT + request.param, 2)
    witness = executor.witness(tokens, PROMPT, 2, shape=shape)
    return Proved(circuit, shape, [] if request.param else tokens, witness | params)


def test_the_honest_witness_passes(proved: Proved) -> None:
    assert proved.broken() == []


@pytest.mark.parametrize("change", [1, -1])
def test_another_mean(proved: Proved, change: int) -> None:
    """That it is the rounded one says the relation of its rounding; the norm squares another row then as well."""
    broken = proved.broken(**proved.changed(f"{CENTER}.mean.limb0", (1,), change))
    assert f"{CENTER}.mean.requantize" in broken


def test_a_mean_one_less_with_a_larger_remainder(proved: Proved) -> None:
    """It fits the relation of the rounding, so that only the remainder's range is in its way: in the last limb of
    it, the next norm's squares being made to fit."""
    names = [name for name in proved.columns if name.startswith(f"{CENTER}.mean.rem")]
    low = proved.columns[f"{CENTER}.mean.limb0"]
    cell = tuple(np.argwhere(low > 0)[0])
    changes = proved.changed(f"{CENTER}.mean.limb0", cell, -1)
    changes |= proved.changed(names[-1], cell, 1 << (30 - 16 * (len(names) - 1)))
    broken = proved.broken(**changes)
    assert f"{names[-1]}.range" in broken
    assert f"{CENTER}.mean.requantize" not in broken


def test_another_row_of_positions(proved: Proved) -> None:
    """Of the table just those count that there are positions for, from the offset on."""
    for row in range(len(proved.columns["embed_positions.table.weight"])):
        change = proved.changed("embed_positions.table.weight", (row, 2), 1)
        assert bool(proved.broken(**change)) == (2 <= row < 2 + proved.shape.rows)


def test_another_bias(proved: Proved) -> None:
    for path in ("layers.0.linear.norm", "norm.norm"):
        change = proved.changed(f"{path}.bias.weight", (1,), 1)
        assert proved.broken(**change)


def test_bounds_of_a_stream_that_is_centred() -> None:
    """They are those of the stream and a row of means, as no norm here proves less than the embeddings."""
    module, _ = random_quant.function(SIZES)
    block = main_function(module).body.block
    limits = square_limits(block)
    norms = [op for op in block.ops if isinstance(op, quant.RmsNormOp)]
    centers = [op for op in block.ops if isinstance(op, quant.CenterOp)]
    assert [*limits] == norms and [op.x.owner for op in norms] == centers
    means, delta = 1 << 23, 1 << random_quant.DELTA - 1
    entering = (1 << 15) + (1 << 14)
    for norm, largest in zip(norms, (entering + means, entering + delta + means), strict=True):
        longest = CHANNELS**0.5 * largest
        assert longest**2 <= limits[norm] <= 1.0001 * longest**2


def test_what_a_centred_norm_proves_of_the_stream() -> None:
    """No more than the norm itself, and a row of means."""
    module, _ = random_quant.function(SIZES)
    block = main_function(module).body.block
    first, last = (op for op in block.ops if isinstance(op, quant.RmsNormOp))
    first.properties["exponents"] = DenseArrayBase.from_list(i64, [0, 2])
    for op in block.ops:  # So that the norm proves less than what embeddings may be.
        if isinstance(op, quant.CenterOp):
            op.properties["bits"] = IntegerAttr(4, i64)
    means, delta = 1 << 3, 1 << random_quant.DELTA - 1
    longest = (1 << 10) + CHANNELS**0.5 * (2 * means + delta)
    limit = square_limits(block)[last]
    assert longest**2 <= limit <= 1.0001 * longest**2


@pytest.mark.parametrize("channels", [1, 2, 5, 768, 4096, 1 << 15])
def test_rows_of_means_are_short(channels: int) -> None:
    longest = channels * 4 ** (mean_bits(channels) - 1)
    assert 4**27 < longest <= 4**28
