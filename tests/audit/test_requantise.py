"""An integer function is found to be the quantisation of one float function, and of no other."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small import TOKENS, function_of, varied
from xdsl.context import Context
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    FloatAttr,
    ModuleOp,
    StringAttr,
    f64,
    i64,
)
from zklemma.compiler.analysis.requantise import differences, requantise
from zklemma.compiler.families.base import ACTIVATIONS, FULL, SLIDING
from zklemma.compiler.families.gemma3 import GEMMA3
from zklemma.compiler.frontend.checkpoint import without_weights
from zklemma.compiler.frontend.importer import import_model
from zklemma.compiler.running import run_passes
from zklemma.compiler.transforms.raise_to_nn import RaiseToNN
from zklemma.dialects import quant
from zklemma.dialects.quant import TableAttr
from zklemma.dialects.rotation import Rotation
from zklemma.errors import UserError


def pytorch(path: Path) -> ModuleOp:
    module = import_model(without_weights(path), TOKENS)
    run_passes(Context(), module, (RaiseToNN(),))
    return module


@pytest.fixture(scope="module")
def raised(write_config: Callable[..., Path]) -> ModuleOp:
    """What PyTorch computes of the small model's configuration."""
    return pytorch(write_config())


def untied(function: ModuleOp) -> ModuleOp:
    """The function with an output layer of its own."""
    function = function.clone()
    (argmax,) = (op for op in function.walk() if isinstance(op, quant.ArgmaxOp))
    assert isinstance(argmax.table.owner, quant.ParamOp)
    head = argmax.table.owner.clone()
    head.properties["names"] = ArrayAttr([StringAttr("lm_head.weight")])
    head.properties["factor"] = FloatAttr(1.0, f64)
    argmax.parent_block().insert_op_before(head, argmax)  # type: ignore
    argmax.operands[1] = head.result
    return function


def only(function: ModuleOp, kind: type, module: str = "") -> quant.QuantOp:
    """The first operation of a kind, at a module path that ends so."""
    for op in function.walk():
        path = op.attributes.get("module")
        if isinstance(op, kind) and (not module or str(path).endswith(f'{module}"')):
            return op  # type: ignore
    raise AssertionError(kind)


VARIANTS = {
    "layers": ({"layer_types": (SLIDING, FULL)}, "the function: quant.layers: count is 2, not 3"),
    "layer types": (
        {"layer_types": (SLIDING, FULL, FULL)},
        "model.layers.1.self_attn: quant.softmax: windows is 0, not 3",
    ),
    "window": (
        {"sliding_window": 4},
        "model.layers.1.self_attn: quant.softmax: windows is 4, not 3",
    ),
    "theta": (
        {"rope": {SLIDING: Rotation(1e4), FULL: Rotation(5e5)}},
        "model.layers.*.self_attn: quant.rope: thetas is [10000.0, 500000.0], not [10000.0, 1000000.0]",
    ),
    "rope factor": (
        {"rope": {SLIDING: Rotation(1e4), FULL: Rotation(1e6, 8.0)}},
        "model.layers.*.self_attn: quant.rope: factors is [1.0, 8.0], not [1.0, 1.0]",
    ),
    "eps": (
        {"rms_norm_eps": 2e-6},
        "model.layers.2.input_layernorm: quant.rms_norm: eps is 8796093, not 4398047",
    ),
    "eps by a power of four": (
        {"rms_norm_eps": 4e-6},
        "model.norm: quant.rms_norm: eps is 17592186, not 4398047",
    ),
    "score scale": (
        {"score_scale": 0.25},
        "model.layers.*.self_attn.q_norm.weight: quant.param: factor is 0.7071067811865476, not 1.0",
    ),
    "heads": (
        {"num_attention_heads": 2},
        "model.layers.*.self_attn: quant.split_heads: heads is 2, not 4",
    ),
    "key/value heads": (
        {"num_key_value_heads": 1},
        "model.layers.*.self_attn: quant.split_heads: heads is 1, not 2",
    ),
    "width of a head": (
        {"head_dim": 16},
        "model.layers.*.self_attn.q_norm.weight: quant.param gives !quant.tensor<[3, 16], bits",
    ),
    "width": (
        {"intermediate_size": 32},
        "model.layers.*.mlp.up_proj: quant.matmul gives !quant.tensor<[16, 32], bits",
    ),
    "vocabulary": (
        {"vocab_size": 41},
        "model.embed_tokens.weight: quant.param gives !quant.tensor<[41, 16], bits",
    ),
}


def test_the_honest_function_is_the_configurations(raised, config, function):
    assert differences(raised, function) == []
    assert differences(config.module(TOKENS), function) == []


@pytest.mark.parametrize("name", VARIANTS)
def test_another_architecture_is_named(raised, config, name):
    change, line = VARIANTS[name]
    found = differences(raised, function_of(varied(config, **change)))
    assert any(each.startswith(line) for each in found), found


@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_read_off_a_function_is_its_configuration(config, name):
    changed = varied(config, **VARIANTS[name][0])
    assert GEMMA3.read(function_of(changed)) == changed


def test_an_output_layer_of_its_own(raised, config, function, write_config):
    other = untied(function)
    assert differences(raised, other) == ["lm_head.weight: this weight does not belong"]
    apart = pytorch(write_config(tie_word_embeddings=False))
    assert differences(apart, function) == ["lm_head.weight: this weight is missing"]
    assert differences(apart, other) == []
    read = GEMMA3.read(other)
    assert read == replace(config, tie_word_embeddings=False)
    assert differences(read.module(TOKENS), other) == []


def test_an_activation_of_none(raised, function):
    other, table = function.clone(), "max(0, round(2 * x))"
    op = only(other, quant.TableOp)
    bound = quant.type_of(op.operands[0]).bound
    op.properties["table"] = TableAttr.of(table, -bound, bound)
    (found,) = differences(raised, other)
    assert found.startswith("model.layers.*.mlp.act_fn: quant.table: table is ") and table in found
    assert differences(GEMMA3.read(other).module(TOKENS), other) == [found]


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "gelu_pytorch_tanh"])
def test_another_activation_of_the_family(raised, function, name):
    other = function.clone()
    op = only(other, quant.TableOp)
    x, result = (quant.type_of(value) for value in (*op.operands, *op.results))
    table = ACTIVATIONS[name].table(x.fraction, result.fraction)
    op.properties["table"] = TableAttr.of(table, -x.bound, x.bound)
    (found,) = differences(raised, other)
    assert found.startswith("model.layers.*.mlp.act_fn: quant.table: table is ") and table in found
    config = GEMMA3.read(other)
    assert GEMMA3.config_fields(config)["hidden_activation"] == name
    assert differences(config.module(TOKENS), other) == []


@pytest.mark.parametrize("path", [".self_attn.k_norm", ".pre_feedforward_layernorm"])
def test_powers_of_two_move_between_weights_but_not_on_the_stream(raised, function, path):
    """eps of a norm tells by how many its input has grown; the residual stream's does not grow."""
    other = function.clone()
    norm = only(other, quant.RmsNormOp, path)
    first, second, third = norm.properties["eps"].get_values()  # type: ignore
    type = quant.type_of(norm.operands[0])
    moved = (round(1e-6 * type.shape[-1] * 4.0 ** (type.fraction + c)) for c in range(20))
    grown = next(eps for eps in moved if eps > second)
    norm.properties["eps"] = DenseArrayBase.from_list(i64, [first, grown, third])
    line = f"model.layers.1{path}: quant.rms_norm: eps is {grown}, not {second}"
    assert differences(raised, other) == ([] if path == ".self_attn.k_norm" else [line])


def test_eps_where_the_streams_norms_have_the_least_that_there_is(config, function):
    other = function.clone()
    for op in other.walk():
        if isinstance(op, quant.RmsNormOp):
            path = op.attributes["module"].data  # type: ignore
            type = quant.type_of(op.x)
            on_stream = re.search(r"input|pre_feed|model\.norm", path)
            eps = float(2**14) if on_stream else 1e-5 * type.shape[-1] * 4.0 ** (type.fraction + 8)
            op.properties["eps"] = DenseArrayBase.from_list(i64, [round(eps)] * len(op.eps))
    assert GEMMA3.read(other).rms_norm_eps == 1e-5


def test_eps_of_a_file_that_keeps_fp32(function):
    """A format that is fine enough to tell 1e-6 from the number in fp32 that is next to it."""
    eps, other = float(np.float32(1e-6)), function.clone()
    for op in other.walk():
        if isinstance(op, quant.RmsNormOp):
            type = quant.type_of(op.x)
            found = eps * type.shape[-1] * 4.0 ** (type.fraction + 12)
            op.properties["eps"] = DenseArrayBase.from_list(i64, [round(found)] * len(op.eps))
    assert GEMMA3.read(other).rms_norm_eps == eps * 4.0**12 != 1e-6 * 4.0**12


def test_dataflow_counts_not_only_operations(raised, function):
    other = function.clone()
    late, add = only(other, quant.RmsNormOp, "pre_feedforward_layernorm"), only(other, quant.AddOp)
    late.operands[0] = add.operands[0]
    assert differences(raised, other) == [
        "model.layers.*.pre_feedforward_layernorm: quant.rms_norm reads another value"
    ]


def test_an_operation_that_nothing_reads(raised, function):
    other = function.clone()
    op = only(other, quant.MergeHeadsOp)
    block = op.parent_block()
    assert block is not None
    extra = op.clone()
    extra.attributes.pop("module")
    block.insert_op_after(extra, op)
    (line,) = differences(raised, other)
    assert "merge of heads does not belong" in line


def test_a_function_without_what_the_family_has(function):
    other = function.clone()
    table = only(other, quant.TableOp)
    table.results[0].replace_all_uses_with(table.operands[0])
    table.detach()
    with pytest.raises(UserError, match=r"no quant\.table"):
        GEMMA3.read(other)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"tie_word_embeddings": False, "num_key_value_heads": 1},
        {"layer_types": ["full_attention"] * 3, "sliding_window": None, "rms_norm_eps": 1e-5},
        {
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 2e4},
            },
            "query_pre_attn_scalar": 168,
        },
    ],
    ids=["small", "untied", "full", "linear rope"],
)
def test_the_family_is_what_pytorch_computes(write_config, function, fields):
    """The graph that is built without PyTorch, of the configuration that is read off PyTorch's."""
    module = pytorch(write_config(**fields))
    formats = function if fields.get("tie_word_embeddings", True) else untied(function)
    integers = requantise(module, formats)
    assert differences(GEMMA3.read(integers).module(TOKENS), integers) == []
