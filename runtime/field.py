"""Goldilocks F and its quadratic extension K in numpy, for the verifier and as the kernels' oracle.

F is the integers modulo P = 2^64 - 2^32 + 1; an element is its canonical uint64 in [0, P), an array
of any shape holds elements. K = F[X]/(X^2 - 7); an array of K elements is a struct of arrays: shape
(2, ...) holds a[0] + a[1]*X. Vector functions take canonical input and return canonical output;
`Ext` is one element of K in Python integers, for the parts of the protocol that are scalar.

Reduction uses 2^64 = 2^32 - 1 and 2^96 = -1 modulo P.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.uint64]

P = 0xFFFF_FFFF_0000_0001
TWO_ADICITY = 32
GENERATOR = 7
NON_RESIDUE = 7

_P = np.uint64(P)
_LOW = np.uint64(0xFFFF_FFFF)
_LIMB = np.uint64(0xFFFF)
_32 = np.uint64(32)
_NON_RESIDUE = np.uint64(NON_RESIDUE)

_new = object.__new__


def root_of_unity(log_n: int) -> int:
    """The fixed primitive root of unity of order 2^log_n; squaring it gives that of order half."""
    if not 0 <= log_n <= TWO_ADICITY:
        raise ValueError(f"no root of unity of order 2^{log_n} (at most 2^{TWO_ADICITY})")
    return pow(GENERATOR, (P - 1) >> log_n, P)


def domain_points(positions: Sequence[int], log_code: int) -> list[int]:
    """The points 7 * w^j, w of order 2^log_code, of the coset that codes are evaluated on."""
    root = root_of_unity(log_code)
    return [GENERATOR * pow(root, j, P) % P for j in positions]


def powers(base: int, count: int) -> Array:
    """1, base, base^2, .. (count,)."""
    out = np.ones(1, np.uint64)
    while len(out) < count:
        out = np.concatenate([out, mul(out, np.uint64(pow(base, len(out), P)))])
    return out[:count]


def to_field(values: ArrayLike) -> Array:
    """Signed integers, |x| < P, as field elements; unsigned ones must be below 2P."""
    v = np.asarray(values)
    if v.dtype == object:
        return (v % P).astype(np.uint64)
    u = v.astype(np.uint64)
    if v.dtype.kind == "u":
        return np.where(u >= _P, u - _P, u)
    return np.where(v < 0, u - _LOW, u)


@np.errstate(over="ignore")
def add(a: ArrayLike, b: ArrayLike) -> Array:
    a, c = np.asarray(a, np.uint64), _P - np.asarray(b, np.uint64)
    d = a - c
    return np.where(a < c, d + _P, d)


@np.errstate(over="ignore")
def sub(a: ArrayLike, b: ArrayLike) -> Array:
    a, b = np.asarray(a, np.uint64), np.asarray(b, np.uint64)
    d = a - b
    return np.where(a < b, d + _P, d)


def total(a: Array) -> Array:
    """Sums over the last axis, of fewer than 2^31 elements: those of the halves are exact."""
    return join((a & _LOW).sum(axis=-1), (a >> _32).sum(axis=-1))


def join(low: Array, high: Array) -> Array:
    """low + 2^32 high, for unsigned integers below 2P."""
    return add(to_field(low), mul(to_field(high), np.uint64(1 << 32)))


def neg(a: ArrayLike) -> Array:
    a = np.asarray(a, np.uint64)
    return np.where(a == 0, a, _P - a)


@np.errstate(over="ignore")
def mul(a: ArrayLike, b: ArrayLike) -> Array:
    a, b = np.asarray(a, np.uint64), np.asarray(b, np.uint64)
    a0, a1, b0, b1 = a & _LOW, a >> _32, b & _LOW, b >> _32
    low = a * b
    mid = a1 * b0 + (a0 * b0 >> _32)
    high = a1 * b1 + (mid >> _32) + (a0 * b1 + (mid & _LOW) >> _32)
    top = high >> _32
    r = low - top
    r -= (low < top) * _LOW
    e = (high & _LOW) * _LOW
    r += e
    r += (r < e) * _LOW
    return np.minimum(r, r - _P)


def matmul(a: Array, b: Array) -> Array:
    """The product of matrices over F, (m, k) by (k, n), from products of doubles of 16-bit limbs: a sum of
    four for each of 2^19 terms is exact."""
    half = a.shape[1] // 2
    if half >= 1 << 18:
        return add(matmul(a[:, :half], b[:half]), matmul(a[:, half:], b[half:]))
    parts = (_limbs(a, 0) @ _limbs(b, 1)).reshape(4, a.shape[0], 4, b.shape[1])
    out = np.zeros((a.shape[0], b.shape[1]), np.uint64)
    for s in reversed(range(7)):
        digit = sum(parts[i, :, s - i] for i in range(4) if 0 <= s - i < 4)
        out = add(mul(out, np.uint64(1 << 16)), np.asarray(digit, np.uint64))
    return out


def _limbs(a: Array, axis: int) -> NDArray[np.float64]:
    """The four limbs one after the other, the lowest first."""
    limbs = [a >> np.uint64(16 * i) & _LIMB for i in range(4)]
    return np.concatenate(limbs, axis).astype(np.float64)


def power(a: ArrayLike, e: int) -> Array:
    """a^e elementwise, e any integer; a must be nonzero where e is negative."""
    base = np.asarray(a, np.uint64)
    if e < 0:
        base, e = batch_inverse(base), -e
    out = np.ones_like(base)
    while e:
        if e & 1:
            out = mul(out, base)
        e >>= 1
        if e:
            base = mul(base, base)
    return out


def powers_of(bases: Array, count: int) -> Array:
    """out[i, k] = bases[i]^k for k < count, a power of two."""
    out = np.ones((len(bases), 1), np.uint64)
    while out.shape[1] < count:
        following = mul(out, power(bases, out.shape[1])[:, None])
        out = np.concatenate([out, following], axis=1)
    return out


def batch_inverse(a: ArrayLike) -> Array:
    """Inverses of an array of any shape, three products each; ZeroDivisionError on a zero."""
    a = np.asarray(a, np.uint64)
    if not a.all():
        raise ZeroDivisionError("zero has no inverse")
    return _inverse(a.ravel()).reshape(a.shape)


def _inverse(a: Array) -> Array:
    n = a.size
    if n <= 1:
        return np.array([pow(int(x), -1, P) for x in a], np.uint64)
    half = n // 2
    low, high = a[:half], a[half : 2 * half]
    up = _inverse(np.concatenate([mul(low, high), a[2 * half :]]))
    pairs = up[:half]
    return np.concatenate([mul(pairs, high), mul(pairs, low), up[half:]])


def kadd(a: ArrayLike, b: ArrayLike) -> Array:
    return add(a, b)


def ksub(a: ArrayLike, b: ArrayLike) -> Array:
    return sub(a, b)


def kmul(a: ArrayLike, b: ArrayLike) -> Array:
    """Products in K; a scalar of K has shape (2,) and is broadcast over an array (2, n)."""
    a, b = _align(np.asarray(a, np.uint64), np.asarray(b, np.uint64))
    # All four products at once: on the verifier's short arrays calls cost more than arithmetic.
    p00, p11, p01, p10 = mul(a[[0, 1, 0, 1]], b[[0, 1, 1, 0]])
    return np.stack([add(p00, mul(p11, _NON_RESIDUE)), add(p01, p10)])


def kmul_base(k: ArrayLike, f: ArrayLike) -> Array:
    """K times F, elementwise over the trailing axes."""
    k, f = np.asarray(k, np.uint64), np.asarray(f, np.uint64)
    return np.stack([mul(k[0], f), mul(k[1], f)])


def kdot(a: ArrayLike, b: ArrayLike) -> tuple[int, int]:
    """The inner product of two (2, n) vectors of K."""
    x, y = total(kmul(a, b))
    return int(x), int(y)


def eq_table(point: ArrayLike) -> Array:
    """eq(point, x) for all x in {0,1}^m as (2, 2^m); the first coordinate is the top bit of x."""
    point = np.asarray(point, np.uint64)
    table = np.array([[1], [0]], np.uint64)
    for i in reversed(range(point.shape[1])):
        high = kmul(table, point[:, i])
        table = np.concatenate([ksub(table, high), high], axis=1)
    return table


def _align(a: Array, b: Array) -> tuple[Array, Array]:
    """Give the K operand of fewer axes trailing unit axes, so that (2,) meets (2, n)."""
    rank = max(a.ndim, b.ndim)
    return a.reshape(a.shape + (1,) * (rank - a.ndim)), b.reshape(b.shape + (1,) * (rank - b.ndim))


class Ext:
    """One element a + b*X of K. Constructor and operators reduce; int operands lie in F."""

    __slots__ = ("a", "b")
    # numpy must defer to the operators here rather than multiply componentwise.
    __array_ufunc__ = None

    ZERO: ClassVar[Ext]
    ONE: ClassVar[Ext]

    a: int
    b: int

    def __init__(self, a: int | np.integer, b: int | np.integer = 0) -> None:
        # int: an element of a numpy array would overflow in the products below.
        self.a = int(a) % P
        self.b = int(b) % P

    # The operators make their result without the constructor: they are most of the verifier's time.

    def __add__(self, o: Any) -> Ext:
        r = _new(Ext)
        if o.__class__ is Ext:
            r.a, r.b = (self.a + o.a) % P, (self.b + o.b) % P
        else:
            r.a, r.b = (self.a + index(o)) % P, self.b
        return r

    __radd__ = __add__

    def __sub__(self, o: Any) -> Ext:
        r = _new(Ext)
        if o.__class__ is Ext:
            r.a, r.b = (self.a - o.a) % P, (self.b - o.b) % P
        else:
            r.a, r.b = (self.a - index(o)) % P, self.b
        return r

    def __rsub__(self, o: Any) -> Ext:
        r = _new(Ext)
        r.a, r.b = (index(o) - self.a) % P, -self.b % P
        return r

    def __neg__(self) -> Ext:
        r = _new(Ext)
        r.a, r.b = -self.a % P, -self.b % P
        return r

    def __mul__(self, o: Any) -> Ext:
        r = _new(Ext)
        a, b = self.a, self.b
        if o.__class__ is Ext:
            c, d = o.a, o.b
            r.a, r.b = (a * c + 7 * b * d) % P, (a * d + b * c) % P
        else:
            o = index(o)
            r.a, r.b = a * o % P, b * o % P
        return r

    __rmul__ = __mul__

    def inverse(self) -> Ext:
        """ZeroDivisionError for zero."""
        a, b = self.a, self.b
        norm = (a * a - 7 * b * b) % P
        if not norm:
            raise ZeroDivisionError("zero has no inverse")
        scale = pow(norm, -1, P)
        return Ext(a * scale, -b * scale)

    def __truediv__(self, o: Any) -> Ext:
        return self * (o if isinstance(o, Ext) else Ext(index(o))).inverse()

    def __rtruediv__(self, o: Any) -> Ext:
        return self.inverse() * o

    def __pow__(self, e: int) -> Ext:
        base, e = (self, e) if e >= 0 else (self.inverse(), -e)
        out = Ext.ONE
        while e:
            if e & 1:
                out = out * base
            base = base * base
            e >>= 1
        return out

    def __eq__(self, o: object) -> bool:
        if isinstance(o, Ext):
            return self.a == o.a and self.b == o.b
        if isinstance(o, (int, np.integer)):
            return self.b == 0 and self.a == int(o) % P
        return NotImplemented

    def __hash__(self) -> int:
        # That of the integer, which an element of F equals; elements of K rarely share a.
        return hash(self.a)

    def __bool__(self) -> bool:
        return bool(self.a or self.b)

    def __repr__(self) -> str:
        return f"Ext({self.a}, {self.b})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array([self.a, self.b], np.uint64 if dtype is None else dtype)

    @classmethod
    def of(cls, pair: ArrayLike) -> Ext:
        """From a pair of integers, or an array of shape (2,)."""
        a, b = pair  # type: ignore[misc]
        return cls(int(a), int(b))  # type: ignore[arg-type]

    def to_bytes(self) -> bytes:
        """a then b, 8 bytes each, little-endian."""
        return (self.a | self.b << 64).to_bytes(16, "little")

    @classmethod
    def from_bytes(cls, data: bytes) -> Ext:
        """The inverse of `to_bytes`; ValueError on a wrong length or a non-canonical element."""
        if len(data) != 16:
            raise ValueError(f"an extension element takes 16 bytes, not {len(data)}")
        a, b = int.from_bytes(data[:8], "little"), int.from_bytes(data[8:], "little")
        if a >= P or b >= P:
            raise ValueError("non-canonical field element")
        return cls(a, b)


Ext.ZERO = Ext(0)
Ext.ONE = Ext(1)
