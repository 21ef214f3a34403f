"""Parameters for a model: sizes taken from the largest statements that its key allows, checked for security.

The same parameters serve every proof under a key: answers with tokens as inputs or as columns, batches of a
function with whatever behind digests, the ranges of the weights, links to rotated keys.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...errors import UserError
from ..circuit import kinds
from ..circuit.extents import Shape
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
    """Parameters for the largest proofs that the circuits serve, half of their tokens generated, say; other splits
    are served as well. ``circuits`` share their weights. ``hiding``: whether the weights are to be masked.

    `UserError` if none give proofs of enough bits.
    """
    kind = kinds.of(circuits[0].extents)
    shape = kind.largest(circuits[0])
    weights = _cells(circuits[0], "param", shape)
    columns = max(12, min(22, bits_of(weights + _cells(circuits[0], "witness", shape)) - 8))
    trial = [Plan(c, with_columns(columns, 0), shape, kind.sealable(c, shape)) for c in circuits]
    # The first circuit is the one to be quick with.
    witness = trial[0].committed_cells
    pads = max(needed(plan).pads for plan in trial) + SPARE_PADS
    for found in options(weights, witness, pads, hiding):
        if all(security_bits(plan) >= LEAST_BITS for plan in _plans(circuits, found)):
            return found
    raise UserError(
        f"no code parameters give proofs of {kind.counted(circuits[0])} with this model {LEAST_BITS} bits of "
        f"security: compile it for {kind.SMALLER}"
    )


def _cells(circuit: Circuit, home: Home, shape: Shape) -> int:
    columns = circuit.committed if home == "witness" else circuit.home(home)
    return sum(math.prod(circuit.sizes(column, shape)) for column in columns)


def _plans(circuits: Sequence[Circuit], p: Parameters) -> list[Plan]:
    """The hardest proofs of each kind."""
    kind = kinds.of(circuits[0].extents)
    plans = [
        Plan(c, p, shape, kind.sealable(c, shape)) for c in circuits for shape in kind.hardest(c)
    ]
    about_weights = range_circuit(circuits[0]), link_circuit(circuits[0])
    return plans + [Plan(circuit, p, Shape()) for circuit in about_weights]
