"""`circuit-smt`: that a circuit's inputs have one witness and nothing wraps, as SMT-LIB for any solver.

A script is a sequence of claims, each between a push and a pop, and each holds if the solver answers unsat: two
different witnesses of the same inputs can not exist, a column is in its range, a relation does not wrap
(`uniqueness`). ``kind`` asks for one kind of them: range, unique, exists, bound or rest, the last of which need not
hold.

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
from ..uniqueness.claims import MUST
from ..uniqueness.examine import KINDS, scripts


@dataclass(frozen=True)
class CircuitSmt(Target):
    """All claims that must hold, or those of one kind."""

    name = "circuit-smt"
    kind: str | None = None

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        if self.kind not in (None, *KINDS):
            raise UserError(f"{self.name}: no kind {self.kind} of claims: {', '.join(KINDS)}")
        found = scripts(circuit_of(the_circuit(module)))
        for at, kind in enumerate((self.kind,) if self.kind else MUST):
            logic, _, claims = found[kind].partition("\n")
            output.write(claims if at else f"{logic}\n{claims}")
            output.write("\n")
