"""What audits of all kinds of keys ask: whether a circuit is what the key's function is lowered to, and whether the
proofs that the key carries hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import VerifyException

from ..compiler.analysis.compare_circuits import circuit_differences
from ..compiler.pipelines import lower
from ..compiler.transforms.guard import summary
from ..errors import InvalidProof, UserError, ZklemmaError
from ..runtime.circuit.encoding import decode_circuit, encode_circuit
from ..runtime.circuit.extents import CircuitError
from ..runtime.circuit.program import Program
from ..runtime.circuit.relations import Circuit
from ..runtime.model.keys import VerifyingKey


@dataclass(frozen=True)
class Lowered:
    """What a function is lowered to, None where it is to nothing, and where the key has another circuit."""

    made: tuple[Circuit, Program] | None
    problems: list[str] = field(default_factory=list)

    @property
    def bounds(self) -> int:
        """How many no-wrap bounds were computed again."""
        circuit = self.made and self.made[0]
        return len(circuit.einsums) + len(circuit.linears) if circuit else 0


def compare_circuit(key: VerifyingKey, function: ModuleOp, private: bool = False) -> Lowered:
    """A function lowered again, beside the key's circuit, or the one in which tokens are ``private``."""
    noun = "private circuit" if private else "circuit"
    data = bytes(key.private_circuit_bytes if private else key.circuit_bytes)
    try:
        made = lower(function, private)
    except (ZklemmaError, VerifyException, CircuitError) as error:
        return Lowered(None, [f"the function has no {noun}: {summary(error)}"])
    wanted, _ = made
    if encode_circuit(wanted) == data:
        return Lowered(made)
    try:
        found = decode_circuit(data)
    except CircuitError as error:
        raise UserError(f"{key.source}: the {noun} is malformed: {error}") from None
    lines = circuit_differences(wanted, found) or ["it has other bytes"]
    return Lowered(made, [f"the {noun} is not the function's: {line}" for line in lines])


def refusal(check: Callable[[], None]) -> list[str]:
    """What a check refuses, in a line."""
    try:
        check()
    except (InvalidProof, UserError) as error:
        return [str(error)]
    return []
