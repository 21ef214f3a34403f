"""Parameters for a circuit: sizes taken from the largest statement that its key allows."""

from __future__ import annotations

import math

from ...schema.circuit import Circuit, Shape
from .parameters import Parameters, choose, with_columns
from .plan import Plan

# The number of slabs is not known before the parameters are; each doubling takes two more pads.
SPARE_PADS = 32


def choose_parameters(circuit: Circuit, max_tokens: int, hiding: bool) -> Parameters:
    """Parameters for proofs of up to ``max_tokens`` tokens, half of them generated, say; other splits
    are served as well. ``hiding``: whether the weights are to be masked."""
    generated = max(1, max_tokens // 2)
    plan = Plan(circuit, with_columns(12, 0), Shape(max_tokens - generated + 1, generated))
    weights = sum(math.prod(plan.sizes(column.axes)) for column in circuit.home("param"))
    witness = sum(math.prod(sizes) for _, sizes in plan.witness_sizes)
    return choose(weights, witness, plan.pads + SPARE_PADS, hiding)
