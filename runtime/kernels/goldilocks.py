"""Goldilocks arithmetic on scalars, inlined into every other kernel.

Arguments and results are canonical uint64 in [0, P). The functions emit their LLVM instructions
directly: written in numba's Python they would compile several times slower, and LLVM would see
branches. The form is chosen so that loops over them become vector code: corrections are selects,
and the 64x64 product is four 32x32 products (a scalar wide multiply would keep the loop scalar).

Reduction uses 2^64 = 2^32 - 1 and 2^96 = -1 modulo P.

In numba an int literal beside a uint64 makes the expression a float64: kernels use the typed
constants here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

P = np.uint64(0xFFFF_FFFF_0000_0001)
LOW = np.uint64(0xFFFF_FFFF)
S32 = np.uint64(32)
ZERO = np.uint64(0)
ONE = np.uint64(1)

_U64 = ir.IntType(64)


class _Word:
    """An unsigned 64-bit value under construction; operators emit wrapping instructions."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def _raw(self, o: _Word | int) -> Any:
        return o.value if isinstance(o, _Word) else ir.Constant(_U64, int(o))

    def _emit(self, name: str, o: _Word | int) -> _Word:
        return _Word(self.builder, getattr(self.builder, name)(self.value, self._raw(o)))

    def __add__(self, o: _Word | int) -> _Word:
        return self._emit("add", o)

    def __sub__(self, o: _Word | int) -> _Word:
        return self._emit("sub", o)

    def __rsub__(self, o: int) -> _Word:
        return _Word(self.builder, self._raw(o)) - self

    def __mul__(self, o: _Word | int) -> _Word:
        return self._emit("mul", o)

    def __and__(self, o: _Word | int) -> _Word:
        return self._emit("and_", o)

    def __or__(self, o: _Word | int) -> _Word:
        return self._emit("or_", o)

    def __lshift__(self, o: int) -> _Word:
        return self._emit("shl", o)

    def __rshift__(self, o: int) -> _Word:
        return self._emit("lshr", o)

    def below(self, o: _Word | int, then: _Word, other: _Word) -> _Word:
        """then where self < o, else other."""
        less = self.builder.icmp_unsigned("<", self.value, self._raw(o))
        return _Word(self.builder, self.builder.select(less, then.value, other.value))


_P, _LOW = int(P), int(LOW)


def _add(a: _Word, b: _Word) -> _Word:
    c = _P - b
    d = a - c
    return a.below(c, d + _P, d)


def _sub(a: _Word, b: _Word) -> _Word:
    d = a - b
    return a.below(b, d + _P, d)


def _canonical(r: _Word) -> _Word:
    return r.below(_P, r, r - _P)


def _fold_middle(d: _Word, middle: _Word) -> _Word:
    """d + middle * 2^64, for a middle word below 2^32."""
    e = (middle << 32) - middle
    r = d + e
    return _canonical(r.below(e, r + _LOW, r))


def _reduce(high: _Word, low: _Word) -> _Word:
    top = high >> 32
    d = low - top
    d = low.below(top, d - _LOW, d)
    return _fold_middle(d, high & _LOW)


def _wide(a: _Word, b: _Word) -> tuple[_Word, _Word]:
    """The 128-bit product, high word first."""
    a0, a1, b0, b1 = a & _LOW, a >> 32, b & _LOW, b >> 32
    low = a0 * b0
    mid = a1 * b0 + (low >> 32)
    mid2 = a0 * b1 + (mid & _LOW)
    return a1 * b1 + (mid >> 32) + (mid2 >> 32), (mid2 << 32) | (low & _LOW)


def _mul(a: _Word, b: _Word) -> _Word:
    return _reduce(*_wide(a, b))


def _dot(a: _Word, b: _Word, c: _Word, d: _Word) -> _Word:
    """ab + cd with one reduction: the high words are below P, so they add up modulo P."""
    high, low = _wide(a, b)
    high2, low2 = _wide(c, d)
    total = low + low2
    high = _add(high, high2)
    return _reduce(total.below(low2, high + 1, high), total)


def _sum_of_products(pairs: list[tuple[_Word, _Word]]) -> _Word:
    """`_dot` of any number of pairs below 2^32."""
    (a, b), *rest = pairs
    high, low = _wide(a, b)
    carries = low & 0
    for a, b in rest:
        high2, low2 = _wide(a, b)
        low = low + low2
        high = _add(high, high2)
        carries = low.below(low2, carries + 1, carries)
    return _reduce(high + carries, low)


def _times7(a: _Word) -> _Word:
    """Multiply by the non-residue; only three bits leave the low word."""
    eight = a << 3
    carry = a >> 61
    return _fold_middle(eight - a, eight.below(a, carry - 1, carry))


def _times_quarter(a: _Word) -> _Word:
    """Multiply by 2^48, a square root of -1."""
    return _reduce(a >> 16, a << 48)


def _kmul(a0: _Word, a1: _Word, b0: _Word, b1: _Word) -> tuple[_Word, _Word]:
    """(a0 + a1 X)(b0 + b1 X) modulo X^2 - 7, by its two components."""
    # A caller's reused operand goes last: its multiple by 7 is then computed once.
    return _dot(a0, b0, a1, _times7(b1)), _dot(a0, b1, a1, b0)


def _kdot(a: list[_Word], b: list[_Word]) -> tuple[_Word, _Word]:
    """sum_i a_i b_i in K, the elements' components by turns."""
    pairs = [(i, i + 1) for i in range(0, len(a), 2)]
    real = [term for i, j in pairs for term in ((a[i], b[i]), (a[j], _times7(b[j])))]
    other = [term for i, j in pairs for term in ((a[i], b[j]), (a[j], b[i]))]
    return _sum_of_products(real), _sum_of_products(other)


def _unary(formula: Callable[[_Word], _Word]) -> Any:
    @intrinsic
    def emit(typingctx, a):
        def codegen(context, builder, signature, args):
            return formula(_Word(builder, args[0])).value

        return types.uint64(types.uint64), codegen

    return emit


def _binary(formula: Callable[[_Word, _Word], _Word]) -> Any:
    @intrinsic
    def emit(typingctx, a, b):
        def codegen(context, builder, signature, args):
            return formula(*(_Word(builder, x) for x in args)).value

        return types.uint64(types.uint64, types.uint64), codegen

    return emit


_PAIR = types.UniTuple(types.uint64, 2)


def _kmul_words(typingctx, a0, a1, b0, b1):
    """(a0 + a1 X)(b0 + b1 X) in K, as two components."""

    def codegen(context, builder, signature, args):
        parts = _kmul(*(_Word(builder, x) for x in args))
        return context.make_tuple(builder, _PAIR, [x.value for x in parts])

    return _PAIR(*[types.uint64] * 4), codegen


def _kdot_words(typingctx, a0, a1, b0, b1, c0, c1, d0, d1):
    """(a0 + a1 X)(b0 + b1 X) + (c0 + c1 X)(d0 + d1 X) in K, as two components."""

    def codegen(context, builder, signature, args):
        a0, a1, b0, b1, c0, c1, d0, d1 = (_Word(builder, x) for x in args)
        parts = _kdot([a0, a1, c0, c1], [b0, b1, d0, d1])
        return context.make_tuple(builder, _PAIR, [x.value for x in parts])

    return _PAIR(*[types.uint64] * 8), codegen


add = _binary(_add)
sub = _binary(_sub)
mul = _binary(_mul)
kmul: Any = intrinsic(_kmul_words)
kdot: Any = intrinsic(_kdot_words)
times_quarter = _unary(_times_quarter)
