"""Columns of a commitment at positions that are drawn after work: the verifier's side."""

from __future__ import annotations

import numpy as np

from ....errors import InvalidProof
from ... import field
from ..channel import Channel
from ..transcript import check_grind
from .merkle import SALT_WORDS, read_opening


def draw_positions(channel: Channel, count: int, bits: int, log_code: int) -> list[int]:
    """The distinct positions of ``count`` draws, in rising order."""
    seed = channel.transcript.seed()
    nonce = channel.raw("work", 8)
    if not check_grind(seed, int.from_bytes(nonce, "little"), bits):
        raise InvalidProof("opening: the proof of work is missing")
    return sorted(set(channel.transcript.positions(count, 1 << log_code)))


def open_columns(
    channel: Channel, root: bytes, positions: list[int], depth: int, words: int
) -> np.ndarray:
    """Open columns of ``words`` words and a salt; (positions, words), canonical values only."""
    columns, data = read_opening(channel.reader, root, positions, depth, words + SALT_WORDS)
    channel.transcript.absorb("columns", data)
    out = columns[:, :words].astype(np.uint64)
    if (out >= np.uint64(field.P)).any():
        raise InvalidProof("non-canonical field element")
    return out


# Coefficients that are evaluated together, a power of two: about as many as there are chunks of them.
STEP = 64
# Values of chunks that are held at a time.
TOGETHER = 1 << 16


def evaluate(coefficients: np.ndarray, points: list[int]) -> np.ndarray:
    """A polynomial over K, (2, d) coefficients, at n points of F, (2, n): in chunks of ``STEP`` coefficients,
    then by Horner's rule."""
    chunks = -(-coefficients.shape[1] // STEP)
    if len(points) > 1 and chunks * len(points) > TOGETHER:
        half = len(points) // 2
        parts = [evaluate(coefficients, some) for some in (points[:half], points[half:])]
        return np.concatenate(parts, axis=1)
    padded = np.zeros((2, chunks * STEP), np.uint64)
    padded[:, : coefficients.shape[1]] = coefficients
    x = np.array(points, np.uint64)
    powers = field.powers_of(x, STEP).T
    values = field.matmul(padded.reshape(-1, STEP), powers).reshape(2, chunks, -1)
    total, stride = np.zeros((2, len(x)), np.uint64), field.power(x, STEP)
    for value in reversed(values.swapaxes(0, 1)):
        total = field.kadd(field.mul(total, stride), value)
    return total
