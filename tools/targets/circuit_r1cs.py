"""`circuit-r1cs`: a final circuit as an .r1cs file of iden3's tools, at one shape (`r1cs`).

    zk-translate circuit.mlir --to 'circuit-r1cs{prompt=2 generated=1 tokens=3,1,4}' -o circuit.r1cs

``tokens`` are needed where the circuit takes them as inputs. Witnesses need weights: `python -m zklemma.tools.r1cs`
writes them for an artifact.

What is written are bytes, each as the character of its number.

Errors: `UserError` for a module without exactly one circuit, and for tokens that do not fit the shape.
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
from ...runtime.circuit.generation import BELOW_NEXT, Generation, Tokens, longest, vocabulary
from ...runtime.witness.columns import Columns
from ..r1cs import encode, r1cs


@dataclass(frozen=True)
class CircuitR1cs(Target):
    """Constraints over the scalar field of BN254."""

    name = "circuit-r1cs"
    prompt: int = 1
    generated: int = 1
    tokens: tuple[int, ...] = ()

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        circuit = circuit_of(the_circuit(module))
        count, given = self.prompt + self.generated, self.tokens
        if self.prompt < 1 or self.generated < 1 or count > longest(circuit) + 1:
            raise UserError(f"{self.name}: at most {longest(circuit)} positions, and some of each")
        reads = any(
            index.kind in ("token", "previous", "next")
            for _, expr in circuit.expressions()
            for term in expr.terms
            for index in term.indices
        ) or any(column.kind == BELOW_NEXT for column in circuit.columns)
        if reads and len(given) != count:
            raise UserError(f"{self.name}: the circuit takes {count} tokens: give tokens=1,2,..")
        if reads and not all(0 <= token < vocabulary(circuit.axis) for token in given):
            raise UserError(f"{self.name}: a token is not in the vocabulary")
        shape = Generation(self.prompt, self.generated)
        columns = Columns(circuit, shape, {}, Tokens(given if reads else [0] * count, shape))
        output.write(encode(r1cs(columns, known=False)).decode("latin-1"))
