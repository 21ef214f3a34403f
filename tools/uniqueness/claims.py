"""What has to hold of each gadget, as claims: texts that an SMT solver finds unsatisfiable if they hold.

``range``    A witness column is in its declared range, whatever element of the field stands there.
``unique``   Two witnesses of the same inputs have the same values of what other gadgets read, or of the token.
``rest``     Then all other columns are the same too. Nothing rests on this one.
``exists``   There is a witness, for all inputs at which the executor does not stop (`honest`).
``bound``    A relation that holds modulo the prime holds over the integers (`bounds`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from ...runtime.circuit.relations import Circuit, Lookup
from .cells import ANY, Cells
from .gadgets import Gadget, Relation, earlier, expressions, gadgets, inputs, relations, terms
from .honest import witness_exists
from .intervals import Intervals
from .script import Script
from .smt import asserted, equal, name, negated, within

MUST = ("range", "unique", "exists", "bound")


@dataclass(frozen=True)
class Claim:
    """``text`` is unsatisfiable if the claim about ``subject`` holds; a model of it is one of ``cells``."""

    kind: str
    subject: str
    text: str
    gadget: Gadget | None = None
    cells: Cells | None = None


@dataclass(frozen=True)
class Claims:
    """The claims about a circuit.

    ``unranged`` and ``inexact`` are columns and relations of which the claims on range and bound do not hold:
    the others do not take these for granted.
    """

    circuit: Circuit
    unranged: frozenset[str] = frozenset()
    inexact: frozenset[str] = frozenset()
    given: tuple[Gadget, ...] = ()
    """Gadgets, where they are not to be made of the circuit."""

    @property
    def gadgets(self) -> Sequence[Gadget]:
        return self.given or gadgets(self.circuit)

    @property
    def intervals(self) -> Intervals:
        return Intervals(self.circuit)

    @property
    def ranged(self) -> frozenset[str]:
        return frozenset(column.name for column in self.circuit.columns) - self.unranged

    @property
    def exact(self) -> frozenset[str]:
        """Bounds rest on ranges: a relation that reads a column of unknown range may wrap."""
        names = (
            relation.name
            for relation in relations(self.circuit)
            if not self.unranged & self.reads(relation, whole=True)
        )
        return frozenset(names) - self.inexact

    # Ranges

    def ranges(self, only: Collection[str] | None = None) -> Iterator[Claim]:
        """One claim a witness column, or one of those given. Each takes for granted those before it, so that
        none is circular."""
        known = {c.name for c in self.circuit.columns if c.home != "witness"}
        made = self.gadgets
        alone = [c.name for c in self.circuit.home("witness") if self.lookups(c.name)]
        order = [*alone, *inputs(self.circuit), *(n for g in made for n in g.columns)]
        for column in dict.fromkeys(order):
            gadget = next((g for g in made if column in g.columns), None)
            if only is None or column in only:
                yield self.range(column, gadget, frozenset(known))
            if column not in self.unranged:
                known.add(column)

    def lookups(self, column: str) -> list[Relation]:
        """Lookups of the column alone, each of one entry."""
        found: list[Relation] = []
        for lookup in self.circuit.lookups:
            for i, expr in enumerate(lookup.exprs):
                if [term.column for term in expr.terms] == [column]:
                    table = lookup.table if len(lookup.exprs) == 1 else f"{lookup.table}.{i}"
                    found.append(Lookup(lookup.name, table, (expr,)))
        return found

    def range(self, column: str, gadget: Gadget | None, known: frozenset[str]) -> Claim:
        """By lookups of the column alone, else by gathers, else by the relations that tie it to what is known."""
        circuit, tied = self.with_entries(), {column}
        used = self.lookups(column) or self.gathers(column, known)
        if not used and gadget:
            whole = [r for r in gadget.relations if self.reads(r, whole=True) <= known | {column}]
            about = [r for r in whole if column in self.reads(r)]
            tied |= {t.column for r in about for t, tie in terms(r) if tie} & set(gadget.columns)
            used = [r for r in whole if r in about or self.reads(r) <= tied]
        cells = Cells(circuit, self.intervals, tuple(tied), used, known, frozenset(), (1,))
        own = [v for v, (c, *_) in cells.columns.items() if c == column]
        own = [v for v in own if ANY in v] or own or [cells.witness(column, 1, "")]
        script, found = Script.of(cells), circuit.column[column]
        script.lines.append(asserted(negated(within(found.low, name(own[0]), found.high))))
        return Claim("range", column, script.text, gadget, cells)

    def gathers(self, column: str, known: frozenset[str]) -> list[Relation]:
        """Gathers with the column as index, or as value from a source that is known."""
        found: list[Relation] = []
        for gather in self.circuit.gathers:
            index, value, source = (
                {term.column for term in expr.terms}
                for expr in (gather.index, gather.value, gather.source)
            )
            of_index = column in index and index <= known | {column}
            if of_index or (column in value and value | source <= known | {column}):
                found.append(gather)
        return found

    def with_entries(self) -> Circuit:
        """The circuit, its tables' single columns being tables too."""
        data = dict(self.circuit.data)
        for table in self.circuit.tables:
            if table.arity > 1:
                for i in range(table.arity):
                    data[f"{table.name}.{i}"] = data[table.name][:, i : i + 1]
        return replace(self.circuit, data=data)

    def reads(self, relation: Relation, whole: bool = False) -> set[str]:
        """The witness columns that a relation reads; those of earlier layers if ``whole``."""
        return {
            term.column
            for expr, _ in expressions(relation)
            for term in expr.terms
            if (whole or not earlier(term)) and self.circuit.column[term.column].home == "witness"
        }

    # Uniqueness

    def unique(self, only: Collection[str] | None = None) -> Iterator[Claim]:
        """The claims on each gadget, or on those with some of the columns given."""
        for gadget in self.gadgets:
            if only is None or set(only) & set(gadget.columns):
                yield from self.unique_of(gadget)

    def unique_of(self, gadget: Gadget) -> Iterator[Claim]:
        """Two witnesses, the same inputs: the same values; and then the same of all else."""
        cells = Cells(
            self.circuit,
            self.intervals,
            gadget.columns,
            gadget.relations,
            self.ranged,
            self.exact,
        )
        for column in gadget.columns:
            # One that no relation is about, too.
            cells.stands(column)
        pairs = {
            (column, place): (variable, f"{variable.rpartition('#')[0]}#2")
            for variable, (column, copy, place) in cells.columns.items()
            if copy == 1
        }
        shown = [key for key in pairs if key[1] in ("", ANY)]
        values = [pairs[key] for key in shown if key[0] in gadget.read]
        if "next.1" in cells.places:
            # The token that is read is what the gadget says.
            values = [(cells.places["next.1"], cells.places["next.2"])]
        yield self.difference("unique", gadget, cells, values, [])
        rest = [pairs[key] for key in shown if pairs[key] not in values]
        if rest:
            same = [pair for key, pair in pairs.items() if key[0] in gadget.read]
            same += values
            yield self.difference("rest", gadget, cells, rest, same)

    def difference(
        self,
        kind: str,
        gadget: Gadget,
        cells: Cells,
        differ: list[tuple[str, str]],
        same: list[tuple[str, str]],
    ) -> Claim:
        script = Script.of(cells)
        for left, right in same:
            script.lines.append(asserted(equal(name(left), name(right))))
        script.differ(differ)
        return Claim(kind, gadget.name, script.text, gadget, cells)

    # Existence

    def exists(self) -> Iterator[Claim]:
        """One claim a gadget; it is made of ranges and relations as they are declared."""
        whole = Claims(self.circuit)
        for gadget in self.gadgets:
            cells = Cells(
                self.circuit,
                self.intervals,
                gadget.columns,
                gadget.relations,
                whole.ranged,
                whole.exact,
                (1,),
            )
            for text in witness_exists(cells, gadget):
                yield Claim("exists", gadget.name, text, gadget, cells)
