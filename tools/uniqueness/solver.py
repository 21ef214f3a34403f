"""Asking z3 whether a claim holds, and checking without it that a counterexample is one.

Where the solver makes up contents of a table, it is told what the table holds there, and asked again, first about
just the keys that it chose. Simple examples are looked for first: in which no relation wraps, and in which a known
factor of a product with an unknown one is one of a few numbers, which leaves linear equations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import MissingPackage, ZklemmaError, expect
from .cells import Cells, Row
from .claims import Claim
from .script import WRAPS

EFFORT, LITTLE = 60_000_000, 3_000_000
"""How much of its own units the solver may do for one question, which takes no longer on a busy machine: about ten
seconds of one core, and half a second."""
ROUNDS = 20
FACTORS = (1 << 15, 69_632, 162_193, 199_605)
"""Divisors of which powers of two leave remainders, or miss the divisor, by more than one limb or just as much."""


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
        raise MissingPackage("z3-solver", "dev") from None
    return z3


def decide(claim: Claim) -> Verdict:
    """The verdict on a claim; `ZklemmaError` where the solver finds none with some effort."""
    search = _Search(claim)
    example = search.simple()
    if example is None:
        search.solver.set("rlimit", EFFORT)
        example = search.run()
    return Verdict(claim, example is None, example or {})


@dataclass
class _Search:
    claim: Claim

    def __post_init__(self) -> None:
        # What the solver finds must not depend on what it was asked before.
        self.context = z3().Context()
        self.solver = z3().Solver(ctx=self.context)
        self.solver.from_string(self.claim.text)

    def integer(self, name: str) -> Any:
        return z3().Int(name, self.context)

    def undecided(self) -> ZklemmaError:
        return ZklemmaError(
            f"{self.claim.subject}: z3 finds neither that the claim ({self.claim.kind}) holds nor a "
            "counterexample; zklemma smt -o writes the claims for other solvers"
        )

    def simple(self) -> Mapping[str, int] | None:
        """A simple example, if there is one that is easily found."""
        if self.claim.cells is None or self.claim.kind == "range":
            return None
        parts = self.claim.text.split(f"(declare-const |{WRAPS}")[1:]
        tame = [self.integer(f"{WRAPS}{part.partition('|')[0]}") == 0 for part in parts]
        pins = [self.integer(factor) for factor in known_factors(self.claim.cells)]
        tries = [[*tame, *(pin == value for pin in pins)] for value in FACTORS if pins]
        self.solver.set("rlimit", LITTLE)
        for assumed in tries or ([tame] if tame else []):
            self.solver.push()
            self.solver.add(*assumed)
            try:
                if example := self.run():
                    return example
            except ZklemmaError:
                pass
            finally:
                self.solver.pop()
        return None

    def run(self) -> Mapping[str, int] | None:
        """An example that is right about tables; None if there is none."""
        for _ in range(ROUNDS):
            example = self.model()
            wrong = self.wrong(example)
            if example is None or not wrong:
                return example
            self.learn(wrong, example)
            self.solver.push()
            for row in wrong:
                key = row.forms[0]
                total = z3().Sum([c * self.integer(v) for v, c in key.terms]) + key.constant
                self.solver.add(total == key.value(self.complete(example)))
            try:
                example = self.model()
            except ZklemmaError:
                example = None
            self.solver.pop()
            if example is not None:
                wrong = self.wrong(example)
                if not wrong:
                    return example
                self.learn(wrong, example)
        raise self.undecided()

    def model(self) -> Mapping[str, int] | None:
        """The values of an example, None if there is none."""
        answer = self.solver.check()
        if answer == z3().unsat:
            return None
        if answer != z3().sat:
            raise self.undecided()
        model = self.solver.model()
        return {
            symbol.name(): model[symbol].as_long()
            for symbol in model.decls()
            if symbol.arity() == 0 and z3().is_int_value(model[symbol])
        }

    def complete(self, example: Mapping[str, int]) -> dict[str, int]:
        return complete(expect(self.claim.cells, Cells), example)

    def wrong(self, example: Mapping[str, int] | None) -> list[Row]:
        """Rows that an example takes for those of a table and that are not."""
        cells = self.claim.cells
        if cells is None or example is None or self.claim.kind == "exists":
            # Where there is no witness the rows are not right.
            return []
        values = complete(cells, example)
        return [row for row in cells.rows if not row.holds(values, cells.circuit.data)]

    def learn(self, wrong: list[Row], example: Mapping[str, int]) -> None:
        """Tell the solver what tables hold at an example's keys."""
        cells = expect(self.claim.cells, Cells)
        for row in wrong:
            key = row.forms[0].value(self.complete(example))
            found = row.candidates(cells.circuit.data, key)
            for i in range(1, len(row.forms)):
                integers = z3().IntSort(self.context)
                function = z3().Function(f"{row.table}.{i}", integers, integers)
                if len(found):
                    self.solver.add(function(key) == int(found[0][i]))


def known_factors(cells: Cells) -> list[str]:
    """Known variables that are factors of products with unknown numbers."""
    factors = (f for e in cells.equations for _, product in e.products for f in product)
    found = (f.terms[0][0] for f in factors if len(f.terms) == 1 and f.constant == 0)
    return list(dict.fromkeys(name for name in found if name not in cells.columns))


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
    found += [i.label for i in cells.insides if not i.holds(values)]
    found += [f"{f.kind}: {', '.join(f.names)}" for f in cells.facts if not f.holds(values)]
    outside = (v for v, (low, high) in cells.variables.items() if not low <= values[v] <= high)
    return [*found, *outside]
