"""BLAKE2b (RFC 7693, with the personalisation of the BLAKE2 paper) over many columns at once.

A lane is one message. Lanes are adjacent in memory and the compression function is straight-line
code inside the loop over lanes, so LLVM turns each word into a vector register. A digest of 32
bytes is four little-endian words: arrays of digests have shape [4, n].
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .operand import operand
from .pool import chunks, cores

Array = NDArray[np.uint64]

# Lanes per call of the compression function. State and message lie in one scratch array at constant
# distances, so that the compiler knows they do not overlap.
LANES = 64

IV = (
    np.uint64(0x6A09E667F3BCC908),
    np.uint64(0xBB67AE8584CAA73B),
    np.uint64(0x3C6EF372FE94F82B),
    np.uint64(0xA54FF53A5F1D36F1),
    np.uint64(0x510E527FADE682D1),
    np.uint64(0x9B05688C2B3E6C1F),
    np.uint64(0x1F83D9ABFB41BD6B),
    np.uint64(0x5BE0CD19137E2179),
)
FULL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def _initial(person: bytes, digest_size: int) -> Array:
    """The state before the first block: IV xor the parameter block (no key, sequential mode)."""
    if len(person) > 16:
        raise ValueError("a personalisation has at most 16 bytes")
    parameters = np.zeros(8, np.uint64)
    parameters[0] = 0x0101_0000 | digest_size
    parameters[6:] = np.frombuffer(person.ljust(16, b"\0"), "<u8")
    return np.array(IV, np.uint64) ^ parameters


@njit(forceinline=True)
def _rotate(x, n):
    return (x >> np.uint64(n)) | (x << np.uint64(64 - n))


@njit(forceinline=True)
def _quarter(a, b, c, d, x, y):
    a = a + b + x
    d = _rotate(d ^ a, 32)
    c = c + d
    b = _rotate(b ^ c, 24)
    a = a + b + y
    d = _rotate(d ^ a, 16)
    c = c + d
    b = _rotate(b ^ c, 63)
    return a, b, c, d


@njit(forceinline=True)
def _round(v, m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15):
    v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15 = v
    v0, v4, v8, v12 = _quarter(v0, v4, v8, v12, m0, m1)
    v1, v5, v9, v13 = _quarter(v1, v5, v9, v13, m2, m3)
    v2, v6, v10, v14 = _quarter(v2, v6, v10, v14, m4, m5)
    v3, v7, v11, v15 = _quarter(v3, v7, v11, v15, m6, m7)
    v0, v5, v10, v15 = _quarter(v0, v5, v10, v15, m8, m9)
    v1, v6, v11, v12 = _quarter(v1, v6, v11, v12, m10, m11)
    v2, v7, v8, v13 = _quarter(v2, v7, v8, v13, m12, m13)
    v3, v4, v9, v14 = _quarter(v3, v4, v9, v14, m14, m15)
    return v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15


@njit(cache=True, nogil=True)
def _compress(w, length, last):
    """Absorb one block into each of LANES states.

    w: state words at [i*LANES, (i+1)*LANES), i < 8, then the sixteen message words likewise;
    length: bytes absorbed with this block; last: all ones on the final block, else zero.
    """
    n = LANES
    # Unpacking into one tuple display would be tidier, but numba cannot compile it.
    for j in range(LANES):
        m0, m1, m2, m3 = w[8 * n + j], w[9 * n + j], w[10 * n + j], w[11 * n + j]
        m4, m5, m6, m7 = w[12 * n + j], w[13 * n + j], w[14 * n + j], w[15 * n + j]
        m8, m9, ma, mb = w[16 * n + j], w[17 * n + j], w[18 * n + j], w[19 * n + j]
        mc, md, me, mf = w[20 * n + j], w[21 * n + j], w[22 * n + j], w[23 * n + j]
        h0, h1, h2, h3 = w[j], w[n + j], w[2 * n + j], w[3 * n + j]
        h4, h5, h6, h7 = w[4 * n + j], w[5 * n + j], w[6 * n + j], w[7 * n + j]
        v = (h0, h1, h2, h3, h4, h5, h6, h7) + (IV[0], IV[1], IV[2], IV[3])  # noqa: RUF005
        v = v + (IV[4] ^ length, IV[5], IV[6] ^ last, IV[7])  # noqa: RUF005
        v = _round(v, m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, ma, mb, mc, md, me, mf)
        v = _round(v, me, ma, m4, m8, m9, mf, md, m6, m1, mc, m0, m2, mb, m7, m5, m3)
        v = _round(v, mb, m8, mc, m0, m5, m2, mf, md, ma, me, m3, m6, m7, m1, m9, m4)
        v = _round(v, m7, m9, m3, m1, md, mc, mb, me, m2, m6, m5, ma, m4, m0, mf, m8)
        v = _round(v, m9, m0, m5, m7, m2, m4, ma, mf, me, m1, mb, mc, m6, m8, m3, md)
        v = _round(v, m2, mc, m6, ma, m0, mb, m8, m3, m4, md, m7, m5, mf, me, m1, m9)
        v = _round(v, mc, m5, m1, mf, me, md, m4, ma, m0, m7, m6, m3, m9, m2, m8, mb)
        v = _round(v, md, mb, m7, me, mc, m1, m3, m9, m5, m0, mf, m4, m8, m6, m2, ma)
        v = _round(v, m6, mf, me, m9, mb, m3, m0, m8, mc, m2, md, m7, m1, m4, ma, m5)
        v = _round(v, ma, m2, m8, m4, m7, m6, m1, m5, mf, mb, m9, me, m3, mc, md, m0)
        v = _round(v, m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, ma, mb, mc, md, me, mf)
        v = _round(v, me, ma, m4, m8, m9, mf, md, m6, m1, mc, m0, m2, mb, m7, m5, m3)
        w[j] = h0 ^ v[0] ^ v[8]
        w[n + j] = h1 ^ v[1] ^ v[9]
        w[2 * n + j] = h2 ^ v[2] ^ v[10]
        w[3 * n + j] = h3 ^ v[3] ^ v[11]
        w[4 * n + j] = h4 ^ v[4] ^ v[12]
        w[5 * n + j] = h5 ^ v[5] ^ v[13]
        w[6 * n + j] = h6 ^ v[6] ^ v[14]
        w[7 * n + j] = h7 ^ v[7] ^ v[15]


@njit(cache=True, nogil=True)
def _columns(matrix, initial, out, lo, hi):
    rows = matrix.shape[0]
    w = np.zeros(24 * LANES, np.uint64)
    for start in range(lo, hi, LANES):
        count = min(LANES, hi - start)
        for i in range(8):
            w[i * LANES : (i + 1) * LANES] = initial[i]
        done = 0
        while True:
            for i in range(16):
                target = w[(8 + i) * LANES : (9 + i) * LANES]
                if done + i < rows:
                    target[:count] = matrix[done + i, start : start + count]
                else:
                    target[:] = np.uint64(0)
            done += 16
            if done >= rows:
                break
            _compress(w, np.uint64(8 * done), np.uint64(0))
        _compress(w, np.uint64(8 * rows), FULL)
        for i in range(4):
            out[i, start : start + count] = w[i * LANES : i * LANES + count]


@njit(cache=True, nogil=True)
def _absorb(low, high, block, length, last, lo, hi):
    rows = block.shape[0]
    w = np.zeros(24 * LANES, np.uint64)
    for start in range(lo, hi, LANES):
        count = min(LANES, hi - start)
        for i in range(4):
            w[i * LANES : i * LANES + count] = low[i, start : start + count]
            w[(4 + i) * LANES : (4 + i) * LANES + count] = high[i, start : start + count]
        for i in range(rows):
            w[(8 + i) * LANES : (8 + i) * LANES + count] = block[i, start : start + count]
        _compress(w, length, last)
        for i in range(4):
            low[i, start : start + count] = w[i * LANES : i * LANES + count]
            high[i, start : start + count] = w[(4 + i) * LANES : (4 + i) * LANES + count]


@njit(cache=True, nogil=True)
def _pairs(nodes, initial, out, lo, hi):
    w = np.zeros(24 * LANES, np.uint64)
    for start in range(lo, hi, LANES):
        count = min(LANES, hi - start)
        for i in range(8):
            w[i * LANES : (i + 1) * LANES] = initial[i]
        for i in range(4):
            row = nodes[i, 2 * start : 2 * (start + count)]
            left = w[(8 + i) * LANES : (9 + i) * LANES]
            right = w[(12 + i) * LANES : (13 + i) * LANES]
            for j in range(count):
                left[j] = row[2 * j]
                right[j] = row[2 * j + 1]
        _compress(w, np.uint64(64), FULL)
        for i in range(4):
            out[i, start : start + count] = w[i * LANES : i * LANES + count]


@njit(cache=True, nogil=True)
def _grind(seed, initial, mask, lo, hi):
    """The first nonce in [lo, hi) whose hash has no bit of the mask; hi if there is none."""
    w = np.zeros(24 * LANES, np.uint64)
    start = lo
    while start < hi:
        for i in range(8):
            w[i * LANES : (i + 1) * LANES] = initial[i]
        for i in range(4):
            w[(8 + i) * LANES : (9 + i) * LANES] = seed[i]
        for j in range(LANES):
            w[12 * LANES + j] = start + np.uint64(j)
        _compress(w, np.uint64(40), FULL)
        for j in range(LANES):
            if w[j] & mask == np.uint64(0) and start + np.uint64(j) < hi:
                return start + np.uint64(j)
        start += np.uint64(LANES)
    return hi


def hash_columns(matrix: Array, person: bytes) -> Array:
    """Digests [4, n] of the columns of matrix [rows, n], each as 8*rows bytes, little-endian."""
    matrix = operand(matrix)
    n = matrix.shape[1]
    out = np.empty((4, n), np.uint64)
    initial = _initial(person, 32)
    chunks(lambda lo, hi: _columns(matrix, initial, out, lo, hi), n, 16 * LANES)
    return out


class ColumnHash:
    """`hash_columns` of n columns whose rows come in blocks: 16 at a time, up to 16 at the end."""

    def __init__(self, n: int, person: bytes) -> None:
        self._low, self._high = np.empty((4, n), np.uint64), np.empty((4, n), np.uint64)
        initial = _initial(person, 32)
        self._low[:], self._high[:] = initial[:4, None], initial[4:, None]
        self._length = 0

    def absorb(self, block: Array, last: bool) -> None:
        """The next rows [k, n]; k is 16 unless they are the ``last``."""
        block = operand(block)
        rows, n = block.shape
        if n != self._low.shape[1] or not (1 <= rows <= 16 if last else rows == 16):
            raise ValueError(f"cannot absorb {block.shape} into {self._low.shape[1]} columns")
        self._length += 8 * rows
        length, final = np.uint64(self._length), FULL if last else np.uint64(0)
        state = self._low, self._high
        chunks(lambda lo, hi: _absorb(*state, block, length, final, lo, hi), n, 16 * LANES)

    def digests(self) -> Array:
        """[4, n], after the last block."""
        return self._low


def hash_pairs(nodes: Array, person: bytes) -> Array:
    """Parents [4, m] of nodes [4, 2m]: the digest of left child then right child."""
    nodes = operand(nodes)
    m, odd = divmod(nodes.shape[1], 2)
    if nodes.shape[0] != 4 or odd:
        raise ValueError(f"nodes have shape [4, 2m], not {nodes.shape}")
    out = np.empty((4, m), np.uint64)
    initial = _initial(person, 32)
    chunks(lambda lo, hi: _pairs(nodes, initial, out, lo, hi), m, 32 * LANES)
    return out


def grind(seed: bytes, bits: int) -> int:
    """The least nonce whose 8-byte digest of seed (32 bytes) || nonce ends in `bits` zero bits."""
    if len(seed) != 32 or not 0 <= bits <= 64:
        raise ValueError("grinding takes a seed of 32 bytes and at most 64 bits")
    words = operand(np.frombuffer(seed, "<u8"))
    initial = _initial(b"zklemma.grind", 8)
    mask = np.uint64((1 << bits) - 1)
    start, size = 0, 1 << 14

    def search(lo: int, hi: int) -> int | None:
        end = np.uint64(start + hi)
        found = _grind(words, initial, mask, np.uint64(start + lo), end)
        return None if found == end else int(found)

    while True:
        for found in chunks(search, cores() * size, size):
            if found is not None:
                return found
        start += cores() * size
