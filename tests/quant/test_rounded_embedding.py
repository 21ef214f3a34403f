"""A residual stream with fewer fraction bits than the embedding: rows are rounded for it, and not for the head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, FloatAttr, ModuleOp, f64
from zklemma.compiler.analysis.calibrate import RANGE, SQUARES, calibrate, squares_of
from zklemma.compiler.analysis.coarse import formats
from zklemma.compiler.analysis.costs import Costs
from zklemma.compiler.analysis.fidelity import logits_scale
from zklemma.compiler.analysis.limits import MOST_CUT, Limits
from zklemma.compiler.analysis.scales import Scales, delta_bits
from zklemma.compiler.analysis.sensitivity import sensitivities, sensitivity_of
from zklemma.compiler.analysis.stream_bounds import square_limits
from zklemma.compiler.frontend.evaluate import evaluate
from zklemma.compiler.interpret_quant import interpret
from zklemma.compiler.modules import main_function
from zklemma.compiler.transforms.choose_bits import ChooseBits, choose
from zklemma.compiler.transforms.convert_nn_to_quant import ConvertNNToQuant
from zklemma.compiler.transforms.plan_scales import PlanScales, default_fracs
from zklemma.compiler.transforms.stack_layers import StackLayers
from zklemma.compiler.weights import quantized_weights
from zklemma.dialects import nn, quant
from zklemma.runtime.circuit.relations import PRIME

LARGEST = 140_000.0
"""Of a delta; a stream of 29 bits has 10 fraction bits then."""


@pytest.fixture
def outlier(make_model: Callable[..., Any]) -> tuple[Any, ModuleOp]:
    """A model that was calibrated on a text with one huge delta."""
    model = make_model()
    module = model.module.clone()
    calibrate(module, model.tensor, model.sequences())
    sensitivities(module, model.tensor, np.array(model.sequences(50)))
    deltas = {op.operands[1].owner for op in module.walk() if isinstance(op, nn.AddOp)}
    for op in module.walk():
        if op in deltas:
            op.attributes[RANGE] = FloatAttr(LARGEST, f64)
        if isinstance(op, nn.RMSNormOp) and isinstance(op.x.owner, nn.AddOp):
            least, _ = squares_of(op)
            op.attributes[SQUARES] = DenseArrayBase.from_list(f64, [least, LARGEST**2])
    return model, module


def scales_of(module: ModuleOp, spare: int = 3) -> Scales:
    return Scales(main_function(module).body.block, 1.75, spare)


def found(module: ModuleOp, kind: type) -> Any:
    return next(op for op in module.walk() if isinstance(op, kind))


@pytest.mark.parametrize("passes", [(PlanScales(),), (PlanScales(), ChooseBits())])
def test_rows_are_rounded_as_they_enter(outlier: Any, passes: tuple) -> None:
    model, module = outlier
    for each in (*passes, ConvertNNToQuant()):
        each.apply(Context(), module)
    module.verify()
    embed, matmul = found(module, quant.EmbedOp), list(module.walk())[-2]
    assert embed.shift.value.data == -3 and embed.bits == 14
    assert matmul.operands[1] is embed.table and quant.type_of(embed.table).fraction == 13
    weights, ids = quantized_weights(model, module), model.sequences(1)[0]
    expected = evaluate(model.module, np.array(ids), model.tensor)
    actual = interpret(module, weights, ids) * logits_scale(module)
    assert np.abs(actual - expected).max() < 0.02 * np.abs(expected).max()


def test_what_rounding_costs(outlier: Any) -> None:
    """A limb of each row and one of its remainder, and the noise that the stream gets from them."""
    _, module = outlier
    costs = Costs(Limits(scales_of(module)))
    limits, scales = costs.limits, costs.scales
    fracs = choose(costs, 1e-9)
    embedding = scales.embedding
    table, stream = (scales.scale[value] for value in (embedding.table, embedding.result))
    assert limits.entering_cut(fracs) == 3 and table in limits.bounded_by(stream)
    exact = {**fracs, table: fracs[stream]}
    hidden = nn.shape_of(embedding.result)[-1]
    assert costs.cells(fracs) - costs.cells(exact) == 2 * hidden
    noise = sensitivity_of(embedding) * 4.0 ** -fracs[stream] / 24
    entered = costs.error(fracs) - costs.error(exact)
    assert noise > 0 and entered == pytest.approx(
        noise + table.error(fracs[table]) - table.error(fracs[stream])
    )
    assert limits.most(table, {**fracs, stream: stream.most}) == min(
        table.most, stream.most + MOST_CUT
    )
    # A stream that could have more itself rounds nothing.
    assert limits.most(table, {**fracs, stream: stream.most - 1}) == stream.most - 1


def test_defaults_round_too(outlier: Any) -> None:
    limits = Limits(scales_of(outlier[1]))
    assert limits.entering_cut(default_fracs(limits)) == 3


def test_deltas_are_wider_where_rows_would_round(outlier: Any) -> None:
    """With small exponents norms leave them a bit more; relations stay below the prime."""
    _, module = outlier
    every = [scales_of(module, spare) for spare in (3, 0)]
    (hidden,) = {nn.shape_of(scales.embedding.result)[-1] for scales in every}
    bits = [scales.scale[scales.embedding.result].most_bits for scales in every]
    assert bits == [delta_bits(hidden, 1, False), delta_bits(hidden, 1, False) + 1]
    for each in (PlanScales(spare_exponents=0), ConvertNNToQuant(), StackLayers()):
        each.apply(Context(), module)
    module.verify()
    assert found(module, quant.EmbedOp).shift.value.data == -2
    bounds = square_limits(main_function(module).body.block)
    total = [limit + (1 << 2 * op.emax + 16) for op, limit in bounds.items()]
    assert len(total) == 3 and all(each < PRIME for each in total)


def test_rows_of_few_bits_are_coarse(outlier: Any) -> None:
    _, module = outlier
    for each in (PlanScales(), ConvertNNToQuant()):
        each.apply(Context(), module)
    embed = found(module, quant.EmbedOp)
    (said,) = (each for each in formats(module) if each.kind == "embedding")
    assert said.used == 13 and not said.coarse
    table = quant.type_of(embed.table)
    narrow = quant.QuantTensorType.of(table.shape, 10, table.fraction)
    embed.table.owner.results[0]._type = narrow
    (said,) = (each for each in formats(module) if each.kind == "embedding")
    assert said.used == 7 and "can use only 7" in said.coarse[0]
