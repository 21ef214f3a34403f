"""Looked-up values where the columns hold them, read a block at a time.

A *leaf* is a run of consecutive leaves of one group's LogUp tree: a power-of-two box of a lookup's tuples,
or of table rows with their multiplicities. Its components lie in any integer type in the memory of
columns, row-major over the box but perhaps strided; kernels read them there, so that nothing is copied or
widened as a whole. Whoever makes `Leaves` keeps the arrays behind its addresses alive.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from .goldilocks import LOW, ONE, ZERO, mul, sub

Ints = NDArray[np.int64]

# Strided axes of a component before its contiguous runs; the shortest of these that is worth it.
AXES = 4
LEAST_RUN = 5

# What a block of fractions is: all 0/1, all 1/q, any. Numbers of numba's types, so that a kernel that is given
# one is not compiled for each.
EMPTY, ONES, ANY = np.int64(0), np.int64(1), np.int64(2)

TYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64")
# Types of at most 16 and of at most 32 bits come first.
BITS16, BITS32 = np.int64(4), np.int64(6)
# Pairs of words, elements of K, in place of integers.
PAIRS = len(TYPES)


LEAF = np.dtype(
    [
        ("stop", "i8"),
        ("lookup", "i8"),
        ("part", "i8"),
        ("parts", "i8"),
        ("base0", "u8"),
        ("base1", "u8"),
    ]
)
PART = np.dtype(
    [("address", "i8"), ("kind", "i8"), ("item", "i8"), ("run", "i8"), ("w0", "u8"), ("w1", "u8")]
)


class Leaves(NamedTuple):
    """Leaves ``first[g]`` to ``first[g + 1]`` are those of group g, which begin at 0 and follow each other.

    Each ends at ``stop``, has denominators base - sum_c w_c value_c over its ``parts`` components from
    ``part`` on (the first weighs 1), and numerators 1. With ``lookup`` off its last component is the multiplicity
    instead, and the numerators are minus that.

    A component begins at ``address``, in contiguous runs of 2^run integers of ``item`` bytes and of type
    ``kind``; ``outer`` is (log2 of the size, stride in bytes) of the axes before, innermost first.

    Few arrays, because passing one to a function is not free.
    """

    first: Ints
    leaf: np.ndarray
    part: np.ndarray
    outer: Ints

    @property
    def filled(self) -> Ints:
        """The leaves of each group."""
        return np.append(self.leaf["stop"], 0)[self.first[1:] - 1]


def _reader(bits: int, signed: bool) -> Any:
    """The i-th integer of that type from an address on."""

    @intrinsic
    def read(typingctx, address, i):
        def codegen(context, builder, signature, args):
            pointer = builder.inttoptr(args[0], ir.IntType(bits).as_pointer())
            value = builder.load(builder.gep(pointer, [args[1]]))
            extend = builder.sext if signed else builder.zext
            return extend(value, ir.IntType(64)) if bits < 64 else value

        return types.int64(types.int64, types.int64), codegen

    return read


_int8, _uint8 = _reader(8, True), _reader(8, False)
_int16, _uint16 = _reader(16, True), _reader(16, False)
_int32, _uint32 = _reader(32, True), _reader(32, False)
_int64 = _reader(64, True)


@njit(nogil=True)
def _read(kind, address, out):
    n = out.size
    if kind == 0:
        for i in range(n):
            out[i] = _int8(address, i)
    elif kind == 1:
        for i in range(n):
            out[i] = _uint8(address, i)
    elif kind == 2:
        for i in range(n):
            out[i] = _int16(address, i)
    elif kind == 3:
        for i in range(n):
            out[i] = _uint16(address, i)
    elif kind == 4:
        for i in range(n):
            out[i] = _int32(address, i)
    elif kind == 5:
        for i in range(n):
            out[i] = _uint32(address, i)
    else:
        for i in range(n):
            out[i] = _int64(address, i)


@njit(nogil=True)
def integers(part, outer, first, out):
    """The values of a component from cell ``first`` of its leaf on."""
    run = part.run
    size = 1 << run
    done = 0
    while done < out.size:
        at = (first + done) & (size - 1)
        take = min(out.size - done, size - at)
        rest = (first + done) >> run
        address = part.address + at * part.item
        axis = 0
        while rest:
            bits = outer[axis, 0]
            address += (rest & ((1 << bits) - 1)) * outer[axis, 1]
            rest >>= bits
            axis += 1
        _read(part.kind, address, out[done : done + take])
        done += take


@njit(nogil=True, inline="always")
def lift(x):
    """A signed integer as a field element."""
    u = np.uint64(x)
    return u - LOW if x < 0 else u


@njit(nogil=True)
def _denominators(leaves, leaf, first, q0, q1, values):
    """Into q0, q1, by component, for the cells from ``first`` of a leaf on."""
    n = q0.size
    own = leaves.leaf[leaf]
    low = own.part
    integers(leaves.part[low], leaves.outer[low], first, values[:n])
    base0, base1 = own.base0, own.base1
    for i in range(n):
        q0[i] = sub(base0, lift(values[i]))
        q1[i] = base1
    for c in range(low + 1, low + own.parts - (0 if own.lookup else 1)):
        part = leaves.part[c]
        if part.kind == PAIRS:
            address = part.address + 16 * first
            for i in range(n):
                q0[i] = sub(q0[i], np.uint64(_int64(address, 2 * i)))
                q1[i] = sub(q1[i], np.uint64(_int64(address, 2 * i + 1)))
            continue
        integers(part, leaves.outer[c], first, values[:n])
        w0, w1 = part.w0, part.w1
        for i in range(n):
            x = lift(values[i])
            q0[i] = sub(q0[i], mul(w0, x))
            q1[i] = sub(q1[i], mul(w1, x))


@njit(nogil=True)
def find_leaf(leaves, group, start):
    """The leaf of a group's tree that is at ``start``, and where it begins; or -1."""
    low, end = leaves.first[group], leaves.first[group + 1]
    if low == end or start >= leaves.leaf[end - 1].stop:
        return -1, 0
    leaf, high = low, end - 1
    while leaf < high:
        middle = (leaf + high) // 2
        if leaves.leaf[middle].stop > start:
            high = middle
        else:
            leaf = middle + 1
    return leaf, leaves.leaf[leaf - 1].stop if leaf > low else 0


@njit(nogil=True)
def leaf_block(leaves, group, start, p, q, values):
    """Leaves start.. of a group's tree into p, q (2, n), and what they are: p is written for `ANY` alone, q
    not for `EMPTY`. A block is in one lookup or is `ANY`. ``values`` (n,) is scratch."""
    n, end = q.shape[1], leaves.first[group + 1]
    leaf, begin = find_leaf(leaves, group, start)
    if leaf < 0:
        return EMPTY
    if leaves.leaf[leaf].lookup and start + n <= leaves.leaf[leaf].stop:
        _denominators(leaves, leaf, start - begin, q[0], q[1], values)
        return ONES
    done = 0
    p[1, :] = ZERO
    while done < n and leaf < end:
        own = leaves.leaf[leaf]
        take = min(n - done, own.stop - start - done)
        first, stop = start + done - begin, done + take
        _denominators(leaves, leaf, first, q[0, done:stop], q[1, done:stop], values)
        if own.lookup:
            p[0, done:stop] = ONE
        else:
            uses = own.part + own.parts - 1
            integers(leaves.part[uses], leaves.outer[uses], first, values[:take])
            for i in range(take):
                p[0, done + i] = sub(ZERO, lift(values[i]))
        done = stop
        begin = own.stop
        leaf += 1
    p[0, done:] = ZERO
    q[0, done:] = ONE
    q[1, done:] = ZERO
    return ANY


class RowIndex(NamedTuple):
    """Where the rows of a table are, by their first component less ``first``: ``order``[``start``[v]] to
    ``order``[``start``[v + 1]], or row v where both are empty. ``contents`` (rows, components) is the table."""

    first: int
    start: Ints
    order: Ints
    contents: Ints


@njit(nogil=True)
def _row_of(index, values, i):
    """The row that a tuple is, or -1."""
    at, plain = np.uint64(values[0, i] - index.first), index.start.size == 0
    if at >= np.uint64(index.contents.shape[0] if plain else index.start.size - 1):
        return -1
    low, high = np.int64(at), np.int64(at) + 1
    if not plain:
        low, high = index.start[low], index.start[high]
    for j in range(low, high):
        row = j if plain else index.order[j]
        k = 1
        while k < index.contents.shape[1] and index.contents[row, k] == values[k, i]:
            k += 1
        if k == index.contents.shape[1]:
            return row
    return -1


@njit(cache=True, nogil=True)
def count_rows(leaves, leaf, index, counts, missed):
    """Count the table rows that the tuples of a leaf are. ``missed`` (cells,) takes the cells whose tuple is none;
    returns how many these are."""
    low, arity = leaves.leaf[leaf].part, index.contents.shape[1]
    size, n = missed.size, min(np.int64(1024), missed.size)
    values, found = np.empty((arity, n), np.int64), 0
    for start in range(0, size, n):
        for k in range(arity):
            integers(leaves.part[low + k], leaves.outer[low + k], start, values[k])
        for i in range(n):
            row = _row_of(index, values, i)
            if row >= 0:
                counts[row] += 1
            else:
                missed[found] = start + i
                found += 1
    return found
