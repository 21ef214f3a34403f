"""Each operation of the reference interpreter against plain Python integers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Block, Region
from zklemma.compiler.interpret_quant import QuantFunctions, seen_keys
from zklemma.dialects import quant
from zklemma.dialects.quant import QuantTensorType, TableAttr
from zklemma.errors import RangeError

RSQRT = TableAttr.of("round(2^23 / sqrt(x))", 1 << 14, 1 << 16)


def run(build, *arrays: np.ndarray, bits: int = 16, frac: int = 0) -> Any:
    """Runs the operation that `build` makes of arguments of `bits` bits."""
    block = Block(arg_types=[QuantTensorType.of(a.shape, bits, frac) for a in arrays])
    op = build(*block.args)
    block.add_ops([op, ReturnOp(*op.results)])
    types = [result.type for result in op.results]
    inputs = [argument.type for argument in block.args]
    module = ModuleOp([FuncOp("main", (inputs, types), Region(block))])
    module.verify()
    interpreter = Interpreter(module)
    interpreter.register_implementations(QuantFunctions({}, np.zeros(1, np.int64), None))
    results = interpreter.run_op(op, tuple(a.astype(np.int64) for a in arrays))
    return results[0] if len(results) == 1 else results


def integers(rng, *shape: int, bits: int = 16) -> np.ndarray:
    return rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), shape)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)


@pytest.mark.parametrize("shift", [0, 1, 7])
def test_requantize_rounds_half_up(shift: int) -> None:
    x = np.arange(-300, 300)
    y = run(
        lambda a: quant.RequantizeOp(
            a, results=[QuantTensorType.of(x.shape, 16, -shift)], shift=shift
        ),
        x,
    )
    assert y.tolist() == [math.floor(v / 2**shift + (0.5 if shift else 0)) for v in x]


def test_requantize_stops_out_of_range() -> None:
    narrow = QuantTensorType.of((2,), 8, -1)
    build = lambda a: quant.RequantizeOp(a, results=[narrow], shift=1)  # noqa: E731
    assert run(build, np.array([-256, 254])).tolist() == [-128, 127]
    for value in (255, -258):
        with pytest.raises(RangeError, match="8 bits"):
            run(build, np.array([0, value]))


def test_rms_norm_adds_a_bias(rng) -> None:
    x, gain, bias = integers(rng, 3, 8, bits=12), integers(rng, 8), integers(rng, 8)
    others = {"eps": (5,), "exponents": (0, 9), "root": 23, "table": RSQRT}
    plain = run(lambda a, g: quant.RmsNormOp(a, g, **others), x, gain)
    biased = run(lambda a, g, b: quant.RmsNormOp(a, g, b, bias_shift=32, **others), x, gain, bias)
    np.testing.assert_array_equal(biased - plain, np.broadcast_to(bias << 32, x.shape))


@pytest.mark.parametrize("channels", [1, 7, 8])
def test_center_takes_off_the_rounded_mean(rng, channels: int) -> None:
    x = integers(rng, 50, channels) + 100
    y = run(lambda a: quant.CenterOp(a, shift=30, bits=16), x, bits=18)
    for row, result in zip(x.tolist(), y.tolist(), strict=True):
        exact = sum(row) / channels
        mean = row[0] - result[0]
        assert [a - b for a, b in zip(row, result, strict=True)] == [mean] * channels
        assert abs(mean - exact) <= 0.5 + abs(sum(row)) / 2**31
    with pytest.raises(RangeError, match="leave 8 bits"):
        run(lambda a: quant.CenterOp(a, shift=30, bits=8), x * 0 + 128, bits=18)


def test_embed_positions_reads_rows_from_an_offset_on(rng) -> None:
    table = integers(rng, 6, 3)
    build = lambda a: quant.EmbedPositionsOp(a, offset=2, count=3, shift=4)  # noqa: E731
    np.testing.assert_array_equal(run(build, table), table[2:3] << 4)  # Of one token.


@pytest.mark.parametrize("scale", [1, 16])
def test_rms_norm(rng, scale: int) -> None:
    x, gain = integers(rng, 3, 8, bits=12) * scale, integers(rng, 8, bits=10)
    acc = run(
        lambda a, g: quant.RmsNormOp(a, g, eps=(5,), exponents=(0, 9), root=23, table=RSQRT),
        x,
        gain,
    )
    for row, result in zip(x.tolist(), acc.tolist(), strict=True):
        total = sum(v * v for v in row) + 5
        e = next(e for e in range(10) if 1 << 14 <= total >> 2 * e < 1 << 16)
        r = math.floor(2**23 / math.sqrt(total >> 2 * e) + 0.5)
        u = r << (9 - e)
        assert result == [v * u * g for v, g in zip(row, gain.tolist(), strict=True)]


@pytest.mark.parametrize("value", [0, 30000])
def test_rms_norm_stops_outside_its_exponents(value: int) -> None:
    with pytest.raises(RangeError, match="exponents"):
        run(
            lambda a, g: quant.RmsNormOp(a, g, eps=(1,), exponents=(0, 2), root=23, table=RSQRT),
            np.full((1, 4), value),
            np.ones(4, np.int64),
        )


def test_matmul_and_mul(rng) -> None:
    x, w = integers(rng, 3, 5), integers(rng, 4, 5)
    acc = run(quant.MatmulOp, x, w)
    assert acc.tolist() == [
        [sum(a * b for a, b in zip(r, c, strict=True)) for c in w.tolist()] for r in x.tolist()
    ]
    assert run(quant.MulOp, x, x).tolist() == [[v * v for v in row] for row in x.tolist()]


def test_rope(rng) -> None:
    x = integers(rng, 2, 3, 6)
    acc = run(lambda a: quant.RopeOp(a, thetas=(100.0,), factors=(2.0,), kinds=(0,)), x)
    for h, t, d in np.ndindex(2, 3, 6):
        angle = t * 100.0 ** (-2 * (d % 3) / 6) / 2
        cos, sin = (math.floor(2**16 * f(angle) + 0.5) for f in (math.cos, math.sin))
        pair = -x[h, t, d + 3] if d < 3 else x[h, t, d - 3]
        assert acc[h, t, d] == x[h, t, d] * cos + pair * sin


def test_scores_and_attend_share_heads(rng) -> None:
    q, k = integers(rng, 4, 3, 2), integers(rng, 2, 3, 2)
    scores = run(quant.ScoresOp, q, k)
    for h, i, j in np.ndindex(4, 3, 3):
        assert scores[h, i, j] == sum(int(q[h, i, d]) * int(k[h // 2, j, d]) for d in range(2))
    e, inv = np.abs(integers(rng, 4, 3, 3)) // 4, np.abs(integers(rng, 4, 3))
    mixed = run(quant.AttendOp, e, inv, k, frac=15)
    for h, i, d in np.ndindex(4, 3, 2):
        terms = (int(e[h, i, j]) * int(inv[h, i]) * int(k[h // 2, j, d]) for j in range(3))
        assert mixed[h, i, d] == sum(terms)


@pytest.mark.parametrize("window", [0, 1, 2])
def test_softmax(rng, window: int) -> None:
    tokens, k = 5, 33
    s = integers(rng, 2, tokens, tokens)
    table = TableAttr.of("round(2^15 * exp(-x / 2^12))", 0, 1 << 16)
    e, inv = run(lambda a: quant.SoftmaxOp(a, windows=(window,), k=k, width=18, table=table), s)
    for h, i in np.ndindex(2, tokens):
        seen = [j for j in range(tokens) if j <= i and (window == 0 or i - j < window)]
        top = max(int(s[h, i, j]) for j in seen)
        row = [0] * tokens
        for j in seen:
            row[j] = math.floor(2**15 * math.exp(-(top - int(s[h, i, j])) / 2**12) + 0.5)
        assert e[h, i].tolist() == row
        assert inv[h, i] == 2**k // sum(row)


def test_seen_keys_cover_the_window() -> None:
    assert seen_keys(4, 2).sum(axis=1).tolist() == [1, 2, 2, 2]
    assert seen_keys(4, 0).sum(axis=1).tolist() == [1, 2, 3, 4]


def test_table_embed_and_views() -> None:
    x = np.arange(-8, 8)
    table = TableAttr.of("max(0, x)", -8, 8)
    y = run(
        lambda a: quant.TableOp(a, results=[QuantTensorType.of(x.shape, 5, 3)], table=table),
        x,
        bits=4,
    )
    assert y.tolist() == [max(0, v) for v in x.tolist()]
    rows = np.arange(6).reshape(3, 2)
    assert run(lambda i, t: quant.EmbedOp(i, t, shift=3), np.array([2, 0]), rows).tolist() == [
        [32, 40],
        [0, 8],
    ]
    rows = np.array([[-9, -8, -7, -6], [5, 6, 7, 9]])
    assert run(lambda i, t: quant.EmbedOp(i, t, shift=-2), np.array([1, 0]), rows).tolist() == [
        [1, 2, 2, 2],
        [-2, -2, -2, -1],
    ]
    heads = run(lambda a: quant.SplitHeadsOp(a, heads=2), np.arange(12).reshape(3, 4))
    assert heads[1].tolist() == [[2, 3], [6, 7], [10, 11]]
    assert run(quant.MergeHeadsOp, heads).tolist() == np.arange(12).reshape(3, 4).tolist()


def test_argmax_takes_the_lowest_index_and_checks_its_width() -> None:
    x, table = np.array([[1, 0], [0, 3]]), np.array([[5, 1], [7, 2], [7, 2]])
    assert run(lambda a, t: quant.ArgmaxOp(a, t, width=2), x, table).tolist() == [1, 1]
    with pytest.raises(RangeError, match="logits"):
        run(lambda a, t: quant.ArgmaxOp(a, t, width=1), x, table)
