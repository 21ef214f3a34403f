"""Table expressions: correct rounding, checked against mpmath at high precision."""

import mpmath
import numpy as np
import pytest
from zklemma.dialects.table_expr import evaluate, evaluate_grid
from zklemma.errors import UserError

GELU = (
    "max(-2^15, min(2^15 - 1, round(2^11 * 0.5 * (x / 2^11) * (1 + tanh(sqrt(2 / pi)"
    " * (x / 2^11 + 0.044715 * (x / 2^11)^3))))))"
)


def gelu(x: int) -> int:
    z = mpmath.mpf(x) / 2**11
    inner = mpmath.sqrt(2 / mpmath.pi) * (z + mpmath.mpf(44715) / 10**6 * z**3)
    return int(mpmath.floor(2**11 * z / 2 * (1 + mpmath.tanh(inner)) + mpmath.mpf(1) / 2))


@pytest.mark.parametrize(
    ("expression", "lo", "hi", "reference"),
    [
        (
            "round(2^15 * exp(-x / 2^12))",
            0,
            3 << 16,
            lambda x: mpmath.floor(2**15 * mpmath.exp(-mpmath.mpf(x) / 4096) + mpmath.mpf(1) / 2),
        ),
        (
            "round(2^23 / sqrt(x))",
            1 << 14,
            1 << 16,
            lambda x: mpmath.floor(2**23 / mpmath.sqrt(x) + mpmath.mpf(1) / 2),
        ),
        (GELU, -(1 << 15), 1 << 15, gelu),
    ],
)
def test_against_mpmath(expression, lo, hi, reference):
    table = evaluate(expression, lo, hi)
    assert table.dtype == np.int64 and table.shape == (hi - lo,)
    with mpmath.workdps(40):
        for x in range(lo, hi, 37):
            assert table[x - lo] == int(reference(x)), x


def test_ties_and_exact_values_are_decided():
    assert evaluate("round(x / 2)", -3, 4).tolist() == [-1, -1, 0, 0, 1, 1, 2]
    assert evaluate("floor(sqrt(x))", 0, 10).tolist() == [0, 1, 1, 1, 2, 2, 2, 2, 2, 3]
    assert evaluate("floor(x * 0.1 * 10)", 0, 50).tolist() == list(range(50))
    assert evaluate("floor(exp(x - x) * 3)", 0, 2).tolist() == [3, 3]
    assert evaluate("round(2^70 * x / 2^60)", 0, 3).tolist() == [0, 1024, 2048]


def test_grid():
    token, dim = np.arange(5)[:, None], np.arange(8)[None, :]
    cos = evaluate_grid(
        "round(2^14 * cos(token * 10000^(-2 * (dim - 4 * floor(dim / 4)) / 8)))",
        {"token": token, "dim": dim},
    )
    exact = np.round(2**14 * np.cos(token * 10000.0 ** (-2 * (dim % 4) / 8)))
    assert np.array_equal(cos, exact.astype(np.int64))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("round(2^3 * exq(x))", "no function exq"),
        ("x / 3", "wrap it in round"),
        ("round(y)", "unknown name y"),
        ("round(1 / x)", "no 64-bit integer at"),
        ("2 +", "Unexpected"),
    ],
)
def test_bad_expressions_are_named(expression, message):
    with pytest.raises(UserError, match=message):
        evaluate(expression, 0, 4)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("floor(2^(2^(2^(2^x))))", "too large"),
        ("floor(((2^(1/3) + 1)^4096)^4096)", "too large"),
        ("floor((1000001/1000000)^4096^2)", "too large"),
        ("floor(exp(10^9))", "too large"),
        ("floor(1 / exp(10^9))", "too large"),
        ("max(sqrt(0 - 1), 1)", "not comparable"),
        ("floor(0 / 0)", "no 64-bit integer"),
        ("floor(2^(1 / x))", "not a number"),
        ("round(2^1414 * cos(x * 10000^(-x / 4)) + sin(x) - erf(x / 7))", "no 64-bit integer"),
        ("9" * 5000 + " + x", "no 64-bit integer"),
        ("-" * 3000 + "x", "nested too deeply"),
        ("x" + " + 1" * 3000, "nested too deeply"),
    ],
    ids=lambda text: text[:30],
)
def test_values_that_would_take_forever_are_refused(expression, message):
    with pytest.raises(UserError, match=message):
        evaluate(expression, 0, 4)


@pytest.mark.parametrize(("lo", "hi"), [(0, 2**60), (2**60, 2**60 + 1), (3, 2), (-(2**63), 0)])
def test_tables_of_unlikely_ranges_are_refused(lo, hi):
    with pytest.raises(UserError, match="no range of a table"):
        evaluate("x", lo, hi)


def test_large_values_on_the_way_are_exact():
    assert evaluate("floor(2^4000 * (x + 1 / 3) / 2^3999)", 0, 3).tolist() == [0, 2, 4]
    assert evaluate("floor(exp(900) / exp(899) * 1000)", 0, 1).tolist() == [2718]
    assert evaluate("floor((2^(1/3))^3 * x)", 0, 3).tolist() == [0, 2, 4]
