"""Asking z3 whether a claim holds, and checking without it that a counterexample is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import MissingPackage, ZklemmaError
from .cells import Cells
from .claims import Claim

SECONDS = 120
ROUNDS = 40


@dataclass(frozen=True)
class Verdict:
    """Whether a claim holds; else the values of its variables that show that it does not."""

    claim: Claim
    holds: bool
    example: Mapping[str, int]


def z3() -> Any:
    try:
        import z3
    except ModuleNotFoundError:
        raise MissingPackage("z3-solver", "smt") from None
    return z3


def decide(claim: Claim, seconds: int = SECONDS) -> Verdict:
    """The verdict on a claim; `ZklemmaError` where the solver has none in ``seconds``.

    Where the solver makes up contents of a table, the rows that the table has there are added, and it is asked again.
    """
    solver = z3().Solver()
    solver.set("timeout", 1000 * seconds)
    solver.from_string(claim.text)
    for _ in range(ROUNDS):
        answer = solver.check()
        if answer == z3().unsat:
            return Verdict(claim, True, {})
        if answer != z3().sat:
            break
        model = solver.model()
        example = {
            symbol.name(): model[symbol].as_long()
            for symbol in model.decls()
            if symbol.arity() == 0 and z3().is_int_value(model[symbol])
        }
        if not claim.cells or not teach(solver, claim.cells, example):
            return Verdict(claim, False, example)
    raise ZklemmaError(f"{claim.subject} ({claim.kind}): the solver does not decide in {seconds} s")


def teach(solver: Any, cells: Cells, example: Mapping[str, int]) -> bool:
    """Add what tables hold at the keys of an example that got them wrong; whether there were any."""
    wrong = [row for row in cells.rows if not row.holds(complete(cells, example), cells.circuit.data)]
    taught = False
    for row in wrong:
        key = row.forms[0].value(complete(cells, example))
        found = row.candidates(cells.circuit.data, key)
        for i in range(1, len(row.forms)):
            function = z3().Function(f"{row.table}.{i}", z3().IntSort(), z3().IntSort())
            if len(found):
                solver.add(function(key) == int(found[0][i]))
                taught = True
    return taught


def complete(cells: Cells, example: Mapping[str, int]) -> dict[str, int]:
    """An example with values for the variables that it leaves open."""
    return {
        variable: example.get(variable, max(low, min(0, high)))
        for variable, (low, high) in cells.variables.items()
    }


def violated(cells: Cells, example: Mapping[str, int]) -> list[str]:
    """The relations and facts of the cells that do not hold at an example, modulo the prime, by real tables."""
    values = complete(cells, example)
    found = [e.label for e in cells.equations if not e.holds(values)]
    found += [r.label for r in cells.rows if not r.holds(values, cells.circuit.data)]
    found += [f"{f.kind}: {', '.join(f.names)}" for f in cells.facts if not f.holds(values)]
    outside = (v for v, (low, high) in cells.variables.items() if not low <= values[v] <= high)
    return [*found, *outside]
