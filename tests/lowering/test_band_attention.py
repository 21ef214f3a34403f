"""Circuits that lose nothing but what is masked have a band, and no others."""

import re
from pathlib import Path

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin
from xdsl.parser import Parser
from zklemma.compiler.transforms.band_attention import BandAttention
from zklemma.dialects.circuit import CIRCUIT, BandOp
from zklemma.dialects.zk import ZK

TEXT = Path(__file__).parents[2] / "lit_tests" / "transforms" / "band-attention.mlir"
COMPUTE = "  zk.compute {"


def bands(text: str) -> int:
    context = Context()
    for dialect in (Builtin, ZK, CIRCUIT):
        context.load_dialect(dialect)
    module = Parser(context, text).parse_module()
    module.verify()
    BandAttention(4).apply(context, module)
    module.verify()
    return sum(isinstance(op, BandOp) for op in module.walk())


def test_attention_has_one():
    assert bands(TEXT.read_text()) == 1


MORE = {
    "a lookup of pairs": """
      circuit.lookup @near in @u8 [#zk.expr<"token, source: top[token] - top[source] + 8">]
    """,
    "the rest of a relation that defines": """
      circuit.column @r witness [token] in 0 to 15
      circuit.einsum @sum <"token: r[token] - s[token, *]"> =
        [#zk.product<"1 * (token: top[token])">] bound <1048576> defines @r
      circuit.lookup @r.range in @u4 [#zk.expr<"token: r[token]">]
    """,
    "a column over other axes": """
      circuit.axis @first tokens
      circuit.axis @second tokens
      circuit.column @c witness [first, second] in 0 to 15
      circuit.lookup @c.range in @u4 [#zk.expr<"token, source: c[token, source]">]
    """,
    "scores that something else reads": """
      circuit.linear @some <"token: s[token, *] - top[token]"> bound <1048576>
    """,
    "a relation at all cells": """
      circuit.linear @all <"token, source: s[token, source] - e[token, source]"> bound <1048576>
    """,
}


@pytest.mark.parametrize("more", MORE.values(), ids=MORE)
def test_what_else_depends_on_masked_cells(more):
    assert bands(TEXT.read_text().replace(COMPUTE, more + COMPUTE)) == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r'"x", "0", "0"', '"x", "1", "0"'),
        ("256 to 1024", "256 to 700"),
        ("256 to 1024", "300 to 1024"),
        (r"mask\[\*, token, source\]", "mask[*, source, token]"),
        (r" windows \[8\]$", ""),
        (r"s\[token, source\] \+ 128", "s[source, token] + 128"),
        (r"16\*s\[token, source\]", "top[token] + 16*s[token, source]"),
        (r"e\[token, source\]", "e[token, source] + 1"),
        (r"limbs \[@s\] rem \[@s.rem\]", "limbs [@top] rem [@s.rem]"),
    ],
)
def test_attention_that_is_none(old, new):
    text = re.sub(old, new, TEXT.read_text(), flags=re.MULTILINE)
    assert text != TEXT.read_text() and bands(text) == 0
