"""Parameters for a circuit: sizes taken from the largest statement that its key allows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...schema.circuit import Circuit, Shape
from .parameters import Parameters, choose, with_columns
from .plan import Plan

# The number of slabs is not known before the parameters are; each doubling takes two more pads.
SPARE_PADS = 32


def choose_parameters(circuits: Sequence[Circuit], max_tokens: int, hiding: bool) -> Parameters:
    """Parameters for proofs of up to ``max_tokens`` tokens, half of them generated, say; other splits
    are served as well. ``circuits`` share their weights. ``hiding``: whether the weights are to be masked."""
    generated = max(1, max_tokens // 2)
    shape = Shape(max_tokens - generated + 1, generated)
    plans = [Plan(c, with_columns(12, 0), shape, tuple(c.reveals)) for c in circuits]
    weights = sum(math.prod(plans[0].sizes(column.axes)) for column in circuits[0].home("param"))
    # The first circuit is the one to be quick with.
    witness = sum(math.prod(sizes) for _, sizes in plans[0].witness_sizes)
    return choose(weights, witness, max(plan.pads for plan in plans) + SPARE_PADS, hiding)
