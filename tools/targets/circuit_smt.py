"""`circuit-smt`: that a circuit's inputs have one witness and nothing wraps, as SMT-LIB for any solver.

A script is a sequence of claims, each between a push and a pop, and each holds if the solver answers unsat: two
different witnesses of the same inputs can not exist, a column is in its range, a relation does not wrap
(`uniqueness`). ``kind`` asks for one kind of claims; of the others, which are not about soundness, `exists` says
that honest provers have a witness, and `rest` need not hold.

Errors: `UserError` for a module without exactly one circuit, and for an unknown kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.target import Target

from ...compiler.emit import circuit_of
from ...compiler.targets.circuit_json import the_circuit
from ...errors import UserError
from ..uniqueness.examine import KINDS, scripts

SOUND = ("range", "bound", "unique")
"""The kinds that a verifier relies on."""


@dataclass(frozen=True)
class CircuitSmt(Target):
    """The claims of `SOUND`, or those of one kind."""

    name = "circuit-smt"
    kind: str | None = None

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        if self.kind not in (None, *KINDS):
            raise UserError(f"{self.name}: no kind {self.kind} of claims: {', '.join(KINDS)}")
        kinds = (self.kind,) if self.kind else SOUND
        for at, text in enumerate(scripts(circuit_of(the_circuit(module)), kinds).values()):
            output.write(text.partition("\n")[2] if at else text)
