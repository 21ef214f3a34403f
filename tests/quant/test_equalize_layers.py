"""`equalize-layers`: the same function, with one size for each role in all layers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from xdsl.context import Context
from zklemma.compiler.analysis.calibrate import RANGE, SQUARES, calibrate, range_of, squares_of
from zklemma.compiler.analysis.fidelity import fidelity, logits_scale
from zklemma.compiler.analysis.sensitivity import sensitivities
from zklemma.compiler.frontend.evaluate import evaluate
from zklemma.compiler.interpret_quant import interpret
from zklemma.compiler.transforms.equalize_layers import EqualizeLayers
from zklemma.compiler.weights import quantized_weights
from zklemma.dialects import nn

PAIRS = {
    "self_attn.q_proj": None,
    "self_attn.k_proj": None,
    "self_attn.v_proj": "self_attn.o_proj",
    "self_attn.o_proj": None,
    "mlp.up_proj": "mlp.down_proj",
    "mlp.down_proj": None,
}
"""A weight, and the consumer that takes its factor back; None is a norm."""


def blow_up(model, name: str, factor: float) -> None:
    """Multiplies a weight of layer 0, and divides its consumer's."""
    path = "model.layers.0."
    model.weights[f"{path}{name}.weight"] = model.weights[f"{path}{name}.weight"] * factor
    if consumer := PAIRS[name]:
        found = model.weights[f"{path}{consumer}.weight"]
        model.weights[f"{path}{consumer}.weight"] = found / factor
    for op in model.module.walk():
        if isinstance(op, nn.ParamOp):
            op.properties["sha256"] = type(op.sha256)(model.sha256(op.param_name))


def calibrated(model):
    module = model.module.clone()
    calibrate(module, model.tensor, model.sequences())
    return module


@pytest.mark.parametrize("with_sensitivities", [False, True])
def test_the_function_is_exactly_the_same(make_model: Callable, with_sensitivities: bool) -> None:
    model = make_model()
    blow_up(model, "mlp.up_proj", 64.0)
    blow_up(model, "self_attn.o_proj", 1 / 32)
    module = calibrated(model)
    ids = np.array(model.sequences(1))
    if with_sensitivities:
        sensitivities(module, model.tensor, ids)
    before = evaluate(module, ids, model.tensor)
    EqualizeLayers().apply(Context(), module)
    module.verify()
    assert any(op.rows is not None for op in module.walk() if isinstance(op, nn.ParamOp))
    assert np.array_equal(before, evaluate(module, ids, model.tensor))


def test_recorded_numbers_follow(make_model: Callable) -> None:
    """Calibrating what was equalised gives the ranges that equalising wrote."""
    model = make_model()
    blow_up(model, "mlp.up_proj", 64.0)
    blow_up(model, "self_attn.v_proj", 2.0**-7)
    module = calibrated(model)
    EqualizeLayers().apply(Context(), module)
    again = module.clone()
    model.rng = np.random.default_rng(model.seed)  # The same sequences.
    for op in again.walk():
        op.attributes.pop(RANGE, None)
        op.attributes.pop(SQUARES, None)
    sequences = model.sequences()
    first = calibrated_on(model, module, sequences)
    for a, b in zip(first.walk(), calibrated_on(model, again, sequences).walk(), strict=True):
        if RANGE in a.attributes:
            assert range_of(a) == range_of(b)
        if isinstance(a, nn.RMSNormOp) and isinstance(b, nn.RMSNormOp):
            assert squares_of(a) == squares_of(b)


def calibrated_on(model, module, sequences):
    module = module.clone()
    calibrate(module, model.tensor, sequences, equalized=False)
    return module


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("factor", [1024.0, 1 / 1024])
def test_a_layer_of_another_size_loses_nothing(
    make_model: Callable, name: str, factor: float
) -> None:
    """The integers are those of the model as it was, whatever size layer 0 has."""
    plain, scaled = make_model(tokens=24, vocabulary=400), make_model(tokens=24, vocabulary=400)
    blow_up(scaled, name, factor)
    windows = plain.sequences(3)
    scaled.rng = make_model().rng
    errors = []
    for model in (plain, scaled):
        module = model.quantized()
        weights = quantized_weights(model, module)
        measured = fidelity(
            lambda ids, m=model: evaluate(m.module, np.array(ids), m.tensor),
            lambda ids, m=module, w=weights: interpret(m, w, ids),
            logits_scale(module),
            windows,
        )
        errors.append(1 - measured["greedy_agreement"])
    assert errors[1] <= errors[0] + 0.015
