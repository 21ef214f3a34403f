"""Parameters for a model: sizes taken from the largest statements that its key allows, checked for security.

The same parameters serve every proof under a key: answers with tokens as inputs or as columns, the ranges of the
weights, links to rotated keys.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...errors import UserError
from ..circuit.extents import Shape
from ..circuit.generation import Generation, longest
from ..circuit.relations import Circuit, Home
from ..protocol.axis_weights import bits_of
from ..protocol.conversation import needed
from ..protocol.parameters import Parameters, options, with_columns
from ..protocol.plan import Plan
from ..protocol.soundness import LEAST_BITS, security_bits
from .links import link_circuit
from .weight_ranges import range_circuit

# The number of slabs is not known before the parameters are; each doubling takes two more pads.
SPARE_PADS = 32


def choose_parameters(circuits: Sequence[Circuit], hiding: bool) -> Parameters:
    """Parameters for the longest proofs that the circuits serve, half of their tokens generated, say; other splits
    are served as well. ``circuits`` share their weights. ``hiding``: whether the weights are to be masked.

    `UserError` if none give proofs of enough bits.
    """
    max_tokens = longest(circuits[0])
    generated = max(1, max_tokens // 2)
    shape = Generation(max_tokens - generated + 1, generated)
    weights = _cells(circuits[0], "param", shape)
    columns = max(12, min(22, bits_of(weights + _cells(circuits[0], "witness", shape)) - 8))
    trial = [Plan(c, with_columns(columns, 0), shape, tuple(c.reveals)) for c in circuits]
    # The first circuit is the one to be quick with.
    witness = trial[0].committed_cells
    pads = max(needed(plan).pads for plan in trial) + SPARE_PADS
    for found in options(weights, witness, pads, hiding):
        if all(security_bits(plan) >= LEAST_BITS for plan in _plans(circuits, found, max_tokens)):
            return found
    raise UserError(
        f"no code parameters give proofs of {max_tokens} tokens with this model {LEAST_BITS} bits of security: "
        "compile it for fewer --max-tokens"
    )


def _cells(circuit: Circuit, home: Home, shape: Shape) -> int:
    columns = circuit.committed if home == "witness" else circuit.home(home)
    return sum(math.prod(circuit.sizes(column, shape)) for column in columns)


def _plans(circuits: Sequence[Circuit], p: Parameters, max_tokens: int) -> list[Plan]:
    """The largest proofs of each kind, and those whose positions are cut in three: deferred claims on each cut are
    claims of their own, so that these may take more pads than longer ones."""
    cut_in_three = min(max_tokens, 7 << max(0, (max_tokens // 7).bit_length() - 1))
    lengths = {max_tokens, cut_in_three}
    shapes = [shape for n in lengths for shape in (Generation(1, n - 1), Generation(n - 1, 1))]
    plans = [Plan(c, p, shape, tuple(c.reveals)) for c in circuits for shape in shapes]
    about_weights = range_circuit(circuits[0]), link_circuit(circuits[0])
    return plans + [Plan(circuit, p, Shape()) for circuit in about_weights]
