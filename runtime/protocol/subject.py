"""What a conversation is about: all that both sides know before the first message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..circuit.extents import Shape
from ..circuit.index import Inputs
from ..circuit.relations import Circuit
from .axis_weights import Expander
from .parameters import Parameters
from .plan import Plan
from .transcript import Transcript

PROTOCOL = "zklemma protocol 1: Goldilocks, BLAKE2b, unique decoding"


@dataclass(frozen=True)
class Subject:
    """That there are columns under ``weight_roots`` and witness columns that satisfy the circuit.

    The roots are of the ``param`` columns and, if there are any, of the ``renewed`` ones.
    What the statement says are ``inputs`` of the circuit; or, where it reveals columns, those have the cells
    ``shown``, are what ``digests`` commit to, or are among the ``silent`` ones, of which nothing is said. About
    weights alone it says nothing.
    ``identity`` lists what the transcript absorbs first, by label: together it must fix everything else here.
    """

    circuit: Circuit
    parameters: Parameters
    weight_roots: tuple[bytes, ...]
    shape: Shape
    inputs: Inputs
    hiding: bool
    identity: tuple[tuple[str, bytes], ...]
    shown: Mapping[str, Sequence[int] | np.ndarray] = field(default_factory=dict)
    digests: Mapping[str, bytes] = field(default_factory=dict)
    silent: tuple[str, ...] = ()

    def begin(self) -> Transcript:
        transcript = Transcript(PROTOCOL)
        for label, data in self.identity:
            transcript.absorb(label, data)
        return transcript

    @cached_property
    def plan(self) -> Plan:
        return Plan(self.circuit, self.parameters, self.shape, tuple(self.digests), self.silent)

    @cached_property
    def expander(self) -> Expander:
        return Expander(self.circuit, self.shape, self.inputs)
