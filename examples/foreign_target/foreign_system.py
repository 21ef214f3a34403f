"""A target of another package, which `zklemma compile --target integers` compiles for.

It checks traces over the integers, without a field, and takes circuits in which every column is given:
`legalize` leaves those optimisations out that define columns by relations, or leave cells of them away.

    compiled = zklemma.compile(network, examples, target="integers")
    trace = compiled.prove(examples[:1])
    compiled.verify(trace)

Like the reference it proves nothing. A proof system would commit to the columns of the witness in `prove`, and
have a conversation about them.

Errors: `InvalidProof` that names the relations that do not hold.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from zklemma.compiler.interpret_circuit import check
from zklemma.compiler.levels import Level
from zklemma.errors import InvalidProof
from zklemma.runtime.circuit.function import Batch
from zklemma.runtime.model.lowered import Executable
from zklemma.runtime.progress import Clock
from zklemma.runtime.witness.function_executor import FunctionExecutor
from zklemma.tools.systems.target import Limits

LEFT_OUT = ("virtualize-remainders", "band-attention")


class Integers:
    """Functions of tensors with small tables."""

    name = "integers"
    summary = "no proof: checks each relation over the integers"
    field = 2**127 - 1  # Whatever a relation's sides may be: no integer of a circuit is as large.
    limits = Limits(kinds=("function",), table_rows=1 << 18, hides=False, proves=False)

    def legalize(self, level: Level) -> Level:
        return replace(level, disabled=(*level.disabled, *LEFT_OUT))

    def setup(self, lowered: Executable, private: bool, clock: Clock) -> Executable:
        return lowered

    def prove(
        self, artifact: Executable, given: dict[str, np.ndarray], **options: Any
    ) -> dict[str, np.ndarray]:
        """All columns but the public ones."""
        cells = artifact.key.function_signature.quantize(given)
        executor = FunctionExecutor(artifact.key.circuit, artifact.program, artifact.params)
        return {**artifact.params, **executor.witness(cells)}

    def verify(self, key: Any, proof: dict[str, np.ndarray], **options: Any) -> int:
        """How many relations hold, which are all."""
        circuit = key.circuit
        (name,) = next(iter(circuit.reveals.values()))
        if wrong := check(circuit, Batch(len(proof[name])), proof):
            raise InvalidProof(f"these do not hold: {', '.join(wrong)}")
        return len(circuit.einsums) + len(circuit.lookups) + len(circuit.linears)


TARGET = Integers()
