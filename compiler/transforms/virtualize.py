"""`virtualize`: values that are affine in others are never committed.

Each `zk.define` is written into every expression that reads its column, and column and definition
disappear: accumulators, rounded values (affine in their limbs), the residual stream (the embedding
plus the deltas of all layers before). Reading a definition through an index:

* an index of the definition and `same` give the other one; `token` read through a `window` is
  `previous`;
* a constant c summed over the layers before layer l is c l, and half-split rotation gives it the
  sign of its half: both are public columns, `layer_index` and `<axis>_sign`;
* a constant or broadcast term summed over an axis is multiplied by the axis's size.

Errors: `UserError` for compositions that are no index, and for circular definitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, ModuleOp
from xdsl.passes import ModulePass

from ...dialects.affine_expr import affine
from ...dialects.zk import (
    ColumnOp,
    DefineOp,
    EinsumOp,
    ExprAttr,
    GatherOp,
    LinearOp,
    LookupOp,
    ProductAttr,
    RangeOp,
    Relation,
    SystemOp,
)
from ...errors import UserError, expect
from ...runtime.circuit.relations import Expr, Index, Product, Term
from ..modules import systems


@dataclass(frozen=True)
class Virtualize(ModulePass):
    """Replaces the virtual columns of a `zk.system` by their definitions."""

    name = "virtualize"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for system in systems(op, SystemOp):
            _Substitution(system).run()


@dataclass
class _Substitution:
    system: SystemOp
    expanded: dict[str, Expr] = field(default_factory=dict)
    pending: list[str] = field(default_factory=list)
    added: dict[str, ColumnOp] = field(default_factory=dict)

    def run(self) -> None:
        self.defines = self.system.defines
        self.columns = self.system.columns
        self.axes = self.system.axes
        for relation in self.system.relations:
            self.rewrite(relation)
        for name, define in self.defines.items():
            for op in (define, self.columns[name]):
                op.detach()
                op.erase()
        last = list(self.system.columns.values())[-1]
        self.system.body.block.insert_ops_after(list(self.added.values()), last)

    def rewrite(self, relation: Relation) -> None:
        if isinstance(relation, EinsumOp):
            relation.lhs = ExprAttr(self.expand(relation.lhs.data))
            relation.products = ArrayAttr(
                [ProductAttr(self.expand_product(p.data)) for p in relation.products]
            )
        elif isinstance(relation, LookupOp):
            relation.exprs = ArrayAttr([ExprAttr(self.expand(e.data)) for e in relation.exprs])
        elif isinstance(relation, RangeOp | LinearOp):
            relation.expr = ExprAttr(self.expand(relation.expr.data))
        elif isinstance(relation, GatherOp):
            relation.index = ExprAttr(self.expand(relation.index.data))
            relation.value = ExprAttr(self.expand(relation.value.data))
            relation.source = ExprAttr(self.expand(relation.source.data))

    def expand_product(self, product: Product) -> Product:
        return replace(product, factors=tuple(map(self.expand, product.factors)))

    def expand(self, expr: Expr) -> Expr:
        terms: list[Term] = []
        constant = expr.constant
        for term in expr.terms:
            if term.column not in self.defines:
                terms.append(term)
                continue
            axes = self.columns[term.column].axis_names
            outer = dict(zip(axes, term.indices, strict=True))
            inner = self.definition(term.column)
            for part in inner.terms:
                terms.append(self.read_term(term, part, outer))
            if inner.constant:
                found = self.read_constant(term, inner.constant, outer)
                if isinstance(found, Term):
                    terms.append(found)
                else:
                    constant += found
        return affine(expr.axes, terms, constant)

    def definition(self, name: str) -> Expr:
        if name not in self.expanded:
            if name in self.pending:
                raise UserError(f"column {name} is defined by itself")
            self.pending.append(name)
            define: DefineOp = self.defines[name]
            self.expanded[name] = self.expand(define.expr.data)
            self.pending.remove(name)
        return self.expanded[name]

    def read_term(self, term: Term, part: Term, outer: Mapping[str, Index]) -> Term:
        coefficient = term.coefficient * part.coefficient
        indices = tuple(self.compose(term, index, outer) for index in part.indices)
        unread = set(outer) - {index.axis for index in part.indices}
        for axis in unread:
            if outer[axis].kind == "sum":
                coefficient *= self.size(term, axis)
            elif outer[axis].kind in ("before", "rotate"):
                raise UserError(f"{term.column}: a term without axis {axis} is read along it")
        return Term(coefficient, part.column, indices)

    def compose(self, term: Term, inner: Index, outer: Mapping[str, Index]) -> Index:
        if inner.kind == "sum":
            return inner
        through = outer[inner.axis]
        if inner.kind == "same":
            return through
        if through.kind == "same":
            return replace(inner, axis=through.axis)
        if (inner.kind, through.kind) == ("token", "window"):
            return Index("previous", through.axis)
        raise UserError(f"{term.column}: index {inner.kind} can not be read by {through.kind}")

    def read_constant(self, term: Term, constant: int, outer: Mapping[str, Index]) -> Term | int:
        value = term.coefficient * constant
        column = None
        for axis, index in outer.items():
            if index.kind == "sum":
                value *= self.size(term, axis)
            elif index.kind in ("before", "rotate"):
                if column is not None:
                    raise UserError(f"{term.column}: a constant is read by two such indices")
                column = self.public(index.kind, axis), index.axis
        if column is None:
            return value
        return Term(value, column[0], (Index("same", column[1]),))

    def public(self, kind: str, axis: str) -> str:
        """The column of what a constant 1 becomes when read by an index of this kind."""
        size = expect(self.axes[axis].size, int)
        name = f"{axis}_index" if kind == "before" else f"{axis}_sign"
        low, high = (0, size - 1) if kind == "before" else (-1, 1)
        text = axis if kind == "before" else f"2 * floor({axis} / {size // 2}) - 1"
        if name not in self.added:
            self.added[name] = ColumnOp(
                name, "public", (axis,), low, high, kind="data", contents=[text]
            )
        return name

    def size(self, term: Term, axis: str) -> int:
        size = self.axes[axis].size
        if not isinstance(size, int):
            raise UserError(f"{term.column}: a constant is summed over {axis}, whose size varies")
        return size
