"""A form of output of another package: a circuit's relations as a table for spreadsheets.

    zk-translate circuit.mlir --to 'circuit-csv{kind=lookup}' -o lookups.csv

Errors: `UserError` for a module without exactly one circuit, and for a kind that no relation has.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import IO, Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.universe import Universe
from xdsl.utils.target import Target
from zklemma.compiler.targets.circuit_json import plain, the_circuit
from zklemma.errors import UserError

KINDS = ("einsum", "linear", "lookup", "gather")


@dataclass(frozen=True)
class CircuitCsv(Target):
    """A line for each relation, or each of one kind: its kind, name and module, and the columns that it reads."""

    name = "circuit-csv"
    kind: str = ""

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        if self.kind and self.kind not in KINDS:
            raise UserError(
                f"{self.name}: there is no kind {self.kind}; there are {', '.join(KINDS)}"
            )
        table = csv.writer(output, lineterminator="\n")
        table.writerow(("kind", "relation", "module", "columns"))
        for relation in plain(the_circuit(module))["relations"]:
            if self.kind in ("", relation["kind"]):
                columns = " ".join(dict.fromkeys(columns_in(relation)))
                table.writerow((relation["kind"], relation["name"], relation["module"], columns))


def columns_in(part: Any) -> list[str]:
    """The columns that are named anywhere in a relation."""
    if isinstance(part, dict):
        own = [part["column"]] if "column" in part else []
        return own + [name for each in part.values() for name in columns_in(each)]
    if isinstance(part, list | tuple):
        return [name for each in part for name in columns_in(each)]
    return []


UNIVERSE = Universe(all_targets={"circuit-csv": lambda: CircuitCsv})
