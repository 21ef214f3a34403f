"""The cosines and sines of rotary position embedding (Su et al. 2021) as integers over 2^16.

Channels i and i + D/2 of a head share the angle position * theta^(-2i/D) / factor. Entries are
correctly rounded, so that every machine has the same ones.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from ...dialects.nn import ROPE_FRAC
from ...dialects.table_expr import evaluate_grid


def rope_expression(function: str, theta: float, factor: float, dim: int) -> str:
    """The expression in `position` and `i` (the channel modulo D/2) of one table."""
    power = f"{_decimal(theta)}^(-2 * i / {dim})"
    return f"round(2^{ROPE_FRAC} * {function}(position * {power} / {_decimal(factor)}))"


def rope_table(theta: float, factor: float, tokens: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """cos and sin of shape (tokens, dim), int64."""
    grid = {
        "position": np.arange(tokens, dtype=np.int64)[:, None],
        "i": np.arange(dim, dtype=np.int64)[None, :] % (dim // 2),
    }
    cos, sin = (
        evaluate_grid(rope_expression(function, theta, factor, dim), grid)
        for function in ("cos", "sin")
    )
    return cos, sin


def _decimal(value: float) -> str:
    return format(Decimal(value), "f")
