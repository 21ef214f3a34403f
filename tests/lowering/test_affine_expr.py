"""The text of expressions: printing and parsing are inverse."""

import pytest
from zklemma.dialects.affine_expr import (
    affine,
    format_expr,
    format_product,
    parse_expr,
    parse_product,
)
from zklemma.errors import UserError
from zklemma.runtime.circuit.index import Index
from zklemma.runtime.circuit.relations import Expr, Product, Term


@pytest.mark.parametrize(
    "text",
    [
        "layer, token: 65536*mlp.gate_proj.limb1[layer, token] + a0[layer, token] - 8388608",
        "layer, token: d[<layer, token] - 3*d[*, token]",
        "dim, generated: -a[rot(dim), window(generated), next(generated), previous(generated)]",
        "token, layer: embed[token(token), pick(layer; 0 1 0)] + 2*token[token]",
        "generated: 0",
        ": x[] - 1",
    ],
)
def test_round_trip(text):
    assert format_expr(parse_expr(text)) == text
    product = f"-3 * ({text}) * ({text})"
    assert format_product(parse_product(product)) == product


def test_meaning():
    expr = parse_expr("a, b: x[a, *] - 2 * y[<b] + 7 - 4")
    assert expr == Expr(
        ("a", "b"),
        (
            Term(1, "x", (Index("same", "a"), Index("sum"))),
            Term(-2, "y", (Index("before", "b"),)),
        ),
        3,
    )
    assert parse_product("5 * (a, b: x[a, *] - 2*y[<b] + 3)") == Product(5, (expr,))


def test_affine_combines_and_drops():
    x, y = parse_expr("a: 2*x[a]").terms[0], parse_expr("a: y[a]").terms[0]
    assert affine(("a",), [x, y, Term(-2, "x", x.indices), y]) == parse_expr("a: 2*y[a]")


@pytest.mark.parametrize("text", ["a x[a]", "a: x[a", "a: 3x[a]", "a: x[rot(a, b)]", "a: --x[a]"])
def test_errors(text):
    with pytest.raises(UserError):
        parse_expr(text)
