"""What a circuit, its parameters and a shape fix before anything is said.

The `Plan` places every committed column's blocks in slabs, every lookup's blocks in the leaves of the LogUp
trees, and names the sumcheck instances of the einsums. Prover and verifier derive the same plan. A gather is a
lookup too, of (index, value) among the rows (i, source[i]).

A column that an einsum defines is in no slab. Lookups read it, so claims on it come from the leaves of the
trees; those of its pieces that differ along the first axis only are one claim, if that axis is short. Such a
`Deferred` claim is left to the einsums' sumcheck.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from ..circuit.band import parts
from ..circuit.extents import Shape
from ..circuit.layout import Piece, pieces
from ..circuit.relations import (
    GATHERED,
    MULTIPLICITIES,
    Circuit,
    Einsum,
    Expr,
    Home,
    Lookup,
    Product,
)
from .axis_weights import bits_of
from .parameters import Parameters
from .work_limits import BLOCKS, GROUPS, ROWS, SEARCHES, SUMS, require_few

EINSUM_DEGREE = 4
# The longest axis along which pieces are one claim: its weights are listed.
LISTED = 256


@dataclass(frozen=True)
class Placed:
    """A piece of a committed column at ``start`` in slab ``slab``, in cells."""

    piece: Piece
    slab: int
    start: int


@dataclass(frozen=True)
class Source:
    """Where lookups find their rows: a public table or, where ``entries`` is given, the rows (i, entries[i]).

    ``tag`` tells the sources in one fingerprint apart.
    """

    tag: int
    rows: int
    entries: Expr | None = None

    @property
    def carried(self) -> tuple[str, ...]:
        """The axis that a row of ``entries`` is over, if it is more than a number."""
        return self.entries.axes[1:] if self.entries else ()


@dataclass(frozen=True)
class Leaf:
    """2^log_size leaves from ``start``: a piece of lookup ``lookup``, or of its source (lookup = -1)."""

    lookup: int
    table: str
    piece: Piece
    start: int


@dataclass(frozen=True)
class Group:
    """Lookups with multiplicities, and an identity, of their own."""

    tables: tuple[str, ...]
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True)
class Deferred:
    """A claim on the column that ``einsum`` defines, from the leaves of one lookup.

    Each of ``leaves`` is (group, leaf, place of the expression in the tuple that is looked up, coefficient of
    the column in it). Their pieces agree on all of ``axes``, those of the lookup's domain, but the first if the
    claim is ``listed``; weights of the pieces add up along that. Where it is not, there is one leaf.
    """

    einsum: Einsum
    axes: tuple[str, ...]
    leaves: tuple[tuple[int, Leaf, int, int], ...]
    listed: bool

    @property
    def box(self) -> dict[str, tuple[int, int]]:
        """The offset and the log2 of the length of the pieces, along all axes that they agree on."""
        piece = self.leaves[0][1].piece
        places = zip(self.axes, zip(piece.offsets, piece.bits, strict=True), strict=True)
        return dict([*places][self.listed :])


@dataclass(frozen=True)
class Instance:
    """The sumcheck of one product of an einsum.

    ``variables`` are the axes summed over by the sumcheck, in circuit order; an axis of the left side that
    two or more factors share is in ``shared`` and brings an eq factor; the other axes of a factor are bound
    at once, to the point (axes of the left side) or summed. The point is that of all einsums or, of a
    ``deferred`` claim, that of the leaves.
    """

    einsum: Einsum
    product: Product
    variables: tuple[str, ...]
    shared: tuple[str, ...]
    bits: tuple[int, ...]
    deferred: Deferred | None = None

    @property
    def rounds(self) -> int:
        return sum(self.bits)

    @property
    def box(self) -> dict[str, tuple[int, int]]:
        """The offset and log2 of the length of what it is about, of axes where that is not all."""
        return self.deferred.box if self.deferred else {}

    @property
    def weighted(self) -> tuple[str, ...]:
        """A shared axis whose weights are no eq: they are one more factor."""
        listed = self.deferred.axes[:1] if self.deferred and self.deferred.listed else ()
        return tuple(axis for axis in self.shared if axis in listed)

    @property
    def factors(self) -> list[Expr]:
        """The distinct factors; a square names one twice."""
        return list(dict.fromkeys(self.product.factors))


def multiplicity(group: int, table: str) -> str:
    """The name of the witness column that counts the uses of a table's rows in a group."""
    return f"{MULTIPLICITIES}{group}.{table}"


def place(
    tensors: Iterable[tuple[str, Iterable[Piece]]], columns: int, row_bits: int
) -> tuple[dict[str, list[Placed]], list[int]]:
    """First fit of pieces, largest first, into slabs of 2^row_bits rows of ``columns`` cells, of which the
    last has as few rows as its pieces need, a power of two; returns the log2 of each slab's rows, too.

    Sizes are powers of two in falling order, so every start is a multiple of the piece's size. A piece
    larger than a slab is halved along its first axes until it fits.
    """
    capacity = columns << row_bits
    limit = capacity.bit_length() - 1
    found: list[tuple[str, Piece]] = []
    for name, whole in tensors:
        found += [(name, part) for part in cut_up(whole, limit)]
        require_few(len(found), BLOCKS)
    found.sort(key=lambda item: -max(row_bits, item[1].log_size))
    filled: list[int] = []
    out: dict[str, list[Placed]] = {}
    slab, before = 0, 0
    for name, piece in found:
        size = 1 << max(row_bits, piece.log_size)
        # A slab without room for a piece has none for the next of that size.
        slab = slab if size == before else 0
        while slab < len(filled) and filled[slab] + size > capacity:
            slab += 1
        if slab == len(filled):
            filled.append(0)
            require_few(len(filled) << row_bits, ROWS)
        out.setdefault(name, []).append(Placed(piece, slab, filled[slab]))
        filled[slab] += size
        before = size
    last = bits_of(-(-filled[-1] // columns)) if filled else 0
    return out, [row_bits] * (len(filled) - 1) + [last]


def cut_up(whole: Iterable[Piece], limit: int) -> list[Piece]:
    """Pieces, halved until none has more than 2^limit cells."""
    found: list[Piece] = []
    for piece in whole:
        require_few(len(found) + (1 << max(0, piece.log_size - limit)), BLOCKS)
        found += _halved(piece, limit)
    return found


def _halved(piece: Piece, limit: int) -> list[Piece]:
    if piece.log_size <= limit:
        return [piece]
    axis = next(i for i, bits in enumerate(piece.bits) if bits)
    return [part for half in piece.halves(axis) for part in _halved(half, limit)]


def _named(einsum: Einsum) -> int:
    """Its products, and the terms of its expressions."""
    factors = [factor for product in einsum.products for factor in product.factors]
    return len(einsum.products) + sum(len(expr.terms) for expr in (einsum.lhs, *factors))


class Plan:
    """The static side of one proof: see the module's docstring for its parts. ``private`` names what of
    `Circuit.reveals` is committed to by a digest of its own (`disclosure`), ``silent`` what the statement says
    nothing about; it shows the rest."""

    def __init__(
        self,
        circuit: Circuit,
        parameters: Parameters,
        shape: Shape,
        private: tuple[str, ...] = (),
        silent: tuple[str, ...] = (),
    ):
        self.circuit = circuit
        self.parameters = parameters
        self.shape = shape
        self.private = private
        self.silent = silent
        self._parts: dict[tuple[str, ...], list[Piece]] = {}

    def sizes(self, axes: Iterable[str]) -> tuple[int, ...]:
        return tuple(self.shape.size(self.circuit.axis[axis]) for axis in axes)

    def parts(self, axes: tuple[str, ...]) -> list[Piece]:
        """The pieces of what is over these axes: all, or those in its band."""
        if axes not in self._parts:
            found: list[Piece] = []
            for piece in parts(self.circuit.bands, axes, self.sizes(axes)):
                found.append(piece)
                require_few(len(found), BLOCKS)
            self._parts[axes] = found
        return self._parts[axes]

    def bits(self, axis: str) -> int:
        return bits_of(self.shape.size(self.circuit.axis[axis]))

    @cached_property
    def _gathered(self) -> dict[Expr, str]:
        """The names of the sources of gathers: one that several gathers share is one."""
        names: dict[Expr, str] = {}
        for gather in self.circuit.gathers:
            names.setdefault(gather.source, f"{GATHERED}{gather.name}")
        return names

    @cached_property
    def sources(self) -> dict[str, Source]:
        """By name, tables first."""
        found = {t.name: Source(n, t.rows) for n, t in enumerate(self.circuit.tables, 1)}
        for entries, name in self._gathered.items():
            (rows,) = self.sizes(entries.axes[:1])
            found[name] = Source(len(found) + 1, rows, entries)
        return found

    @cached_property
    def lookups(self) -> list[Lookup]:
        """The circuit's lookups and gathers."""
        gathers = [
            Lookup(g.name, self._gathered[g.source], (g.index, g.value), g.origin)
            for g in self.circuit.gathers
        ]
        return [*self.circuit.lookups, *gathers]

    @cached_property
    def carried_bits(self) -> int:
        """Variables of the longest row that is gathered."""
        axes = [axis for source in self.sources.values() for axis in source.carried]
        return max((self.bits(axis) for axis in axes), default=0)

    @cached_property
    def groups(self) -> list[Group]:
        """Lookup pieces by source, then first come first served into groups of 2^group_bits leaves.

        Pieces are at most an eighth of a group, so that groups are nearly full beside their sources.
        """
        capacity = 1 << self.parameters.group_bits
        rows = {name: source.rows for name, source in self.sources.items()}
        by_source: dict[str, list[int]] = {name: [] for name in self.sources}
        for number, lookup in enumerate(self.lookups):
            by_source[lookup.table].append(number)
        items = []
        for name, numbers in by_source.items():
            for number in numbers:
                axes = self.lookups[number].exprs[0].axes
                limit = max(0, self.parameters.group_bits - 3)
                items += [(number, name, piece) for piece in cut_up(self.parts(axes), limit)]
                require_few(len(items), BLOCKS)
        bins: list[tuple[dict[str, None], list[tuple[int, str, Piece]], int]] = []
        searched = 0
        for number, table, piece in items:
            searched += 1 + len(bins)
            require_few(searched, SEARCHES)
            size = 1 << piece.log_size
            for i, (tables, members, used) in enumerate(bins):
                need = size + (0 if table in tables else rows[table])
                if used + need <= capacity:
                    tables[table] = None
                    members.append((number, table, piece))
                    bins[i] = (tables, members, used + need)
                    break
            else:
                bins.append(({table: None}, [(number, table, piece)], size + rows[table]))
                require_few(len(bins), GROUPS)
        own = sum(rows[table].bit_count() for tables, _, _ in bins for table in tables)
        require_few(len(items) + own, BLOCKS)
        return [self._group([*tables], members) for tables, members, _ in bins]

    def _group(self, tables: list[str], members: list[tuple[int, str, Piece]]) -> Group:
        own = [
            (-1, table, piece) for table in tables for piece in pieces((self.sources[table].rows,))
        ]
        members = [*members, *own]
        members = sorted(members, key=lambda item: -item[2].log_size)
        leaves, start = [], 0
        for number, table, piece in members:
            leaves.append(Leaf(number, table, piece, start))
            start += 1 << piece.log_size
        return Group(tuple(tables), tuple(leaves))

    def degree(self, group: Group) -> int:
        """Of the product of a group's leaves, in the challenges of fingerprints: one a leaf, and one more for
        each variable of the row it holds."""
        return sum(
            1 + sum(map(self.bits, self.sources[leaf.table].carried)) << leaf.piece.log_size
            for leaf in group.leaves
        )

    @cached_property
    def lookup_depth(self) -> int:
        """log2 of the leaves of each group's tree; all groups have the same depth."""
        ends = [
            group.leaves[-1].start + (1 << group.leaves[-1].piece.log_size)
            for group in self.groups
            if group.leaves
        ]
        return bits_of(max(ends, default=1))

    @cached_property
    def lookup_cells(self) -> int:
        return sum(
            1 << leaf.piece.log_size
            for group in self.groups
            for leaf in group.leaves
            if leaf.lookup >= 0
        )

    @cached_property
    def group_bits(self) -> int:
        return bits_of(max(1, len(self.groups)))

    @cached_property
    def witness_sizes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Committed witness columns with their sizes: the circuit's, then the multiplicities."""
        own = [(c.name, self.sizes(c.axes)) for c in self.circuit.committed]
        counts = [
            (multiplicity(g, table), (self.sources[table].rows,))
            for g, group in enumerate(self.groups)
            for table in group.tables
        ]
        return own + counts

    @cached_property
    def _witness(self) -> tuple[dict[str, list[Placed]], list[int]]:
        p = self.parameters
        own = {c.name: c.axes for c in self.circuit.committed}
        # One after the other, since limits are on all of them together.
        tensors = (
            (name, self.parts(own[name]) if name in own else pieces(sizes))
            for name, sizes in self.witness_sizes
        )
        return place(tensors, p.data_columns, p.row_bits)

    def _weights(self, home: Home) -> tuple[dict[str, list[Placed]], list[int]]:
        p = self.parameters
        tensors = ((c.name, pieces(self.sizes(c.axes))) for c in self.circuit.home(home))
        return place(tensors, p.data_columns, p.row_bits)

    @cached_property
    def _commitments(self) -> list[tuple[dict[str, list[Placed]], list[int]]]:
        """The placed columns and the slabs of each commitment, in the order that numbers slabs: the
        weights, the same under other masks where a key is linked to an older one, the witness."""
        renewed = [self._weights("renewed")] if self.circuit.home("renewed") else []
        return [self._weights("param"), *renewed, self._witness]

    @cached_property
    def slabs(self) -> list[list[int]]:
        """The log2 of the rows of each commitment's slabs; the witness's are the last."""
        return [slabs for _, slabs in self._commitments]

    @cached_property
    def all_slabs(self) -> list[int]:
        """The same, of all commitments one after the other, as slabs are numbered."""
        return [bits for slabs in self.slabs for bits in slabs]

    @cached_property
    def rows(self) -> list[int]:
        """The rows of integers of each commitment; the witness's are the last."""
        return [sum(1 << bits for bits in slabs) for slabs in self.slabs]

    @cached_property
    def slab_bits(self) -> int:
        """Variables that choose among all slabs."""
        return bits_of(len(self.all_slabs))

    @cached_property
    def placed(self) -> dict[str, list[Placed]]:
        """Every committed column's blocks, slabs numbered through all commitments."""
        found: dict[str, list[Placed]] = {}
        first = 0
        for columns, slabs in self._commitments:
            for name, blocks in columns.items():
                found[name] = [Placed(b.piece, first + b.slab, b.start) for b in blocks]
            first += len(slabs)
        return found

    @cached_property
    def witness_cells(self) -> dict[str, int]:
        """How many cells of each column are committed to."""
        return {
            name: sum(1 << block.piece.log_size for block in blocks)
            for name, blocks in self._witness[0].items()
        }

    @property
    def committed_cells(self) -> int:
        return sum(self.witness_cells.values())

    @cached_property
    def deferred(self) -> list[Deferred]:
        """The claims on defined columns, in the order of the leaves that begin them."""
        defined = self.circuit.defined
        # What each lookup reads of defined columns: all terms that read one read it alike.
        reads = [Counter[tuple[int, str]]() for _ in self.lookups]
        for found_in, lookup in zip(reads, self.lookups, strict=True):
            for place, expr in enumerate(lookup.exprs):
                for term in expr.terms:
                    if term.column in defined:
                        found_in[place, term.column] += term.coefficient
        found: dict[tuple, list[tuple[int, Leaf, int, int]]] = {}
        count = 0
        for number, leaf in self._lookup_leaves():
            count += len(reads[leaf.lookup])
            require_few(count, BLOCKS)
            for (place, column), coefficient in reads[leaf.lookup].items():
                listed = self._listed(self.lookups[leaf.lookup].exprs[place])
                box = leaf.piece.offsets[listed:], leaf.piece.bits[listed:]
                key = leaf.lookup, place, column, box
                found.setdefault(key, []).append((number, leaf, place, coefficient))
        claims = []
        for (lookup, place, column, _), leaves in found.items():
            expr = self.lookups[lookup].exprs[place]
            claims.append(Deferred(defined[column], expr.axes, tuple(leaves), self._listed(expr)))
        return claims

    def _listed(self, expr: Expr) -> bool:
        return self.sizes(expr.axes[:1]) <= (LISTED,)

    def _lookup_leaves(self) -> Iterable[tuple[int, Leaf]]:
        """Those that hold pieces of lookups, with the numbers of their groups."""
        return (
            (n, leaf) for n, g in enumerate(self.groups) for leaf in g.leaves if leaf.lookup >= 0
        )

    def without_defined(self, expr: Expr) -> Expr:
        """An expression without the columns that einsums define."""
        kept = tuple(term for term in expr.terms if term.column not in self.circuit.defined)
        return Expr(expr.axes, kept, expr.constant)

    @cached_property
    def relations(self) -> list[Einsum]:
        """The einsums that are claimed at a point of their own: those that define no column."""
        return [einsum for einsum in self.circuit.einsums if not einsum.defines]

    @cached_property
    def instances(self) -> list[Instance]:
        """Of the relations, then of the deferred claims."""
        einsums = self.relations + [claim.einsum for claim in self.deferred]
        require_few(sum(map(_named, einsums)), SUMS, "sums of products and terms in them")
        found = [self._instance(e, product) for e in self.relations for product in e.products]
        for claim in self.deferred:
            found += [
                self._instance(claim.einsum, product, claim) for product in claim.einsum.products
            ]
        return found

    def _instance(
        self, einsum: Einsum, product: Product, deferred: Deferred | None = None
    ) -> Instance:
        left = einsum.lhs.axes
        uses = {
            axis.name: sum(axis.name in factor.axes for factor in product.factors)
            for axis in self.circuit.axes
        }
        shared = tuple(axis for axis in uses if axis in left and uses[axis] > 1)
        variables = tuple(axis for axis in uses if uses[axis] > 1)
        box = deferred.box if deferred else {}
        bits = tuple(box[axis][1] if axis in box else self.bits(axis) for axis in variables)
        return Instance(einsum, product, variables, shared, bits, deferred)

    def is_public(self, expr: Expr) -> bool:
        """Whether the verifier can evaluate ``expr`` alone."""
        return all(self.circuit.column[term.column].home == "public" for term in expr.terms)

    @cached_property
    def point_axes(self) -> list[str]:
        """The axes that the random point of einsums and linear relations runs over."""
        used = {a for e in self.relations for a in e.lhs.axes}
        used |= {a for r in self.circuit.linears for a in r.expr.axes}
        return [axis.name for axis in self.circuit.axes if axis.name in used]

    @cached_property
    def einsum_rounds(self) -> int:
        return max((instance.rounds for instance in self.instances), default=0)
