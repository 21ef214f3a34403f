"""The cosines and sines of rotary position embedding (Su et al. 2021) as integers over 2^16.

Channels i and i + D/2 of a head share an angle (`dialects.rotation`). Entries are correctly rounded, so
that every machine has the same ones.
"""

from __future__ import annotations

import numpy as np

from ...dialects.nn import ROPE_FRAC
from ...dialects.rotation import Rotation
from ...dialects.table_expr import evaluate_grid


def rope_expression(function: str, rotation: Rotation, dim: int) -> str:
    """The expression in `position` and `i` (the channel modulo D/2) of one table."""
    return f"round(2^{ROPE_FRAC} * {function}({rotation.angle('position', 'i', dim)}))"


def rope_table(rotation: Rotation, tokens: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """cos and sin of shape (tokens, dim), int64."""
    grid = {
        "position": np.arange(tokens, dtype=np.int64)[:, None],
        "i": np.arange(dim, dtype=np.int64)[None, :] % (dim // 2),
    }
    cos, sin = (
        evaluate_grid(rope_expression(function, rotation, dim), grid) for function in ("cos", "sin")
    )
    return cos, sin
