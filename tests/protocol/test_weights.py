"""Claims on expressions as claims on columns: the transposes of the index maps against their meaning.

An expression's cells are computed one by one by the brute-force checker of the executor's tests, which
shares no code with the protocol.
"""

from __future__ import annotations

from importlib import import_module
from math import prod

import numpy as np
import pytest
from zklemma.errors import UserError
from zklemma.runtime.circuit.extents import Axis
from zklemma.runtime.circuit.generation import GENERATED, TOKENS, Generation, Tokens, extents
from zklemma.runtime.circuit.index import Index
from zklemma.runtime.circuit.index_maps import MAPS
from zklemma.runtime.circuit.relations import Circuit, Column, Einsum, Expr, Product, Term
from zklemma.runtime.field import Ext, P
from zklemma.runtime.protocol import axis_weights as weights_module
from zklemma.runtime.protocol.axis_weights import (
    Expander,
    Sparse,
    Tensor,
    Weight,
    dense,
    eq,
    one_hot,
    prefix,
    within,
)

CellwiseCheck = import_module("check").CellwiseCheck

AXES = {
    "layer": 5,
    "token": TOKENS,
    "source": TOKENS,
    "generated": GENERATED,
    "even": 6,
    "whole": 8,
    "odd": 3,
    "vocabulary": 7,
    "one": 1,
}


def elements(rng: np.random.Generator, count: int) -> list[Ext]:
    return [Ext(int(a), int(b)) for a, b in rng.integers(0, P, (count, 2), np.uint64)]


def circuit_of(expr: Expr, columns: dict[str, tuple[str, ...]]) -> Circuit:
    """A circuit that holds one expression."""
    return Circuit(
        axes=tuple(Axis(name, size) for name, size in AXES.items()),
        columns=tuple(
            Column(name, axes, "witness", -(1 << 20), 1 << 20) for name, axes in columns.items()
        ),
        tables=(),
        einsums=(Einsum("relation", expr, (Product(1, (expr,)),), 1 << 60),),
        lookups=(),
        linears=(),
        extents=extents(16),
    )


def claims_agree(
    expr: Expr, columns: dict[str, tuple[str, ...]], shape: Generation, seed: int, sparse: str = ""
) -> None:
    """sum_cells w * expr = constant + sum_reads coefficient * sum_cells w * column."""
    rng = np.random.default_rng(seed)
    circuit = circuit_of(expr, columns)
    circuit.check()
    tokens = rng.integers(0, 7, shape.prompt + shape.generated).tolist()
    size = {name: shape.size(circuit.axis[name]) for name in AXES}
    values = {
        name: rng.integers(-9, 10, [size[axis] for axis in axes]) for name, axes in columns.items()
    }
    expander = Expander(circuit, shape, Tokens(tokens, shape))
    weights: dict[str, Weight] = {}
    for axis in expr.axes:
        weights[axis] = eq(elements(rng, expander.bits[axis]))
        if axis == sparse:
            chosen = sorted(rng.permutation(size[axis])[: 1 + size[axis] // 2].tolist())
            weights[axis] = Sparse(tuple(zip(chosen, elements(rng, len(chosen)), strict=True)))
    vectors = {axis: dense(weights[axis], size[axis]) for axis in expr.axes}
    check = CellwiseCheck(circuit, shape, values, tokens)
    expected = Ext.ZERO
    for cell in check.cells(expr.axes):
        weight = prod((vectors[axis][i] for axis, i in cell.items()), start=Ext.ONE)
        expected = expected + weight * check.value(expr, cell)
    constant, reads = expander.expand(expr, weights)
    total = Ext.ZERO + constant
    for read in reads:
        axes = columns[read.column]
        of_axis = [dense(w, size[axis]) for w, axis in zip(read.weights, axes, strict=True)]
        for at, value in np.ndenumerate(values[read.column]):
            weight = prod((v[i] for v, i in zip(of_axis, at, strict=True)), start=Ext.ONE)
            total = total + weight * read.coefficient * int(value)
    assert total == expected


def same(*axes: str) -> tuple[Index, ...]:
    return tuple(Index("same", axis) for axis in axes)


# The column's axis, the expression's axis, and how it is read.
INDICES = {
    "same": ("odd", Index("same", "odd")),
    "same of a power of two": ("whole", Index("same", "whole")),
    "same of one": ("one", Index("same", "one")),
    "tokens as sources": ("token", Index("same", "source")),
    "before": ("layer", Index("before", "layer")),
    "rotate a power of two": ("whole", Index("rotate", "whole")),
    "rotate": ("even", Index("rotate", "even")),
    "window": ("token", Index("window", "generated")),
    "token": ("vocabulary", Index("token", "token")),
    "previous": ("vocabulary", Index("previous", "generated")),
    "next": ("vocabulary", Index("next", "generated")),
    "pick": ("odd", Index("pick", "layer", (2, 0, 2, 2, 1))),
    "stride": ("odd", Index("stride", "even", (2, -1))),
    "stride over a power of two": ("whole", Index("stride", "odd", (1, 1))),
}


@pytest.mark.parametrize(
    "shape", [Generation(1, 1), Generation(4, 3), Generation(2, 6), Generation(5, 5)], ids=str
)
@pytest.mark.parametrize("name", INDICES)
def test_every_index_kind(name: str, shape: Generation) -> None:
    source, index = INDICES[name]
    other = "odd" if index.axis == "even" else "even"
    axes = (index.axis, "vocabulary", other)
    term = Term(3, "column", (index, *same(other)))
    columns = {"column": (source, other)}
    expr = Expr(axes, (term,), -5)
    for sparse in ("", index.axis):
        claims_agree(expr, columns, shape, seed=len(name), sparse=sparse)


@pytest.mark.parametrize("axis", ["layer", "token", "whole", "one"])
def test_sums(axis: str) -> None:
    expr = Expr(("odd",), (Term(-2, "column", (Index("sum"), *same("odd"))),), 1)
    claims_agree(expr, {"column": (axis, "odd")}, Generation(4, 3), seed=1)


def test_one_entry() -> None:
    expr = Expr(("odd",), (Term(-2, "column", (Index("at", "", (1,)), *same("odd"))),), 1)
    claims_agree(expr, {"column": ("layer", "odd")}, Generation(4, 3), seed=9)


def test_constants_and_broadcast_terms_count_existing_cells_only() -> None:
    terms = (Term(7, "row", same("token")), Term(1, "single", same("one")))
    expr = Expr(("layer", "token", "odd", "one"), terms, 11)
    claims_agree(expr, {"row": ("token",), "single": ("one",)}, Generation(4, 3), seed=2)
    claims_agree(Expr(("layer", "odd"), (), 3), {"unread": ("odd",)}, Generation(1, 1), seed=3)


@pytest.mark.parametrize("shape", [Generation(1, 1), Generation(4, 3)], ids=str)
def test_one_axis_read_twice(shape: Generation) -> None:
    """The embedding of a gathered row; a diagonal; a gather beside its own index."""
    gathered = Term(2, "table", (Index("token", "token"), Index("sum")))
    claims_agree(Expr(("token",), (gathered,)), {"table": ("vocabulary", "odd")}, shape, 4)
    diagonal = Term(1, "square", same("token", "token"))
    claims_agree(Expr(("odd", "token"), (diagonal,), 2), {"square": ("token", "source")}, shape, 5)
    chosen = Term(-1, "logits", (*same("generated"), Index("next", "generated")))
    claims_agree(Expr(("generated",), (chosen,)), {"logits": ("generated", "vocabulary")}, shape, 6)
    three = Term(
        5,
        "cube",
        (
            Index("window", "generated"),
            Index("previous", "generated"),
            Index("pick", "layer", (0, 0, 2, 1, 2)),
            Index("rotate", "even"),
        ),
    )
    claims_agree(
        Expr(("layer", "generated", "even"), (three,), 1),
        {"cube": ("token", "vocabulary", "odd", "even")},
        shape,
        7,
        sparse="generated",
    )


def test_random_expressions() -> None:
    rng = np.random.default_rng(8)
    kinds = list(INDICES.values())
    for seed in range(12):
        axes: tuple[str, ...] = ()
        terms, columns = [], {}
        for k in range(3):
            chosen = [kinds[i] for i in rng.permutation(len(kinds))[:2]]
            one, other = (index for _, index in chosen)
            if one.axis == other.axis and not all(MAPS[i.kind].picks for i in (one, other)):
                continue  # An axis that is not read entry by entry is read once in a term.
            axes = (*axes, *(index.axis for _, index in chosen if index.axis not in axes))
            columns[f"column{k}"] = tuple(source for source, _ in chosen)
            indices = tuple(index for _, index in chosen)
            terms.append(Term(int(rng.integers(-9, 9)), f"column{k}", indices))
        axes = tuple(dict.fromkeys(axes))[:4]
        kept = tuple(t for t in terms if all(index.axis in axes for index in t.indices))
        shape = Generation(int(rng.integers(1, 4)), int(rng.integers(1, 3)))
        claims_agree(Expr(axes, kept, 4), columns, shape, seed)


@pytest.mark.parametrize("bits", [0, 1, 3, 4])
def test_weights_of_an_axis(bits: int) -> None:
    rng = np.random.default_rng(bits)
    tensor = Tensor(
        tuple((a, b) for a, b in zip(elements(rng, bits), elements(rng, bits), strict=True))
    )
    full = dense(tensor, 1 << bits)
    for i, w in enumerate(full):
        digits = [pair[i >> k & 1] for k, pair in enumerate(reversed(tensor.pairs))]
        assert w == prod(digits, start=Ext.ONE)
    point = elements(rng, bits)
    for i in range(1 << bits):
        assert dense(one_hot(i, bits), 1 << bits) == [int(i == j) for j in range(1 << bits)]
        assert dense(eq([Ext(i >> k & 1) for k in reversed(range(bits))]), 1 << bits)[i] == 1
    for low in range(bits + 1):
        inner = dense(eq(point[:low]), 1 << low)
        for offset in range(0, 1 << bits, 1 << low):
            expected = [0] * offset + inner + [0] * ((1 << bits) - offset - (1 << low))
            assert dense(within(offset, eq(point[:low]), bits), 1 << bits) == expected
    for size in range((1 << bits) + 1):
        assert dense(tensor, size) == full[:size]
        assert prefix(tensor, size) == sum(full[:size], Ext.ZERO)
    entries = tuple(enumerate(full))[::2]
    sparse = Sparse(entries)
    for size in range(1 << bits, 20):
        assert sum(dense(sparse, size), Ext.ZERO) == prefix(sparse, size)
    for end in range(1 << bits):
        assert prefix(sparse, end) == sum((w for i, w in entries if i < end), Ext.ZERO)


def test_tokens_beyond_the_sequence_are_padding() -> None:
    assert Tokens(range(1, 20), Generation(11, 8)).at.tolist() == [*range(1, 20), 0]
    tokens = Tokens([5, 6, 7, 8], Generation(2, 2))
    assert tokens.at.tolist() == [5, 6, 7]
    assert tokens.previous.tolist() == [6, 7]
    assert tokens.next.tolist() == [7, 8]


def ones(size: int) -> Sparse:
    return Sparse(tuple((i, 1) for i in range(size)))


def test_claims_end_for_every_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs of all indices of two axes; and many terms that read all indices of one."""
    same = [Index("same", axis) for axis in ("layer", "layer", "odd", "odd")]
    pairs = Expr(("layer", "odd"), (Term(1, "c", tuple(same)),))
    before = Term(1, "d", (Index("before", "layer"),))
    circuit = circuit_of(pairs, {"c": ("layer", "layer", "odd", "odd"), "d": ("layer",)})
    weights: dict[str, Weight] = {"layer": ones(5), "odd": ones(3)}

    def expander() -> Expander:
        return Expander(circuit, Generation(2, 2), Tokens((1, 2, 3, 4), Generation(2, 2)))

    many = Expr(("layer",), (before,) * 6)
    spent = []
    for expr, reads in ((pairs, 15), (many, 6)):
        once = expander()
        assert len(once.expand(expr, weights)[1]) == reads
        spent.append(once._steps)
    monkeypatch.setattr(weights_module, "STEPS", min(spent) - 1)
    for expr in (pairs, many):
        with pytest.raises(UserError, match=r"more than \d+ steps"):
            expander().expand(expr, weights)
    once = expander()
    once.expand(Expr(("layer",), (before,) * 3), weights)
    with pytest.raises(UserError, match=r"more than \d+ steps"):
        once.expand(Expr(("layer",), (before,) * 3), weights)
