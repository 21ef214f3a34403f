"""Fisher information against measured divergence, and the formats chosen by it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from xdsl.context import Context
from zklemma.compiler.analysis.calibrate import calibrate
from zklemma.compiler.analysis.costs import Costs
from zklemma.compiler.analysis.fidelity import logits_scale
from zklemma.compiler.analysis.limits import Limits
from zklemma.compiler.analysis.plan import UNROUNDED
from zklemma.compiler.analysis.scales import Scales
from zklemma.compiler.analysis.sensitivity import sensitivities, sensitivity_of
from zklemma.compiler.frontend.evaluate import evaluate
from zklemma.compiler.interpret_quant import interpret
from zklemma.compiler.modules import main_function
from zklemma.compiler.transforms.choose_bits import ChooseBits, choose
from zklemma.compiler.transforms.convert_nn_to_quant import ConvertNNToQuant
from zklemma.compiler.transforms.delay_requantize import DelayRequantize
from zklemma.compiler.transforms.plan_scales import PlanScales, default_fracs, limits_of
from zklemma.compiler.weights import quantized_weights
from zklemma.dialects import nn, quant
from zklemma.dialects.interfaces import Differentiable, Rounded


def log_softmax(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def divergence(expected: np.ndarray, actual: np.ndarray) -> float:
    p, q = log_softmax(expected), log_softmax(actual)
    return float(np.mean(np.sum(np.exp(p) * (p - q), axis=-1)))


@pytest.fixture
def annotated(make_model: Callable):
    model = make_model(tokens=16)
    module = model.module.clone()
    sequences = model.sequences(8)
    calibrate(module, model.tensor, sequences)
    sensitivities(module, model.tensor, np.array(model.sequences(200)))
    return model, module


OTHERS = [op for op in nn.ACTIVATIONS if op is not nn.GeluTanhOp]
"""That the model has not."""
NOISY = [
    op
    for op in nn.RAISED
    if issubclass(op, Rounded) and issubclass(op, Differentiable) and op not in OTHERS
]


@pytest.mark.parametrize("kind", NOISY)
def test_noise_on_a_value_costs_what_the_sensitivity_says(annotated, kind: type) -> None:
    model, module = annotated
    ids = np.array(model.sequences(64))
    target = [op for op in module.walk() if isinstance(op, kind)][1]
    spread, random = 1e-2 / np.sqrt(sensitivity_of(target)), np.random.default_rng(1)
    expected = evaluate(module, ids, model.tensor, np.float64)

    def noisy(op, value) -> None:
        if op is target:
            value += random.normal(0, spread, value.shape)

    actual = evaluate(module, ids, model.tensor, np.float64, observe=noisy)
    predicted = sensitivity_of(target) * spread**2 / 2
    assert divergence(expected, actual) == pytest.approx(predicted, rel=0.35)


def test_noise_on_a_weight_costs_what_the_sensitivity_says(annotated) -> None:
    model, module = annotated
    ids = np.array(model.sequences(64))
    expected = evaluate(module, ids, model.tensor, np.float64)
    params = [op for op in module.walk() if isinstance(op, nn.ParamOp)]
    for op in params[1:9]:
        weight = model.weights[op.param_name]
        spread = 1e-2 / np.sqrt(sensitivity_of(op))
        found = []
        for seed in range(8):
            noise = np.random.default_rng(seed).normal(0, spread, weight.shape)
            changed = {**model.weights, op.param_name: weight + noise}
            found.append(
                divergence(expected, evaluate(module, ids, changed.__getitem__, np.float64))
            )
        predicted = sensitivity_of(op) * spread**2 / 2
        assert np.mean(found) == pytest.approx(predicted, rel=0.5), op.param_name


def test_cheaper_formats_cost_more_nats(annotated) -> None:
    _, module = annotated
    costs = Costs(Limits(Scales(main_function(module).body.block, 2.0, 3)))
    limits, every = costs.limits, costs.scales.all
    cells, errors = [], []
    for nats in (1e-7, 1e-4, 1e-2):
        fracs = choose(costs, nats)
        assert all(fracs[scale] <= limits.most(scale, fracs) for scale in every)
        assert all(scale.bits(fracs[scale]) <= 32 for scale in every)
        cells.append(costs.cells(fracs))
        errors.append(costs.error(fracs))
    assert cells[0] >= cells[1] >= cells[2] and cells[0] > cells[2]
    assert errors[0] <= errors[1] < errors[2] <= 1e-2
    defaults = default_fracs(limits)
    assert costs.cells(choose(costs, costs.error(defaults))) < costs.cells(defaults)


def test_chosen_formats_lose_no_more_than_they_may(annotated) -> None:
    model, module = annotated
    ids = model.sequences(6)
    for nats in (1e-5, 1e-3):
        lowered = module.clone()
        PlanScales().apply(Context(), lowered)
        ChooseBits(nats).apply(Context(), lowered)
        ConvertNNToQuant().apply(Context(), lowered)
        lowered.verify()
        weights = quantized_weights(model, lowered)
        found = np.mean(
            [
                divergence(
                    evaluate(model.module, np.array(each), model.tensor, np.float64),
                    interpret(lowered, weights, each) * logits_scale(lowered),
                )
                for each in ids
            ]
        )
        assert 0 < found < nats


def test_a_product_that_is_not_rounded_costs_less_and_loses_no_more(annotated) -> None:
    model, module = annotated
    PlanScales().apply(Context(), module)
    rounding = Costs(limits_of(main_function(module)))
    DelayRequantize().apply(Context(), module)
    delayed = Costs(limits_of(main_function(module)))
    assert delayed.cells(choose(delayed, 1e-5)) < rounding.cells(choose(rounding, 1e-5))
    ChooseBits(1e-5).apply(Context(), module)
    ConvertNNToQuant().apply(Context(), module)
    module.verify()
    products = [op for op in module.walk() if isinstance(op, quant.MulOp)]
    readers = [use.operation for op in products for use in op.result.uses]
    assert readers and all(isinstance(op, quant.MatmulOp) for op in readers)
    weights = quantized_weights(model, module)
    ids = model.sequences(1)[0]
    expected = evaluate(model.module, np.array(ids), model.tensor, np.float64)
    found = interpret(module, weights, ids) * logits_scale(module)
    assert 0 < divergence(expected, found) < 1e-5


def test_a_product_is_rounded_again_where_its_factors_have_too_few_bits(
    annotated, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, module = annotated
    for each in (PlanScales(), DelayRequantize()):
        each.apply(Context(), module)
    marked = [op for op in module.walk() if UNROUNDED in op.attributes]
    assert marked and all(isinstance(op, nn.MulOp) for op in marked)
    monkeypatch.setattr(Limits, "room", lambda *_: 40)
    ChooseBits(1e-5).apply(Context(), module)
    assert not any(UNROUNDED in op.attributes for op in marked)
    ConvertNNToQuant().apply(Context(), module)
    module.verify()


@pytest.mark.parametrize("gain", [0.01, 51.0])
def test_norms_of_unusual_gains_have_formats(make_model: Callable, gain: float) -> None:
    model = make_model(tokens=16)
    for name in model.weights:
        if "post_attention_layernorm" in name:
            model.weights[name][:] = gain - 1
    module = model.module.clone()
    calibrate(module, model.tensor, model.sequences(8))
    sensitivities(module, model.tensor, np.array(model.sequences(20)))
    PlanScales().apply(Context(), module)
    ChooseBits(1.0).apply(Context(), module)
    ConvertNNToQuant().apply(Context(), module)
    module.verify()
