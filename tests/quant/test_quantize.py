"""From fp32 to integers: bounds, exactness of the passes behind, errors."""

from __future__ import annotations

import hashlib
import math
import re
from itertools import product

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import (
    DenseArrayBase,
    FloatAttr,
    ModuleOp,
    StringAttr,
    f64,
    i64,
)
from xdsl.ir import Operation
from zklemma.compiler.analysis.calibrate import (
    GAIN,
    RANGE,
    ROW_NORM,
    SQUARES,
    calibrate,
    calibration_sequences,
)
from zklemma.compiler.analysis.fidelity import fidelity, logits_scale
from zklemma.compiler.analysis.plan import HEADROOM
from zklemma.compiler.analysis.scale import most_frac
from zklemma.compiler.analysis.scales import delta_bits, exponent_of
from zklemma.compiler.analysis.sensitivity import RADIAL, SENSITIVITY
from zklemma.compiler.analysis.stream_bounds import square_limits
from zklemma.compiler.frontend.evaluate import evaluate
from zklemma.compiler.interpret_quant import interpret
from zklemma.compiler.modules import main_function
from zklemma.compiler.transforms.batch_decode import BatchDecode
from zklemma.compiler.transforms.choose_bits import ChooseBits
from zklemma.compiler.transforms.convert_nn_to_quant import ConvertNNToQuant
from zklemma.compiler.transforms.delay_requantize import DelayRequantize
from zklemma.compiler.transforms.plan_scales import PlanScales
from zklemma.compiler.transforms.stack_layers import StackLayers
from zklemma.compiler.weights import quantized_weights
from zklemma.dialects import nn, quant
from zklemma.errors import RangeError, UserError


def stacked(module: ModuleOp) -> ModuleOp:
    module = module.clone()
    StackLayers().apply(Context(), module)
    module.verify()
    return module


def path(op: Operation) -> str:
    return nn.module_path(op)


def operations(module: ModuleOp, kind: type) -> list:
    return [op for op in module.walk() if isinstance(op, kind)]


def test_integers_follow_fp32(model, quantized) -> None:
    weights = quantized_weights(model, quantized)
    for ids in model.sequences(4):
        expected = evaluate(model.module, np.array(ids), model.tensor)
        actual = interpret(quantized, weights, ids) * logits_scale(quantized)
        assert np.abs(actual - expected).max() < 0.01 * np.abs(expected).max()


def test_stacking_changes_no_value(model, quantized) -> None:
    ids = model.sequences(1)[0]
    stack = stacked(quantized)
    assert len(operations(stack, quant.MatmulOp)) == 8
    before = interpret(quantized, quantized_weights(model, quantized), ids)
    after = interpret(stack, quantized_weights(model, stack), ids)
    assert np.array_equal(before, after)


def test_stacking_keeps_outlier_exponents(make_model) -> None:
    model = make_model(outliers=100.0)
    quantized = model.quantized()
    assert any(op.rows is not None for op in operations(quantized, quant.ParamOp))
    stack, ids = stacked(quantized), model.sequences(1)[0]
    before = interpret(quantized, quantized_weights(model, quantized), ids)
    after = interpret(stack, quantized_weights(model, stack), ids)
    assert np.array_equal(before, after)


def test_layers_that_share_a_weight_are_not_stacked(quantized) -> None:
    module = quantized.clone()
    first, second = (
        next(op for op in operations(module, quant.MatmulOp) if f"layers.{n}.mlp.up" in path(op))
        for n in (0, 1)
    )
    second.operands[1].owner.detach()
    second.operands[1] = first.w
    module.verify()
    assert not operations(stacked(module), quant.LayersOp)


def test_a_weight_of_a_layer_that_the_head_reads_is_not_stacked(quantized) -> None:
    module = quantized.clone()
    norm = next(op for op in operations(module, quant.RmsNormOp) if path(op) == "model.norm")
    inner = next(op for op in operations(module, quant.RmsNormOp) if "layers.1" in path(op))
    norm.operands[1].owner.detach()
    norm.operands[1] = inner.gain
    assert not operations(stacked(module), quant.LayersOp)


def test_a_stream_that_is_read_later_is_not_stacked(quantized) -> None:
    module = quantized.clone()
    entering = next(
        op for op in operations(module, quant.RmsNormOp) if path(op).startswith("model.layers.1")
    )
    norm = next(op for op in operations(module, quant.RmsNormOp) if path(op) == "model.norm")
    both = quant.AddOp(norm.x, entering.x)
    main_function(module).body.block.insert_op_before(both, norm)
    norm.operands[0] = both.result
    module.verify()
    assert not operations(stacked(module), quant.LayersOp)


def test_batch_decode_gives_the_greedy_tokens(model, quantized) -> None:
    ids = model.sequences(1)[0]
    greedy = interpret(quantized, quantized_weights(model, quantized), ids).argmax(axis=-1)
    module = stacked(quantized)
    BatchDecode(5).apply(Context(), module)
    module.verify()
    weights = quantized_weights(model, module)
    assert np.array_equal(interpret(module, weights, ids), greedy[-5:])
    assert np.array_equal(interpret(module, weights, ids[:9], rows=3), greedy[6:9])
    assert logits_scale(module) == logits_scale(quantized)


def test_the_future_does_not_matter(model, quantized) -> None:
    weights = quantized_weights(model, quantized)
    ids = model.sequences(1)[0]
    whole = interpret(quantized, weights, ids)
    for length in (1, 4, 7):
        assert np.array_equal(interpret(quantized, weights, ids[:length]), whole[:length])


def test_equalisation_undoes_outliers(make_model) -> None:
    model = make_model(outliers=100.0, tokens=24, vocabulary=400)
    errors = {}
    for equalized in (False, True):
        module = model.quantized(equalized)
        weights = quantized_weights(model, module)
        windows = model.sequences(3)
        measured = fidelity(
            lambda ids: evaluate(model.module, np.array(ids), model.tensor),
            lambda ids, m=module, w=weights: interpret(m, w, ids),
            logits_scale(module),
            windows,
        )
        assert measured["positions"] == 3 * 23
        errors[equalized] = 1 - measured["greedy_agreement"]
    assert errors[True] <= 0.03 and errors[True] <= errors[False]


@pytest.mark.parametrize("hidden, layers", [(16, 3), (64, 8)])
def test_norms_bound_the_residual_stream(make_model, hidden: int, layers: int) -> None:
    """Deltas are as wide as the induction over norms allows, and so wide that a sum of bounds over
    all layers would wrap."""
    module = stacked(make_model(layers=layers, hidden=hidden, windows=(5,) * layers).quantized())
    bits = {quant.type_of(op.rhs).width for op in operations(module, quant.AddOp)}
    assert max(bits) <= delta_bits(hidden, 1, False) <= max(bits) + 1
    limits = square_limits(main_function(module).body.block)
    assert len(limits) == 3
    assert all(1 << 58 < limit + (1 << 2 * op.emax + 16) < 1 << 63 for op, limit in limits.items())
    bound = 2 * layers << max(bits) - 1
    assert hidden * bound**2 > 1 << 63


def test_only_rounded_deltas_are_bounded(quantized) -> None:
    """The type of a sum says nothing about how large it is."""
    module = stacked(quantized)
    delta = operations(module, quant.AddOp)[0]
    double = quant.AddOp(delta.rhs, delta.rhs, results=[quant.type_of(delta.rhs)])
    delta.parent.insert_op_before(double, delta)
    delta.operands[1] = double.results[0]
    bounded = square_limits(main_function(module).body.block)
    assert len(bounded) < 3


def test_output_layer_of_its_own(make_model) -> None:
    model = make_model()
    (head,) = (op for op in model.module.walk() if nn.module_path(op) == "lm_head")
    table = head.operands[1].owner
    model.weights["lm_head.weight"] = model.rng.normal(0, 0.3, (40, 16)).astype(np.float32)
    param = table.clone()
    param.properties["param"] = type(table.param)("lm_head.weight")
    param.properties["sha256"] = StringAttr(model.sha256("lm_head.weight"))
    head.parent.insert_op_before(param, head)
    head.operands[1] = param.results[0]
    module = model.quantized()
    weights, ids = quantized_weights(model, module), model.sequences(1)[0]
    assert set(weights) >= {"lm_head.weight", "model.embed_tokens.weight"}
    expected = evaluate(model.module, np.array(ids), model.tensor)
    actual = interpret(module, weights, ids) * logits_scale(module)
    assert np.abs(actual - expected).max() < 0.01 * np.abs(expected).max()


def test_value_out_of_range_names_the_layer(model, quantized) -> None:
    module = stacked(quantized)
    weights = quantized_weights(model, module)
    name = "model.layers.0.mlp.up_proj.weight"
    weights[name] = weights[name].copy()
    weights[name][1] = 32767
    with pytest.raises(RangeError, match=r"model\.layers\.1\.mlp"):
        interpret(module, weights, model.sequences(1)[0])


def test_uncalibrated_module_is_refused(model) -> None:
    with pytest.raises(UserError, match="calibrate the module first"):
        PlanScales().apply(Context(), model.module.clone())
    with pytest.raises(UserError, match="run plan-scales first"):
        ConvertNNToQuant().apply(Context(), model.module.clone())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (SQUARES, 0.0),
        *product([RANGE, GAIN, ROW_NORM, SQUARES], [-1.0, math.nan, math.inf, 1e-300, 1e300]),
    ],
)
def test_what_is_no_range_is_refused(model, name: str, value: float) -> None:
    module = model.module.clone()
    calibrate(module, model.tensor, model.sequences(1))
    for op in module.walk():
        if name in op.attributes:
            pair = DenseArrayBase.from_list(f64, [value, value])
            op.attributes[name] = pair if name == SQUARES else FloatAttr(value, f64)
    with pytest.raises(UserError, match=rf"nn\.\w+: {name} is \[?{re.escape(str(value))}"):
        PlanScales().apply(Context(), module)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
@pytest.mark.parametrize("name", [SENSITIVITY, RADIAL])
def test_what_is_no_sensitivity_is_refused(model, name: str, value: float) -> None:
    module = model.module.clone()
    calibrate(module, model.tensor, model.sequences(1))
    for op in operations(module, nn.RMSNormOp):
        op.attributes[name] = FloatAttr(value, f64)
    with pytest.raises(UserError, match=rf"nn\.rms_norm: {name} is {value}, not a finite number"):
        PlanScales().apply(Context(), module)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_a_spread_of_logits_that_is_none_is_refused(model, value: float) -> None:
    module = model.module.clone()
    calibrate(module, model.tensor, model.sequences(1))
    operations(module, nn.LinearOp)[-1].attributes[RANGE] = FloatAttr(value, f64)
    with pytest.raises(UserError, match=rf"lm_head: nn\.linear: {RANGE} is {value}"):
        PlanScales().apply(Context(), module)


@pytest.mark.parametrize("value", [0.5, -2.0, math.nan, math.inf])
def test_a_headroom_that_no_pass_takes_is_refused_as_attribute_too(model, value: float) -> None:
    module = model.module.clone()
    calibrate(module, model.tensor, model.sequences(1))
    PlanScales().apply(Context(), module)
    main_function(module).attributes[HEADROOM] = FloatAttr(value, f64)
    for each in (DelayRequantize(), ChooseBits()):
        with pytest.raises(UserError, match=rf"headroom must be in 1\.0 \.\. 256\.0, got {value}"):
            each.apply(Context(), module)


def test_unknown_operation_is_refused(model) -> None:
    module = model.module.clone()
    calibrate(module, model.tensor, model.sequences(1))
    gelu = operations(module, nn.GeluTanhOp)[0]
    other = nn.inherit_path(nn.NegOp(gelu.x), gelu)
    gelu.parent.insert_op_before(other, gelu)
    gelu.result.replace_all_uses_with(other.results[0])
    with pytest.raises(UserError, match=r"model\.layers\.0\.mlp\.act_fn: nn\.neg"):
        PlanScales().apply(Context(), module)


@pytest.mark.parametrize(("norm", "count"), [(1, 2), (9, 0), (16, 2)])
def test_layers_that_differ_are_not_stacked(quantized, norm: int, count: int) -> None:
    """Those of one run that are the same are: the last two, none, the first two."""
    module = quantized.clone()
    op = operations(module, quant.RmsNormOp)[norm]
    op.properties["exponents"] = DenseArrayBase.from_list(i64, [1, op.emax])
    assert [op.layers for op in operations(stacked(module), quant.LayersOp)] == [count] * (
        count > 0
    )


def test_weight_that_changed_is_refused(model, quantized) -> None:
    class Changed:
        def tensor(self, name: str) -> np.ndarray:
            return model.tensor(name) + (name == "model.norm.weight")

        def sha256(self, name: str) -> str:
            return hashlib.sha256(self.tensor(name).astype("<f4").tobytes()).hexdigest()

    with pytest.raises(
        UserError, match=r"model\.norm\.weight: .* is not the one that was compiled"
    ):
        quantized_weights(Changed(), quantized)


def test_calibration_needs_finite_values(make_model) -> None:
    model = make_model()
    model.weights["model.layers.1.mlp.up_proj.weight"][:] = 3e38
    with (
        pytest.raises(UserError, match=r"model\.layers\.1\.mlp.*not finite"),
        np.errstate(all="ignore"),
    ):
        calibrate(model.module, model.tensor, model.sequences(1))


def test_calibration_sequences_cover_text_padding_repetition_and_vocabulary() -> None:
    sequences = calibration_sequences(range(100), 16, 50, start=[2], repeated=[7, 9])
    assert all(sequence[0] == 2 and len(sequence) <= 16 for sequence in sequences)
    assert set(range(100)) <= {token for sequence in sequences for token in sequence}
    assert min(map(len, sequences)) <= 8
    assert [2, *[7] * 15] in sequences and [2, *[9] * 15] in sequences


@pytest.mark.parametrize("magnitude", [1e-3, 0.7, 1.0, 3.99999, 32767, 1e6])
def test_most_frac(magnitude: float) -> None:
    frac = most_frac(magnitude, 16)
    assert magnitude * 2.0**frac <= 32767 < magnitude * 2.0 ** (frac + 1)


@pytest.mark.parametrize("square", [1, 1 << 14, (1 << 16) - 1, 1 << 16, (1 << 40) + 5])
def test_exponent_of(square: int) -> None:
    e = exponent_of(square)
    assert square >> 2 * e < 1 << 16 and (e == 0 or square >> 2 * e >= 1 << 14)
