"""What the virtual columns of a `zk.system` are, in columns that are not virtual.

A definition is affine, so that an expression is still one with the definition in the place of a column.
Reading a definition through an index:

* an index of the definition and `same` give the other one; `token` read through a `window` is
  `previous`;
* a constant c summed over the layers before layer l is c l, half-split rotation gives it the sign of its half, and
  outside of what a stride reads it is 0: these are public columns, `layer_index`, `<axis>_sign`, `<axis>_inside`;
* a constant or broadcast term summed over an axis is multiplied by the axis's size.

Errors: `UserError` for compositions that are no index, and for circular definitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...dialects.affine_expr import affine
from ...dialects.zk import ColumnLike, ColumnOp, SystemOp
from ...errors import UserError, expect
from ...runtime.circuit.extents import Axis
from ...runtime.circuit.index_maps import MAPS, Index, composed
from ...runtime.circuit.relations import Expr, Term
from ..modules import fresh


@dataclass
class Definitions:
    """The definitions of a system as they are when this is made."""

    axes: Mapping[str, Axis]
    columns: Mapping[str, ColumnLike]
    exprs: Mapping[str, Expr]
    """By column that is defined."""
    symbols: set[str]
    """The names of all declarations."""
    ones: dict[tuple[Index, ...], ColumnLike] = field(default_factory=dict)
    """What a column of ones is read as by several indices."""
    expanded: dict[str, Expr] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)

    @staticmethod
    def of(system: SystemOp) -> Definitions:
        exprs = {name: define.expr.data for name, define in system.defines.items()}
        return Definitions(system.axes, system.columns, exprs, system.symbols)

    @property
    def undeclared(self) -> list[ColumnLike]:
        """The public columns that expressions written out read and the system does not have."""
        return [column for column in self.ones.values() if column.parent is None]

    def written_out(self, expr: Expr) -> Expr:
        """An expression with definitions in the place of the columns that have one."""
        if not any(term.column in self.exprs for term in expr.terms):
            return expr
        terms: list[Term] = []
        constant = expr.constant
        for term in expr.terms:
            if term.column not in self.exprs:
                terms.append(term)
                continue
            axes = self.columns[term.column].axis_names
            outer = dict(zip(axes, term.indices, strict=True))
            inner = self._definition(term.column)
            for part in inner.terms:
                terms.append(self._read_term(term, part, outer))
            if inner.constant:
                found = self._read_constant(term, inner.constant, outer)
                if isinstance(found, Term):
                    terms.append(found)
                else:
                    constant += found
        return affine(expr.axes, terms, constant)

    def _definition(self, name: str) -> Expr:
        if name not in self.expanded:
            if name in self.pending:
                raise UserError(f"column {name} is defined by itself")
            self.pending.add(name)
            self.expanded[name] = self.written_out(self.exprs[name])
            self.pending.remove(name)
        return self.expanded[name]

    def _read_term(self, term: Term, part: Term, outer: Mapping[str, Index]) -> Term:
        coefficient = term.coefficient * part.coefficient
        indices = tuple(self._compose(term, index, outer) for index in part.indices)
        unread = set(outer) - {index.axis for index in part.indices}
        for axis in unread:
            if outer[axis].kind == "sum":
                coefficient *= self._size(term, axis)
            elif self._as_ones(axis, outer[axis]):
                raise UserError(f"{term.column}: a term without axis {axis} is read along it")
        return Term(coefficient, part.column, indices)

    def _compose(self, term: Term, inner: Index, outer: Mapping[str, Index]) -> Index:
        if not inner.axis:
            return inner
        through = outer[inner.axis]
        found = composed(inner, through)
        if found is None:
            raise UserError(f"{term.column}: index {inner.kind} can not be read by {through.kind}")
        return found

    def _read_constant(self, term: Term, constant: int, outer: Mapping[str, Index]) -> Term | int:
        value = term.coefficient * constant
        through: dict[str, Index] = {}
        for axis, index in outer.items():
            if index.kind == "sum":
                value *= self._size(term, axis)
            elif self._as_ones(axis, index):
                through[axis] = index
        if not through:
            return value
        indices = tuple(Index("same", index.axis) for index in through.values())
        return Term(value, self._ones(through), indices)

    def _as_ones(self, axis: str, index: Index) -> tuple[str, str] | None:
        """What ones along an axis are read as, if not as ones."""
        target, size = (self.axes[name].size if name else 1 for name in (index.axis, axis))
        if not isinstance(target, int) or not isinstance(size, int):
            return None
        return MAPS[index.kind].ones(index, target, size)

    def _ones(self, through: Mapping[str, Index]) -> str:
        """The column of what a constant 1 becomes when read by such indices."""
        key = tuple(through.values())
        if key not in self.ones:
            words, texts, low, high = [], [], 1, 1
            for axis, index in through.items():
                word, text = expect(self._as_ones(axis, index), tuple)
                words.append(f"{index.axis}_{word}")
                texts.append(text if len(through) == 1 else f"({text})")
                size = expect(self.axes[axis].size, int)
                low, high = MAPS[index.kind].interval(low, high, size)
            name, axes = fresh("_".join(words), self.symbols), [index.axis for index in key]
            made = ColumnOp(
                name, "public", axes, low, high, kind="data", contents=[" * ".join(texts)]
            )
            self.ones[key] = self._declared(made) or made
            self.symbols.add(name)
        return self.ones[key].sym_name.data

    def _declared(self, wanted: ColumnOp) -> ColumnLike | None:
        """A column of the system that differs from one in its name at most."""
        for column in self.columns.values():
            if {**column.properties, "sym_name": wanted.sym_name} == wanted.properties:
                return column
        return None

    def _size(self, term: Term, axis: str) -> int:
        size = self.axes[axis].size
        if not isinstance(size, int):
            raise UserError(f"{term.column}: a constant is summed over {axis}, whose size varies")
        return size
