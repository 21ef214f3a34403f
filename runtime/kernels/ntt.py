"""Number-theoretic transforms and the Reed-Solomon code on a coset s<w>, 7<w> unless said otherwise.

A row of D coefficients becomes its n evaluations at s w^j in natural order, w the root of unity of
order n. Large sizes use the six-step transform (Bailey, "FFTs in external or hierarchical memory",
1990): the index i = i1 n2 + i2 makes an n1 x n2 matrix; transforms along i1, a twist by
(s w^j1)^i2, a transposition, transforms along i2 land at j = j1 + n1 j2, in order. Both families
run on panels of WIDTH adjacent columns copied to a scratch that fits the cache, one twiddle for
WIDTH contiguous elements. The first family leaves its output bit-reversed, the second takes its
input so, and the transposition in between undoes both.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .. import field
from .goldilocks import add, mul, sub, times_quarter
from .operand import operand
from .pool import chunks, cores

Array = NDArray[np.uint64]

WIDTH = 64
SMALL_LOG = 11
# Columns of a panel that are turned into rows of the output together: a cache line of either.
LINE = 8


class _Plan:
    """Sizes and tables of the six-step transform on the coset shift<w>, for one n."""

    def __init__(self, log_n: int, shift: int) -> None:
        log_1 = log_n // 2
        log_2 = log_n - log_1
        self.n1, self.n2 = 1 << log_1, 1 << log_2
        self.twiddles1 = field.powers(field.root_of_unity(log_1), self.n1)
        self.twiddles2 = field.powers(field.root_of_unity(log_2), self.n2)
        self.reversal1, self.reversal2 = bit_reversal(log_1), bit_reversal(log_2)
        self.scale = field.powers(pow(shift, self.n2, field.P), self.n1)
        # Row r holds the output j1 = reversed(r): (shift w^j1)^k for k < WIDTH, and for k = WIDTH.
        roots = field.powers(field.root_of_unity(log_n), self.n1)[self.reversal1]
        base = field.mul(roots, np.uint64(shift))
        self.twist = field.powers_of(base, WIDTH)
        self.stride = field.power(base, WIDTH)


def bit_reversal(log_n: int) -> NDArray[np.int64]:
    out = np.zeros(1, np.int64)
    for _ in range(log_n):
        out = np.concatenate([2 * out, 2 * out + 1])
    return out


@lru_cache(maxsize=16)
def _plan(log_n: int, shift: int) -> _Plan:
    return _Plan(log_n, shift)


@lru_cache(maxsize=64)
def _small_tables(log_n: int, shift: int) -> tuple[Array, Array, NDArray[np.int64]]:
    n = 1 << log_n
    return (
        field.powers(shift, n),
        field.powers(field.root_of_unity(log_n), n),
        bit_reversal(log_n),
    )


@njit(cache=True, nogil=True)
def _small(messages, out, scale, twiddles, reversal, lo, hi):
    """Radix-2 decimation in time of rows lo..hi, whole rows in cache."""
    n = out.shape[1]
    size = messages.shape[1]
    for r in range(lo, hi):
        row = out[r]
        message = messages[r]
        for i in range(n):
            j = reversal[i]
            row[i] = mul(message[j], scale[j]) if j < size else np.uint64(0)
        half = 1
        while half < n:
            step = n // (2 * half)
            for start in range(0, n, 2 * half):
                for k in range(half):
                    u = row[start + k]
                    v = mul(row[start + k + half], twiddles[k * step])
                    row[start + k] = add(u, v)
                    row[start + k + half] = sub(u, v)
            half *= 2


@njit(inline="always")
def _row(panel, r):
    return panel[r * WIDTH : (r + 1) * WIDTH]


@njit(nogil=True)
def _pairs(panel, n):
    """Transforms of length two, of adjacent rows of panel [n, WIDTH]."""
    for r in range(0, n, 2):
        x, y = _row(panel, r), _row(panel, r + 1)
        for c in range(WIDTH):
            u, v = x[c], y[c]
            x[c] = add(u, v)
            y[c] = sub(u, v)


@njit(nogil=True)
def decimate_frequency(panel, n, twiddles):
    """Transforms of length n down the columns of panel [n, WIDTH], output bit-reversed.

    Two layers at a time (radix 4): the root of order 4 is 2^48, a cheap product.
    """
    quarter = n // 4
    while quarter > 0:
        step = n // (4 * quarter)
        for start in range(0, n, 4 * quarter):
            for k in range(quarter):
                x0, x1 = _row(panel, start + k), _row(panel, start + k + quarter)
                x2, x3 = _row(panel, start + k + 2 * quarter), _row(panel, start + k + 3 * quarter)
                if k == 0:
                    for c in range(WIDTH):
                        a, b = add(x0[c], x2[c]), sub(x0[c], x2[c])
                        d, e = add(x1[c], x3[c]), times_quarter(sub(x1[c], x3[c]))
                        x0[c] = add(a, d)
                        x1[c] = sub(a, d)
                        x2[c] = add(b, e)
                        x3[c] = sub(b, e)
                    continue
                w1, w2, w3 = twiddles[k * step], twiddles[2 * k * step], twiddles[3 * k * step]
                for c in range(WIDTH):
                    a, b = add(x0[c], x2[c]), sub(x0[c], x2[c])
                    d, e = add(x1[c], x3[c]), times_quarter(sub(x1[c], x3[c]))
                    x0[c] = add(a, d)
                    x1[c] = mul(sub(a, d), w2)
                    x2[c] = mul(add(b, e), w1)
                    x3[c] = mul(sub(b, e), w3)
        if quarter == 2:
            _pairs(panel, n)
        quarter //= 4


@njit(nogil=True)
def _decimate_time(panel, n, twiddles, odd):
    """Transforms of length n down the columns of panel [n, WIDTH], input bit-reversed.

    odd: whether n is an odd power of two, so that one layer goes alone.
    """
    quarter = 1
    if odd:
        _pairs(panel, n)
        quarter = 2
    while 4 * quarter <= n:
        step = n // (4 * quarter)
        for start in range(0, n, 4 * quarter):
            for k in range(quarter):
                x0, x1 = _row(panel, start + k), _row(panel, start + k + quarter)
                x2, x3 = _row(panel, start + k + 2 * quarter), _row(panel, start + k + 3 * quarter)
                if k == 0:
                    for c in range(WIDTH):
                        a, b = add(x0[c], x1[c]), sub(x0[c], x1[c])
                        d, e = add(x2[c], x3[c]), times_quarter(sub(x2[c], x3[c]))
                        x0[c] = add(a, d)
                        x1[c] = add(b, e)
                        x2[c] = sub(a, d)
                        x3[c] = sub(b, e)
                    continue
                w1, w2, w3 = twiddles[k * step], twiddles[2 * k * step], twiddles[3 * k * step]
                for c in range(WIDTH):
                    s, t, u = mul(x1[c], w2), mul(x2[c], w1), mul(x3[c], w3)
                    a, b = add(x0[c], s), sub(x0[c], s)
                    d, e = add(t, u), times_quarter(sub(t, u))
                    x0[c] = add(a, d)
                    x1[c] = add(b, e)
                    x2[c] = sub(a, d)
                    x3[c] = sub(b, e)
        quarter *= 4


@njit(cache=True, nogil=True)
def _first(message, out, n1, n2, twiddles, scale, twist, stride, reversal, lo, hi):
    """Panels lo..hi of the first family: message [n1, n2] to out [n2, n1], transposed."""
    panel = np.empty(n1 * WIDTH, np.uint64)
    base = np.empty(n1, np.uint64)
    for r in range(n1):
        acc = np.uint64(1)
        power, e = stride[r], lo
        while e > 0:
            if e & 1:
                acc = mul(acc, power)
            power = mul(power, power)
            e >>= 1
        base[r] = acc
    size = message.shape[0]
    for block in range(lo, hi):
        column = block * WIDTH
        for r in range(n1):
            source = r * n2 + column
            count = min(max(size - source, 0), WIDTH)
            for c in range(count):
                panel[r * WIDTH + c] = mul(message[source + c], scale[r])
            for c in range(count, WIDTH):
                panel[r * WIDTH + c] = np.uint64(0)
        decimate_frequency(panel, n1, twiddles)
        for r in range(n1):
            b = base[r]
            for c in range(WIDTH):
                i = r * WIDTH + c
                panel[i] = mul(panel[i], mul(twist[r, c], b))
            base[r] = mul(b, stride[r])
        for c in range(0, WIDTH, LINE):
            target = (column + c) * n1
            for j in range(n1):
                source = reversal[j] * WIDTH + c
                for k in range(LINE):
                    out[target + k * n1 + j] = panel[source + k]


@njit(cache=True, nogil=True)
def _second(out, n1, n2, twiddles, reversal, odd, lo, hi):
    """Panels lo..hi of the second family, on out [n2, n1] in place."""
    panel = np.empty(n2 * WIDTH, np.uint64)
    for block in range(lo, hi):
        column = block * WIDTH
        for r in range(n2):
            source = reversal[r] * n1 + column
            for c in range(WIDTH):
                panel[r * WIDTH + c] = out[source + c]
        _decimate_time(panel, n2, twiddles, odd)
        for r in range(n2):
            target = r * n1 + column
            for c in range(WIDTH):
                out[target + c] = panel[r * WIDTH + c]


def encode(messages: Array, out: Array, shift: int = field.GENERATOR) -> None:
    """out[r, j] = sum_i messages[r, i] (shift w^j)^i: rows of D <= n coefficients, n a power of two."""
    rows, n = out.shape
    log_n = n.bit_length() - 1
    if n != 1 << log_n or messages.shape[0] != rows or messages.shape[1] > n:
        raise ValueError(f"cannot encode {messages.shape} into {out.shape}")
    messages = operand(messages)
    if log_n <= SMALL_LOG:
        scale, twiddles, reversal = _small_tables(log_n, shift)
        chunks(
            lambda lo, hi: _small(messages, out, scale, twiddles, reversal, lo, hi),
            rows,
            max(1, (1 << 14) >> log_n),
        )
        return
    p = _plan(log_n, shift)

    def first(r: int, lo: int, hi: int) -> None:
        args = (p.n1, p.n2, p.twiddles1, p.scale, p.twist, p.stride, p.reversal1, lo, hi)
        _first(messages[r], out[r], *args)

    def second(r: int, lo: int, hi: int) -> None:
        odd = p.n2.bit_length() % 2 == 0
        _second(out[r], p.n1, p.n2, p.twiddles2, p.reversal2, odd, lo, hi)

    def whole(lo: int, hi: int) -> None:
        for r in range(lo, hi):
            first(r, 0, p.n2 // WIDTH)
            second(r, 0, p.n1 // WIDTH)

    # Whole rows per core where they divide evenly, so that a row stays in cache between its steps;
    # the panels of the remaining rows are shared out.
    even = rows - rows % cores()
    if even:
        chunks(whole, even, 1)
    for r in range(even, rows):
        chunks(lambda lo, hi, r=r: first(r, lo, hi), p.n2 // WIDTH, 1)
        chunks(lambda lo, hi, r=r: second(r, lo, hi), p.n1 // WIDTH, 1)
