"""Randomness for hiding, from the operating system; zeros when a proof does not hide."""

from __future__ import annotations

import os

import numpy as np

from .field import P

CHUNK = 1 << 18


class Randomness:
    """Uniform field elements, drawn fresh at every call and never derived from anything else."""

    def __init__(self, hiding: bool):
        self.hiding = hiding

    def elements(self, *shape: int) -> np.ndarray:
        """A uint64 array of uniform elements of F (zeros without hiding)."""
        out = np.zeros(shape, np.uint64)
        if self.hiding:
            flat = out.reshape(-1)
            for start in range(0, flat.size, CHUNK):
                _draw(flat[start : start + CHUNK])
        return out


def _draw(out: np.ndarray) -> None:
    out[:] = np.frombuffer(os.urandom(out.nbytes), np.uint64)
    while (missing := np.flatnonzero(out >= np.uint64(P))).size:
        out[missing] = np.frombuffer(os.urandom(8 * missing.size), np.uint64)
