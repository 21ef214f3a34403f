"""From quant to the circuit: the executor's witness satisfies every relation, others do not."""

import numpy as np
import pytest
from zklemma.compiler.analysis.rope_table import rope_table
from zklemma.compiler.interpret_circuit import Evaluator, check
from zklemma.dialects.rotation import Rotation
from zklemma.runtime.circuit.encoding import (
    decode_circuit,
    decode_program,
    encode_circuit,
    encode_program,
)
from zklemma.runtime.circuit.relations import PRIME, Circuit

# Columns whose every change breaks a relation that names the same operation.
CHANGES = [
    ("input_layernorm.m", 1, "input_layernorm"),
    ("input_layernorm.r", 1, "input_layernorm"),
    ("input_layernorm.p2", 1, "input_layernorm"),
    ("input_layernorm.p4", 1, "input_layernorm"),
    ("input_layernorm.pm", 1, "input_layernorm"),
    ("input_layernorm.u", 1, "input_layernorm"),
    ("input_layernorm.remainder0", 1, "input_layernorm"),
    ("input_layernorm.slack0", 1, "input_layernorm"),
    ("self_attn.q_proj.rem0", 1, "self_attn.q_proj"),
    ("self_attn.q_proj.limb0", 1, "self_attn.q_proj"),
    ("self_attn.k_norm.rope.limb0", 1, "self_attn.k_norm.rope"),
    ("self_attn.scores.rem0", 1, "self_attn.scores"),
    ("self_attn.softmax.e", 1, "self_attn.softmax"),
    ("self_attn.softmax.select", 1, "self_attn.softmax"),
    ("self_attn.softmax.top0", 1, "self_attn.softmax"),
    ("self_attn.softmax.inv0", 1, "self_attn.softmax"),
    ("self_attn.softmax.remainder0", 1, "self_attn.softmax"),
    ("self_attn.softmax.slack0", 1, "self_attn.softmax"),
    ("self_attn.attend.rem0", 1, "self_attn.attend"),
    ("mlp.gate_proj.rem0", 1, "mlp.gate_proj"),
    ("mlp.act_fn", 1, "mlp.act_fn"),
    ("mlp.up_proj.limb0", 1, "mlp.up_proj"),
    ("post_feedforward_layernorm.limb0", 1, "post_feedforward_layernorm"),
    ("norm.limb0", 1, "norm"),
    ("lm_head.best", 1, "lm_head"),
    ("lm_head.limb0", 1, "lm_head"),
    ("self_attn.v_proj.weight", 1, "self_attn.v_proj"),
    ("embed_tokens.weight", 1, "input_layernorm"),
]


def test_honest_witness_satisfies_everything(run):
    assert check(run.circuit, run.shape, run.columns, run.tokens) == []


@pytest.mark.parametrize(("column", "change", "operation"), CHANGES)
def test_a_changed_cell_violates_a_relation_of_its_operation(run, column, change, operation):
    array = run.columns[column].astype(np.int64)
    cell = tuple(size // 2 for size in array.shape)
    if column == "embed_tokens.weight":
        cell = (run.tokens[0], 0)
    array[cell] += change
    violated = check(run.circuit, run.shape, {**run.columns, column: array}, run.tokens)
    assert any(name.startswith(f"{operation}.") for name in violated), violated


def test_another_token_is_rejected(run):
    for i in (0, len(run.tokens) - 1):
        tokens = list(run.tokens)
        tokens[i] = (tokens[i] + 1) % 40
        assert check(run.circuit, run.shape, run.columns, tokens)


def test_limbs_can_not_carry(run):
    """y - 1 with rem + 2^s is the same accumulator, so only the exact range refuses it."""
    columns = dict(run.columns)
    rem = columns["self_attn.q_norm.rope.rem0"].astype(np.int64)
    limb = columns["self_attn.q_norm.rope.limb0"].astype(np.int64)
    width = 16
    rem[0, 0, 0, 0, 0] += 1 << width
    limb[0, 0, 0, 0, 0] -= 1
    columns["self_attn.q_norm.rope.rem0"] = rem
    columns["self_attn.q_norm.rope.limb0"] = limb
    violated = check(run.circuit, run.shape, columns, run.tokens)
    assert "self_attn.q_norm.rope.rem0.range" in violated


def test_bounds_are_below_the_prime_and_above_what_occurs(run):
    evaluator = Evaluator(run.circuit, run.shape, run.columns, np.array(run.tokens))
    for linear in run.circuit.linears:
        assert np.abs(evaluator.expr(linear.expr)).max() <= linear.bound < PRIME and linear.origin
    for einsum in run.circuit.einsums:
        axes = einsum.lhs.axes
        total = np.abs(evaluator.expr(einsum.lhs)).astype(object)
        for product in einsum.products:
            total = total + np.abs(evaluator.product(product, axes)).astype(object)
        assert total.max() <= einsum.bound < PRIME and einsum.origin


def test_rope_columns_are_the_tables_of_the_quantiser(run):
    data = run.circuit.data
    tables = [rope_table(Rotation(theta), 16, 8) for theta in (1e4, 1e6)]
    for i, (cos, sin) in enumerate(tables):
        assert np.array_equal(data["rope.cos"][i], cos)
        assert np.array_equal(data["rope.sin"][i], sin)


def test_residual_stream_is_virtual(run):
    names = set(run.circuit.column)
    assert not any(name.startswith("residual") for name in names)
    kinds = {i.kind for _, e in run.circuit.expressions() for t in e.terms for i in t.indices}
    assert kinds >= {"same", "sum", "before", "rotate", "window", "previous", "token", "next"}


def test_encoding_round_trip(run):
    circuit: Circuit = decode_circuit(encode_circuit(run.circuit))
    assert circuit == run.circuit
    assert decode_program(encode_program(run.program)) == run.program
