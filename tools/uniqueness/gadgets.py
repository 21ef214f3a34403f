"""Gadgets: which witness columns are determined together, and by which relations.

Columns are declared in the order in which values come about. They are collected until no left side and no linear
relation ties one of them to a later column, and some relation ties them to something known. Products, tables of
several columns, gathers, sums over an axis and moving windows read what is known; what is read at earlier layers is
known too.

That order is a hint. A column that is wrongly taken for determined, or too early, has a claim that does not hold.

The inputs of a circuit whose prompt and output are columns are the token at each position and the prompt's length;
those of a function are its input tensors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import UserError
from ...runtime.circuit import function
from ...runtime.circuit.relations import Circuit, Einsum, Expr, Gather, Linear, Lookup, Term

Relation = Einsum | Lookup | Linear | Gather


@dataclass(frozen=True)
class Gadget:
    """Witness columns and all relations among them and what is known; ``read`` are those that others read."""

    columns: tuple[str, ...]
    relations: tuple[Relation, ...]
    read: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The module of its columns' longest name, or the column if there is one only."""
        last = self.columns[-1]
        return last if len(self.columns) == 1 else last.rpartition(".")[0] or last


def relations(circuit: Circuit) -> list[Relation]:
    return [*circuit.einsums, *circuit.lookups, *circuit.linears, *circuit.gathers]


def expressions(relation: Relation) -> Iterator[tuple[Expr, bool]]:
    """The expressions of a relation, and whether it ties their columns to each other."""
    if isinstance(relation, Einsum):
        yield relation.lhs, True
        for product in relation.products:
            yield from ((factor, False) for factor in product.factors)
    elif isinstance(relation, Lookup):
        yield from ((expr, len(relation.exprs) == 1) for expr in relation.exprs)
    elif isinstance(relation, Linear):
        yield relation.expr, True
    else:
        yield from ((expr, False) for expr in (relation.index, relation.value, relation.source))


def earlier(term: Term) -> bool:
    """Whether a term reads earlier layers only."""
    return any(index.kind == "before" for index in term.indices)


def summed(term: Term) -> bool:
    return any(index.kind == "sum" for index in term.indices)


def elsewhere(term: Term) -> bool:
    """Whether a term reads other cells than that where its relation stands."""
    return any(index.kind in ("sum", "stride", "at", "pick") for index in term.indices)


def terms(relation: Relation) -> Iterator[tuple[Term, bool]]:
    """The terms of a relation that do not read earlier layers, and whether each is tied."""
    for expr, tied in expressions(relation):
        yield from (
            (term, tied and not elsewhere(term)) for term in expr.terms if not earlier(term)
        )


def inputs(circuit: Circuit) -> tuple[str, ...]:
    """The witness columns that a proof chooses: none where tokens are the circuit's inputs."""
    if not circuit.reveals:
        return ()
    if function.most(circuit):
        return tuple(function.columns(circuit, function.INPUT).values())
    (output,) = circuit.reveals["output"]
    ids = [g.source.terms[0].column for g in fed(circuit) if _reads(g.value, output)]
    return (circuit.reveals["prompt"][0], *ids)


def fed(circuit: Circuit) -> list[Gather]:
    """The gathers that say where the output stands among the inputs: they hold of inputs, and define none."""
    outputs = circuit.reveals.get("output", ())
    return [g for g in circuit.gathers if any(_reads(g.value, name) for name in outputs)]


def _reads(expr: Expr, column: str) -> bool:
    return any(term.column == column for term in expr.terms)


def gadgets(circuit: Circuit) -> list[Gadget]:
    """The gadgets of a circuit, in an order in which each reads only earlier ones."""
    found: list[Gadget] = []
    witness = [column.name for column in circuit.home("witness")]
    left = [r for r in relations(circuit) if r not in fed(circuit)]
    later = {name for name in witness if name not in inputs(circuit)}
    known = {column.name for column in circuit.columns} - later
    outputs = {*function.columns(circuit, function.OUTPUT).values()}
    opened: list[str] = []
    for name in [name for name in witness if name in later]:
        opened.append(name)
        later.discard(name)
        group = set(opened)
        complete = [r for r in left if _touches(r, group) and not _touches(r, later)]
        tied = any(_tied(r, group) and _touches(r, later) for r in left if not _gives(r, outputs))
        anchored = any(_touches(r, known) for r in complete)
        if complete and anchored and not tied:
            found.append(Gadget(tuple(opened), tuple(complete)))
            left = [r for r in left if r not in complete]
            known |= group
            opened = []
    if opened:
        rest = [r for r in left if _touches(r, set(opened))]
        found.append(Gadget(tuple(opened), tuple(rest)))
    _check_order(circuit, found)
    return [_with_readers(gadget, circuit) for gadget in found]


def _check_order(circuit: Circuit, made: list[Gadget]) -> None:
    """`UserError` where layers are no order: what is read of all layers at once comes after all that layers read of
    layers before them."""
    along = {
        index.axis
        for relation in relations(circuit)
        for expr, _ in expressions(relation)
        for term in expr.terms
        for index in term.indices
        if index.kind == "before"
    }
    at_once = False
    for gadget in made:
        of_before = any(
            earlier(term) and term.column in gadget.columns
            for relation in relations(circuit)
            for expr, _ in expressions(relation)
            for term in expr.terms
        )
        if at_once and of_before:
            raise UserError(f"{gadget.name}: layers before it are read, and all layers at once")
        for relation in gadget.relations:
            at_once |= any(_all_of(circuit, term, along) for term, _ in terms(relation))


def _all_of(circuit: Circuit, term: Term, along: set[str]) -> bool:
    """Whether a term reads a witness column at more than one place along some axes."""
    column = circuit.column[term.column]
    return column.home == "witness" and any(
        axis in along and index.kind not in ("same", "before")
        for index, axis in zip(term.indices, column.axes, strict=True)
    )


def _with_readers(gadget: Gadget, circuit: Circuit) -> Gadget:
    others = [r for r in relations(circuit) if r not in gadget.relations]
    named = {term.column for r in others for expr, _ in expressions(r) for term in expr.terms}
    named |= {name for names in circuit.reveals.values() for name in names}
    return Gadget(gadget.columns, gadget.relations, frozenset(gadget.columns) & named)


def _gives(relation: Relation, outputs: set[str]) -> bool:
    """Whether a relation says what a function's output is: it determines that, and nothing that it reads."""
    return isinstance(relation, Linear) and _touches(relation, outputs)


def _touches(relation: Relation, columns: set[str]) -> bool:
    return any(term.column in columns for term, _ in terms(relation))


def _tied(relation: Relation, columns: set[str]) -> bool:
    return any(term.column in columns for term, tied in terms(relation) if tied)


def primitive(circuit: Circuit, gadget: Gadget) -> str:
    """What a gadget does, by its relations."""
    einsums = [r for r in gadget.relations if isinstance(r, Einsum)]
    lookups = [r for r in gadget.relations if isinstance(r, Lookup)]
    axes = {circuit.column[name].axes for name in gadget.columns}
    if any(len({*p.factors}) < len(p.factors) for e in einsums for p in e.products):
        return "normalise"
    if any(summed(t) and t.column in gadget.columns for r in gadget.relations for t, _ in terms(r)):
        return "maximum"
    if len(axes) > 1:
        return "argmax"
    if einsums:
        inner = {t.column for e in einsums for p in e.products for f in p.factors for t in f.terms}
        if inner & set(gadget.columns):
            return "divide"
        return "round" if lookups else "product"
    if not lookups:
        return "gather"
    return "table" if any(len(lookup.exprs) > 1 for lookup in lookups) else "compare"
