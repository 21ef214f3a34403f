"""What the solver is told of a cell is what the circuit says there: it holds of the executor's witness.

Values of known variables come from the interpreter of circuits, which reads them by its own index maps.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zklemma.compiler.interpret_circuit import Evaluator
from zklemma.runtime.circuit.relations import Expr, Gather, Product, Term
from zklemma.tools.uniqueness.cells import ANY, Cells, Form
from zklemma.tools.uniqueness.gadgets import gadgets, relations
from zklemma.tools.uniqueness.intervals import Intervals
from zklemma.tools.uniqueness.solver import violated

SOURCE = Path(__file__).parents[1] / "lowering" / "conftest.py"


@pytest.fixture(scope="module", params=[False, True], ids=["public", "private"])
def run(request: pytest.FixtureRequest) -> Any:
    """The small model of the lowering tests with an honest witness."""
    spec = importlib.util.spec_from_file_location("lowering_cells", SOURCE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # A private prompt's proof has a position more, so that the last token has one.
    shape = module.Generation(len(module.PROMPT) + request.param, module.GENERATED)
    return module.execute(module.PROMPT, shape, private_tokens=request.param)


@dataclass
class Recording(Cells):
    """Cells that remember what their known variables are."""

    reads: dict[str, tuple[Term, str]] = field(default_factory=dict)
    products: dict[str, tuple[Product, tuple[str, ...], str]] = field(default_factory=dict)

    def term(self, term: Term, copy: int, place: str) -> Form:
        form = super().term(term, copy, place)
        for name in form.names - set(self.columns) - set(self.places.values()):
            self.reads[name] = term, place
        return form

    def known_product(
        self, product: Product, kept: tuple[str, ...], copy: int, place: str
    ) -> str | None:
        name = super().known_product(product, kept, copy, place)
        if name:
            self.products[name] = product, kept, place
        return name


@dataclass
class At:
    """The values of a gadget's variables at one cell of a proof."""

    run: Any
    cells: Recording
    evaluator: Evaluator
    cell: dict[str, int]
    places: dict[str, int]

    def index(self, axes: tuple[str, ...], place: str) -> tuple[int, ...]:
        at = self.cell | ({self.cells.axis: self.places[place]} if place else {})
        return tuple(at[axis] for axis in axes)

    def column(self, name: str, place: str) -> int:
        column = self.run.circuit.column[name]
        return int(self.evaluator.column(column)[self.index(column.axes, place)])

    def value(self, name: str) -> int:
        cells = self.cells
        if name in cells.columns:
            column, _, place = cells.columns[name]
            return self.column(column, place)
        for place, variable in cells.places.items():
            if variable == name:
                return self.places[place]
        if name in cells.products:
            product, kept, place = cells.products[name]
            found = self.evaluator.product(Product(1, product.factors), kept)
            sizes = [self.run.shape.size(self.run.circuit.axis[axis]) for axis in kept]
            return int(np.broadcast_to(found, sizes)[self.index(kept, place)])
        if name in cells.reads:
            return self.read(*cells.reads[name])
        gather = next(g for g in cells.relations if name == f"{g.name}.source")
        assert isinstance(gather, Gather)
        return self.expr(gather.value, "")

    def read(self, term: Term, place: str) -> int:
        axes = tuple(dict.fromkeys(index.axis for index in term.indices if index.axis))
        return self.expr(Expr(axes, (Term(1, term.column, term.indices),)), place)

    def expr(self, expr: Expr, place: str) -> int:
        return int(self.evaluator.expr(expr)[self.index(expr.axes, place)])


def test_an_honest_witness_is_one_of_the_cells(run: Any) -> None:
    circuit, random = run.circuit, np.random.default_rng(0)
    tokens = [] if circuit.reveals else run.tokens
    evaluator = Evaluator(circuit, run.shape, run.columns, np.array(tokens, dtype=np.int64))
    every = (
        frozenset(c.name for c in circuit.columns),
        frozenset(r.name for r in relations(circuit)),
    )
    checked = 0
    for gadget in gadgets(circuit):
        cells = Recording(
            circuit, Intervals(circuit), gadget.columns, gadget.relations, *every, (1,)
        )
        for _ in range(20):
            cell = {axis.name: int(random.integers(run.shape.size(axis))) for axis in circuit.axes}
            at = At(run, cells, evaluator, cell, {})
            for place in cells.places:
                at.places[place] = place_of(at, place)
            values = {name: at.value(name) for name in cells.variables if "@sum" not in name}
            for name in set(cells.variables) - set(values):
                column = circuit.column[name.partition("@")[0]]
                array = np.moveaxis(evaluator.column(column), column.axes.index(cells.axis), -1)
                others = tuple(axis for axis in column.axes if axis != cells.axis)
                values[name] = int(array[at.index(others, "")].sum())
            assert violated(cells, values) == []
            # One number more anywhere, and something does not hold.
            name = str(random.choice(sorted(cells.columns)))
            assert violated(cells, {**values, name: values[name] + 1}) != []
            checked += 1
    assert checked == 20 * len(gadgets(circuit))


def place_of(at: At, place: str) -> int:
    """The index of a place: arbitrary, of a selected cell, or of a token."""
    cells, size = at.cells, at.run.shape.size(at.run.circuit.axis[at.cells.axis])
    if place == ANY:
        return at.cell[cells.axis] % size
    if place.startswith("some"):
        summand = next(fact.names[1] for fact in cells.facts if fact.kind == "some")
        for at.places[place] in range(size):
            if at.column(cells.columns[summand][0], place):
                return at.places[place]
    return int(at.run.tokens[at.cell["generated"] - at.run.shape.generated])
