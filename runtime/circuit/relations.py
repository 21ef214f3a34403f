"""The circuit: columns over named axes, tables, and four kinds of relation between them.

A *column* is an integer tensor over named axes. Its home says who holds it: ``param`` (committed once,
with the verifying key), ``witness`` (committed in each proof) or ``public`` (the verifier computes it).
The home ``renewed``, a second commitment to weights, stands only in what links two keys (`runtime/model/links.py`).
Virtual columns are not stored: they are `Expr`, affine forms in columns, written where they are used.

Relations, all over the integers (each carries a ``bound`` with |lhs - rhs| <= bound < p, so that the
identity in the field is the identity in the integers):

* `Einsum`   lhs[i] = sum over products of coefficient * sum_k prod_f factor_f[i, k]
* `Lookup`   the tuple of expressions at each cell of the domain is a row of a table
* `Linear`   an expression is zero at each cell of its axes
* `Gather`   at each cell a value is the row of a source that an index names

The size of an axis that a proof chooses is an extent, which the circuit declares with the greatest size that it
serves; a `Shape` gives the sizes. The same circuit therefore serves prompts of all lengths, say. Of the square of
two axes a circuit may have a `Band` alone: its witness and its lookups have no cells elsewhere.

What a statement says is either an input of the circuit, which it reads by indices and public columns of the
statement's kind (`generation`), or in columns of the witness, which `Circuit.reveals` names: then the statement
may show it or keep it private.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from . import generation, kinds
from .band import LARGEST_BLOCK, LEAST_BLOCK, Band, band_of
from .extents import Axis, CircuitError, Shape
from .index_maps import MAPS, Index

PRIME = 2**64 - 2**32 + 1
# Longer than any axis of a real model; some steps take time and memory in proportion.
LONGEST_AXIS = 1 << 20
LONGEST_EXTENT = 1 << 16
# Far more than a model needs, since relations stand for all layers at once: extents; axes; columns, tables,
# relations, products, terms; and the axes that expressions and their terms name.
MOST_EXTENTS = 16
MOST_AXES = 64
MOST_PARTS = 1 << 12
MOST_NAMED = 1 << 14
# Of one column, expression or array.
MOST_DIMENSIONS = 16
# What names begin with that proofs give to columns, of the uses of rows, and to sources, of gathered rows.
MULTIPLICITIES, GATHERED = "multiplicity.", "rows of "

Home = Literal["param", "renewed", "witness", "public"]


@dataclass(frozen=True)
class Term:
    """coefficient * column, with one `Index` for each axis of the column."""

    coefficient: int
    column: str
    indices: tuple[Index, ...]


@dataclass(frozen=True)
class Expr:
    """An affine form over ``axes``. Axes that a term does not read are broadcast."""

    axes: tuple[str, ...]
    terms: tuple[Term, ...]
    constant: int = 0


def whole(term: Term, expr: Expr) -> bool:
    """Whether a term reads each cell of its column once, at the cell of the expression with the same indices."""
    axes = [index.axis for index in term.indices if index.kind == "same"]
    return sorted(axes) == sorted(expr.axes) and len(axes) == len(term.indices)


PublicKind = Literal["data", "mask", "below-next"]


@dataclass(frozen=True)
class Column:
    """A column, its home and its inclusive integer range [low, high].

    ``origin`` is the module path that made it. Public columns: ``data`` holds its integers in a side
    array (`Circuit.data`, cut to the extents' sizes), ``mask`` over (layer, token, source) is 1 where
    attention is allowed (causal, and within ``windows[layer]`` positions when that is not 0),
    ``below-next`` over (generated, vocabulary) is 1 where the vocabulary index is below the generated
    token's id.
    """

    name: str
    axes: tuple[str, ...]
    home: Home
    low: int
    high: int
    origin: str = ""
    kind: PublicKind = "data"
    windows: tuple[int, ...] = ()

    @property
    def storage(self) -> np.dtype:
        """The narrowest little-endian integer type that holds the range; of 4 bytes a signed one, if both do."""
        for code in ("i1", "i2", "i4") if self.low < 0 else ("u1", "u2", "i4", "u4"):
            limits = np.iinfo(code)
            if limits.min <= self.low and self.high <= limits.max:
                return np.dtype(f"<{code}")
        return np.dtype("<i8")


@dataclass(frozen=True)
class Table:
    """A lookup table with ``arity`` columns; its rows are in `Circuit.data` under its name.

    ``expression`` is the text the rows were evaluated from.
    """

    name: str
    arity: int
    rows: int
    expression: str = ""


@dataclass(frozen=True)
class Product:
    """coefficient * the contraction of two or three factors over the axes the lhs does not have."""

    coefficient: int
    factors: tuple[Expr, ...]


@dataclass(frozen=True)
class Einsum:
    """lhs = the sum of the products. ``defines`` may name a witness column of the left side that is not
    committed: its cells are what makes the relation hold, and only lookups read it besides."""

    name: str
    lhs: Expr
    products: tuple[Product, ...]
    bound: int
    origin: str = ""
    defines: str = ""

    @property
    def defined(self) -> Term:
        """The term of the left side that reads the column that the relation defines."""
        return next(term for term in self.lhs.terms if term.column == self.defines)

    @property
    def rest(self) -> Expr:
        """The left side without it."""
        terms = tuple(term for term in self.lhs.terms if term.column != self.defines)
        return Expr(self.lhs.axes, terms, self.lhs.constant)


@dataclass(frozen=True)
class Lookup:
    name: str
    table: str
    exprs: tuple[Expr, ...]
    origin: str = ""


@dataclass(frozen=True)
class Linear:
    name: str
    expr: Expr
    bound: int
    origin: str = ""


@dataclass(frozen=True)
class Gather:
    """value[cell, *] = source[index[cell], *].

    ``source`` is over a row axis and perhaps one more, which ``value`` then has after the axes of ``index``.
    """

    name: str
    index: Expr
    value: Expr
    source: Expr
    origin: str = ""

    @property
    def carried(self) -> tuple[str, ...]:
        """The axis along which whole rows are taken, if there is one."""
        return self.source.axes[1:]


@dataclass(frozen=True)
class Circuit:
    """A whole circuit. ``extents`` are the sizes that proofs choose, with the greatest that each may have. ``data``
    maps the names of public data columns and tables to int64 arrays, as long as that along extents.

    ``reveals`` names witness columns that hold what a statement may show, by the circuit's kind: none, or those of
    the "prompt" (its length, a number, and its token ids over the token axis, zeros after it) and the "output"
    (token ids over the generated axis); of a function, one for each "input NAME" and "output NAME".
    """

    axes: tuple[Axis, ...]
    columns: tuple[Column, ...]
    tables: tuple[Table, ...]
    einsums: tuple[Einsum, ...]
    lookups: tuple[Lookup, ...]
    linears: tuple[Linear, ...]
    extents: Mapping[str, int]
    bands: tuple[Band, ...] = ()
    gathers: tuple[Gather, ...] = ()
    reveals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    data: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False)

    @cached_property
    def axis(self) -> dict[str, Axis]:
        return {axis.name: axis for axis in self.axes}

    @cached_property
    def column(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @cached_property
    def table(self) -> dict[str, Table]:
        return {table.name: table for table in self.tables}

    def home(self, home: Home) -> list[Column]:
        return [column for column in self.columns if column.home == home]

    @cached_property
    def defined(self) -> dict[str, Einsum]:
        """Witness columns that are not committed, with the relations that define them."""
        return {einsum.defines: einsum for einsum in self.einsums if einsum.defines}

    @property
    def committed(self) -> list[Column]:
        """The witness columns that a proof commits to."""
        return [column for column in self.home("witness") if column.name not in self.defined]

    def band(self, axes: Sequence[str]) -> Band | None:
        """The one that cells over these axes are in, if they are in any."""
        return band_of(self.bands, axes)

    def sizes(self, column: Column, shape: Shape) -> tuple[int, ...]:
        return tuple(shape.size(self.axis[name]) for name in column.axes)

    def expressions(self):
        """Every expression of the circuit with the name of the relation it stands in."""
        for einsum in self.einsums:
            yield einsum.name, einsum.lhs
            for product in einsum.products:
                for factor in product.factors:
                    yield einsum.name, factor
        for lookup in self.lookups:
            for expr in lookup.exprs:
                yield lookup.name, expr
        for linear in self.linears:
            yield linear.name, linear.expr
        for gather in self.gathers:
            for expr in (gather.index, gather.value, gather.source):
                yield gather.name, expr

    def check(self) -> None:
        """Raise `CircuitError` unless names resolve, axes fit and every bound is below the prime."""
        for what, items in (
            ("axis", self.axes),
            ("column", self.columns),
            ("table", self.tables),
            ("relation", (*self.einsums, *self.lookups, *self.linears, *self.gathers)),
        ):
            names = [item.name for item in items]
            if len(set(names)) != len(names):
                raise CircuitError(f"two parts of kind {what} share a name")
            _require_few(len(names), MOST_AXES if what == "axis" else MOST_PARTS, what)
        for what, items, begin in (
            ("column", self.columns, MULTIPLICITIES),
            ("table", self.tables, GATHERED),
        ):
            if any(item.name.startswith(begin) for item in items):
                raise CircuitError(f'a {what} has a name of proofs: it begins with "{begin}"')
        self._check_sizes()
        _require_few(len(self.extents), MOST_EXTENTS, "extent")
        for name, most in self.extents.items():
            if not 0 < most <= LONGEST_EXTENT:
                raise CircuitError(f"extent {name}: {most} at most")
        for axis in self.axes:
            fits = isinstance(axis.size, int) and 0 < axis.size <= LONGEST_AXIS
            if not fits and axis.size not in self.extents:
                raise CircuitError(f"axis {axis.name}: size {axis.size}")
            # Indices that read no axis name the empty one.
            if not axis.name:
                raise CircuitError("an axis has no name")
        self.check_bands()
        for column in self.columns:
            for name in column.axes:
                if name not in self.axis:
                    raise CircuitError(f"column {column.name}: unknown axis {name}")
                if column.home == "param" and isinstance(self.axis[name].size, str):
                    raise CircuitError(f"column {column.name}: weights over axis {name}")
            if not -(PRIME // 2) < column.low <= column.high < PRIME // 2:
                raise CircuitError(f"column {column.name}: range [{column.low}, {column.high}]")
            if column.home == "public":
                self._check_public(column)
        for table in self.tables:
            array = self.data.get(table.name)
            if array is None or array.shape != (table.rows, table.arity) or table.rows < 1:
                raise CircuitError(f"table {table.name}: contents missing or of another shape")
        for relation, expr in self.expressions():
            self._check_expr(relation, expr)
        for einsum in self.einsums:
            if not 0 < einsum.bound < PRIME:
                raise CircuitError(f"relation {einsum.name}: bound {einsum.bound} may wrap")
            for product in einsum.products:
                axes = {name for factor in product.factors for name in factor.axes}
                if not 1 <= len(product.factors) <= 3 or not set(einsum.lhs.axes) <= axes:
                    raise CircuitError(
                        f"relation {einsum.name}: factors do not cover the left side"
                    )
        self._check_defined()
        for lookup in self.lookups:
            table = self.table.get(lookup.table)
            if table is None or len(lookup.exprs) != table.arity:
                raise CircuitError(f"relation {lookup.name}: table {lookup.table} does not fit")
            if any(expr.axes != lookup.exprs[0].axes for expr in lookup.exprs):
                raise CircuitError(f"relation {lookup.name}: expressions over different axes")
        for linear in self.linears:
            if not 0 < linear.bound < PRIME:
                raise CircuitError(f"relation {linear.name}: bound {linear.bound} may wrap")

        for gather in self.gathers:
            carried = gather.carried
            if len(carried) > 1 or not gather.source.axes or not gather.index.axes:
                raise CircuitError(
                    f"relation {gather.name}: rows are gathered from one axis or two"
                )
            if gather.value.axes != (*gather.index.axes, *carried):
                raise CircuitError(f"relation {gather.name}: value, index and source do not fit")
        kinds.of(self.extents).check_reveals(self)

    def check_bands(self) -> None:
        """That bands are of two axes of one extent each, of which no other band is; and that columns may be zero
        outside, where lookups but no gathers are made."""
        named = [name for band in self.bands for name in (band.rows, band.columns)]
        for band in self.bands:
            sizes = [axis.size for axis in self.axes if axis.name in (band.rows, band.columns)]
            square = len(sizes) == 2 and sizes[0] == sizes[1] and sizes[0] in self.extents
            if not square or len(set(named)) != len(named):
                raise CircuitError(f"a band of axes {band.rows} and {band.columns}")
            if band.window < 0 or not LEAST_BLOCK <= band.block <= LARGEST_BLOCK:
                raise CircuitError(f"a band of window {band.window} and blocks 2^{band.block}")
        for gather in self.gathers if self.bands else ():
            if self.band(gather.index.axes):
                raise CircuitError(f"relation {gather.name}: rows are gathered in a band")
        for column in self.home("witness") if self.bands else ():
            if not column.low <= 0 <= column.high and self.band(column.axes):
                raise CircuitError(
                    f"column {column.name}: zero, which it is outside a band, is out of its range"
                )

    def _check_sizes(self) -> None:
        """That expressions are few and short: work on them is in proportion to what they name."""
        products = [product for einsum in self.einsums for product in einsum.products]
        _require_few(len(products), MOST_PARTS, "product")
        expressions = [expr for _, expr in self.expressions()]
        terms = [term for expr in expressions for term in expr.terms]
        _require_few(len(terms), MOST_PARTS, "term")
        named = [expr.axes for expr in expressions] + [term.indices for term in terms]
        _require_few(sum(map(len, named)), MOST_NAMED, "axis of an expression")
        named += [column.axes for column in self.columns]
        _require_few(max(map(len, named), default=0), MOST_DIMENSIONS, "axis of one part")

    def _check_defined(self) -> None:
        """That a relation gives the column that it defines at each of its cells, from what is committed."""
        names = [einsum.defines for einsum in self.einsums if einsum.defines]
        if len(set(names)) != len(names):
            raise CircuitError("two relations define one column")
        revealed = {name for columns in self.reveals.values() for name in columns}
        for name, einsum in self.defined.items():
            column = self.column.get(name)
            terms = [term for term in einsum.lhs.terms if term.column == name]
            fits = (
                len(terms) == 1 and abs(terms[0].coefficient) == 1 and whole(terms[0], einsum.lhs)
            )
            if column is None or column.home != "witness" or name in revealed or not column.axes:
                raise CircuitError(f"relation {einsum.name}: {name} is no column to be defined")
            if not fits:
                raise CircuitError(
                    f"relation {einsum.name}: the left side is not {name} and a rest"
                )
        looked_up = {lookup.name for lookup in self.lookups} if self.defined else set()
        for relation, expr in self.expressions() if self.defined else ():
            for term in expr.terms:
                einsum = self.defined.get(term.column)
                if einsum is None or expr is einsum.lhs:
                    continue
                as_defined = whole(term, expr) and term.indices == einsum.defined.indices
                if relation not in looked_up or not as_defined:
                    raise CircuitError(
                        f"relation {relation}: {term.column} is defined by relation {einsum.name}, and so only "
                        "lookups read it, cell by cell"
                    )

    def _check_public(self, column: Column) -> None:
        sizes = tuple(self.axis[axis].size for axis in column.axes)
        if column.kind == "mask":
            side = sizes[-1] if sizes else 0
            if isinstance(side, int) or sizes != (len(column.windows), side, side):
                raise CircuitError(f"column {column.name}: a mask over other axes")
            if min(column.windows, default=0) < 0:
                raise CircuitError(f"column {column.name}: windows {column.windows}")
        elif column.kind == "below-next":
            if not generation.fits_below_next(sizes):
                raise CircuitError(f"column {column.name}: below-next over other axes")
        else:
            self._check_data(column)

    def _check_data(self, column: Column) -> None:
        array = self.data.get(column.name)
        sizes = self.sizes(column, Shape(self.extents))
        if array is None or array.shape != sizes:
            raise CircuitError(f"column {column.name}: contents missing or of another shape")
        if array.size and not column.low <= array.min() <= array.max() <= column.high:
            raise CircuitError(f"column {column.name}: contents outside the declared range")

    def _check_expr(self, relation: str, expr: Expr) -> None:
        for name in expr.axes:
            if name not in self.axis:
                raise CircuitError(f"relation {relation}: unknown axis {name}")
        if len(set(expr.axes)) != len(expr.axes):
            raise CircuitError(f"relation {relation}: an axis stands twice in an expression")
        for term in expr.terms:
            column = self.column.get(term.column)
            if column is None:
                raise CircuitError(f"relation {relation}: unknown column {term.column}")
            if len(term.indices) != len(column.axes):
                raise CircuitError(f"relation {relation}: {term.column} read with other axes")
            for index, source in zip(term.indices, column.axes, strict=True):
                self._check_index(relation, expr, term, index, source)
            read = [index.axis for index in term.indices]
            if any(
                i.axis and not MAPS[i.kind].picks and read.count(i.axis) > 1 for i in term.indices
            ):
                raise CircuitError(
                    f"relation {relation}: {term.column} reads an axis by {read} at once, one of them "
                    "not index by index"
                )

    def _check_index(
        self, relation: str, expr: Expr, term: Term, index: Index, source: str
    ) -> None:
        kind, target = MAPS[index.kind], 1
        where = f"relation {relation}: {term.column} along {source}"
        if kind.alone and index.axis:
            raise CircuitError(f"{where}: index {index.kind} names no axis")
        if not kind.alone:
            if index.axis not in expr.axes:
                raise CircuitError(f"{where} reads axis {index.axis}, which the expression lacks")
            target = self.axis[index.axis].size
        whole = kind.numbers in (None, len(index.table))
        if not whole or not kind.fits(
            index, target, self.axis[source].size, self.axis, self.extents
        ):
            raise CircuitError(f"{where}: index {index.kind} does not fit the sizes")


def _require_few(count: int, most: int, what: str) -> None:
    if count > most:
        raise CircuitError(f"{count} parts of kind {what}, more than {most}")
