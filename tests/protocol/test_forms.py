"""Linear forms on committed cells, and the parts that reads become, against vectors written out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from proving import Setting
from zklemma.errors import UserError
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.field import Ext, P
from zklemma.runtime.protocol.axis_weights import (
    Read,
    Scalar,
    Sparse,
    Tensor,
    Weight,
    bits_of,
    dense,
    eq,
)
from zklemma.runtime.protocol.channel import Affine
from zklemma.runtime.protocol.claims import Claim
from zklemma.runtime.protocol.opening import forms as forms_module
from zklemma.runtime.protocol.opening import shared as opening
from zklemma.runtime.protocol.opening import tails
from zklemma.runtime.protocol.opening.forms import Form, FormTable, folded, forms_of
from zklemma.runtime.protocol.opening.shared import combined_forms
from zklemma.runtime.protocol.opening.tails import Tail, summed
from zklemma.runtime.protocol.plan import Plan


def elements(rng: np.random.Generator, count: int) -> list[Ext]:
    return [Ext(int(a), int(b)) for a, b in rng.integers(0, P, (count, 2), np.uint64)]


def tail(form: Form) -> list[Scalar]:
    """Its weights from its start on, without the coefficient."""
    found = dense(Tensor(form.pairs), 1 << len(form.pairs))
    if form.rows is None:
        return found
    rows = np.zeros((2, 1 << form.row_bits), np.uint64)
    rows[:, :: 1 << form.shift] = form.rows
    return [w * Ext.of(row) for w in found for row in rows.T]


def vector(form: Form, cell_bits: int, bits: int) -> list[Ext]:
    """A form's weight on every cell."""
    out = [Ext.ZERO] * (1 << bits)
    for i, w in enumerate(tail(form)):
        out[(form.slab << cell_bits) + form.start + i] = form.coefficient * w
    return out


def random_forms(
    rng: np.random.Generator, cell_bits: int, slabs: int, count: int, arrays: int = 0
) -> list[Form]:
    """With arrays of weights on up to so many of the last bits."""
    forms = []
    for _ in range(count):
        free = int(rng.integers(0, cell_bits + 1))
        start = int(rng.integers(0, 1 << cell_bits)) >> free << free
        pairs = []
        for _ in range(free):
            a, b = elements(rng, 2)
            pairs.append([(a, b), (1, 0), (0, -3), (1 - a, a)][int(rng.integers(0, 4))])
        (scale,) = elements(rng, 1)
        forms.append(Form(scale, int(rng.integers(0, slabs)), start, tuple(pairs)))
        if (bits := min(free, arrays)) and rng.integers(0, 2):
            shift = int(rng.integers(0, bits + 1))
            rows = rng.integers(0, P, (2, 1 << bits - shift), np.uint64)
            arrays_of = {"pairs": tuple(pairs[:-bits]), "rows": rows, "shift": shift}
            forms.append(replace(forms.pop(), **arrays_of))
    return forms


@pytest.mark.parametrize("slab_bits", [0, 1, 2])
def test_folding_forms_is_evaluating_their_extension(slab_bits: int) -> None:
    rng = np.random.default_rng(slab_bits)
    cell_bits, bits = 5, 5 + slab_bits
    forms = random_forms(rng, cell_bits, 1 << slab_bits, 24, 2)
    assert len({form.row_bits for form in forms}) == 3
    total = [Ext.ZERO] * (1 << bits)
    for form in forms:
        total = [a + b for a, b in zip(total, vector(form, cell_bits, bits), strict=True)]
    point = elements(rng, bits)
    weights = dense(eq(point), 1 << bits)
    expected = sum((w * t for w, t in zip(weights, total, strict=True)), Ext.ZERO)
    # Rows, here the last two bits, are folded where weights on them are an array.
    products = folded(forms, point[-2:])
    table = FormTable.of(products, slab_bits, cell_bits)
    assert table.bind(list(range(bits)), point).total() == expected
    # In the order of the opening: the low bits, then the high ones, then those between.
    low, high = list(range(bits - 2, bits)), list(range(slab_bits))
    table = table.bind(low + high, [point[k] for k in low + high])
    rest = [point[k] for k in range(slab_bits, bits - 2)]
    assert table.bind(list(range(len(rest))), rest).total() == expected


@pytest.mark.parametrize("bits", [0, 1, 4])
def test_powers_evaluate_polynomials(bits: int) -> None:
    rng = np.random.default_rng(bits)
    scales, points = elements(rng, 3), [1, 7, int(rng.integers(0, P, dtype=np.uint64))]
    expected = [
        sum((s * pow(x, i, P) for s, x in zip(scales, points, strict=True)), Ext.ZERO)
        for i in range(1 << bits)
    ]
    table = FormTable.powers(scales, points, bits)
    for i, value in enumerate(expected):
        corner = [Ext(i >> k & 1) for k in reversed(range(bits))]
        assert table.bind(list(range(bits)), corner).total() == value
    forms = FormTable.of(random_forms(rng, bits, 1, 2), 0, bits)
    point = elements(rng, bits)
    everything = FormTable.join([table, forms]).bind(list(range(bits)), point).total()
    parts = [t.bind(list(range(bits)), point).total() for t in (table, forms)]
    assert everything == parts[0] + parts[1]


@pytest.mark.parametrize("shape", [Generation(2, 2), Generation(5, 3)], ids=str)
def test_a_read_lands_on_the_columns_cells_and_on_no_others(
    tiny: Setting, shape: Generation
) -> None:
    rng = np.random.default_rng(0)
    plan = Plan(tiny.circuit, tiny.key.parameters, shape)
    p = plan.parameters
    cell_bits = p.log_columns + p.row_bits
    sizes = dict(plan.witness_sizes)
    for column in plan.circuit.columns:
        if column.home == "public" or column.name in plan.circuit.defined:
            continue
        size = sizes.get(column.name) or plan.sizes(column.axes)
        for sparse in (False, True):
            weights: list[Weight] = [eq(elements(rng, bits_of(n))) for n in size]
            if sparse:
                weights[0] = Sparse(tuple(enumerate(elements(rng, size[0])))[::2])
            (scale,) = elements(rng, 1)
            expected: dict[int, Ext] = {}
            of_axis = [dense(w, n) for w, n in zip(weights, size, strict=True)]
            for block in plan.placed[column.name]:
                inside = np.ndindex(*(1 << b for b in block.piece.bits))
                for offset, at in enumerate(inside):
                    weight = scale
                    for v, i, o in zip(of_axis, at, block.piece.offsets, strict=True):
                        weight = weight * v[i + o]
                    cell = block.start + offset << p.row_bits - plan.all_slabs[block.slab]
                    cell += block.slab << cell_bits
                    assert cell not in expected
                    expected[cell] = weight
            found: dict[int, Ext] = {}
            for form in forms_of(plan, Read(scale, column.name, tuple(weights))):
                assert form.start % (1 << form.bits) == 0
                for i, w in enumerate(tail(form)):
                    cell = (form.slab << cell_bits) + form.start + i
                    found[cell] = found.get(cell, Ext.ZERO) + form.coefficient * w
            assert {c: w for c, w in found.items() if w} == {c: w for c, w in expected.items() if w}


def random_reads(rng: np.random.Generator, plan: Plan, column: str) -> list[Read]:
    """Those of windows: two weights on the first axis, and on the others lists and products of few bits."""
    axes = plan.circuit.column[column].axes
    sizes = plan.sizes(axes)
    firsts: list[Weight] = [eq(elements(rng, bits_of(sizes[0]))) for _ in range(2)]
    found: dict[tuple[Weight, ...], Read] = {}
    for n in range(40):
        weights = [firsts[n % 2]]
        for size in sizes[1:]:
            (value, other), at = elements(rng, 2), int(rng.integers(0, size))
            listed = Sparse(tuple((i, value * (i + 1) - other) for i in range(at + 1)))
            weights.append(listed if rng.integers(0, 2) else eq(elements(rng, bits_of(size))))
        (scale,) = elements(rng, 1)
        found[tuple(weights)] = Read(scale, column, tuple(weights))
    return [*found.values()]


def on_cells(plan: Plan, forms: list[Form]) -> dict[int, Ext]:
    """The weights of cells, by their place among all slabs."""
    cell_bits = plan.parameters.log_columns + plan.parameters.row_bits
    found: dict[int, Ext] = {}
    for form in forms:
        for i, w in enumerate(tail(form)):
            cell = (form.slab << cell_bits) + form.start + i
            found[cell] = found.get(cell, Ext.ZERO) + form.coefficient * w
    return {cell: w for cell, w in found.items() if w}


@pytest.mark.parametrize("row_bits", [1, 5])
@pytest.mark.parametrize("price", [0, 5, 10, 1 << 40])
def test_parts_of_reads_weigh_cells_as_the_reads_do(
    tiny: Setting, price: int, row_bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever forms cost: there are no arrays where that is nothing, and else they are of all axes, or of some.
    Columns of a slab are shorter than arrays, or longer."""
    monkeypatch.setattr(tails, "FORM", price)
    rng = np.random.default_rng(price)
    parameters = replace(tiny.key.parameters, row_bits=row_bits)
    plan = Plan(tiny.circuit, parameters, Generation(5, 3))
    depths = set()
    for column in ("weights", "y", "embedding"):
        reads = random_reads(rng, plan, column)
        parts = summed(plan, [reads])
        depths |= {len(part.weights) for part in parts if isinstance(part, Tail)}
        found, wanted = (
            on_cells(plan, [form for each in every for form in forms_of(plan, each)])
            for every in (parts, reads)
        )
        assert found == wanted
    assert depths == {0: set(), 5: {1}}.get(price, {0, 1})


def test_arrays_of_tails_are_counted(tiny: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of all columns together."""
    plan = Plan(tiny.circuit, tiny.key.parameters, Generation(3, 2))
    reads = random_reads(np.random.default_rng(0), plan, "weights")
    once = [part for part in summed(plan, [reads]) if isinstance(part, Tail)]
    whole = [branch for branch in tails._cheapest(plan, reads) if branch.whole]
    steps = sum(branch.steps + math.prod(branch.sizes) for branch in whole)
    assert once and steps
    monkeypatch.setattr(tails, "NUMBERS", 2 * steps)
    assert len(summed(plan, [reads, reads])) >= 2 * len(once)
    monkeypatch.setattr(tails, "NUMBERS", 2 * steps - 1)
    with pytest.raises(UserError, match=f"more than {2 * steps - 1} parts"):
        summed(plan, [reads, reads])


def test_totals_do_not_wrap() -> None:
    values = np.full((2, 1000), P - 1, np.uint64)
    assert FormTable(values, np.zeros((0, 2, 2, 1000), np.uint64)).total() == Ext(-1000, -1000)


def test_reads_with_the_same_weights_are_one(tiny: Setting) -> None:
    plan = Plan(tiny.circuit, tiny.key.parameters, Generation(3, 2))
    rng = np.random.default_rng(0)
    here, there = (
        tuple(eq(elements(rng, plan.bits(axis))) for axis in ("row", "channel")) for _ in range(2)
    )
    reads = [Read(2, "weights", here), Read(3, "weights", there), Read(5, "weights", here)]
    scales, forms = combined_forms(plan, [Claim(Affine(Ext.ZERO), reads)] * 2, Ext(7, 1))
    assert scales == [Ext.ONE, Ext(7, 1)]
    once = [Read(Ext(8, 1) * c, "weights", weights) for c, weights in ((7, here), (3, there))]
    assert forms == [form for read in once for form in forms_of(plan, read)]


def test_forms_are_counted(tiny: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(tiny.circuit, tiny.key.parameters, Generation(3, 2))
    weights = [
        tuple(Tensor(((1, x),) * plan.bits(axis)) for axis in ("row", "channel"))
        for x in range(2, 8)
    ]
    reads = [Read(1, "weights", at) for at in weights]
    claims = [Claim(Affine(Ext.ZERO), reads[:3]), Claim(Affine(Ext.ZERO), reads[3:])]
    assert len(combined_forms(plan, claims, Ext(3))[1]) == 24
    monkeypatch.setattr(opening, "FORMS", 23)
    with pytest.raises(UserError, match="more than 23 parts"):
        combined_forms(plan, claims, Ext(3))


def test_what_is_searched_for_forms_is_counted(
    tiny: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is searched."""
    plan = Plan(tiny.circuit, tiny.key.parameters, Generation(3, 2))
    at = tuple(Tensor(((1, 5),) * plan.bits(axis)) for axis in ("row", "channel"))
    claims = [Claim(Affine(Ext.ZERO), [Read(1, "weights", at)])]
    assert combined_forms(plan, claims, Ext(3))[1]
    monkeypatch.setattr(opening, "NUMBERS", 1)
    monkeypatch.setattr(opening, "forms_of", None)
    with pytest.raises(UserError, match="more than 1 parts"):
        combined_forms(plan, claims, Ext(3))


def test_forms_of_a_read_are_counted_before_they_are_made(
    tiny: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries of sparse weights on two axes multiply."""
    plan = Plan(tiny.circuit, tiny.key.parameters, Generation(3, 2))
    sizes = plan.sizes(("row", "channel"))
    read = Read(1, "weights", tuple(Sparse(tuple((i, 1) for i in range(n))) for n in sizes))
    made = forms_of(plan, read)
    assert len(made) == sizes[0] * sizes[1]
    monkeypatch.setattr(forms_module, "FORMS", 1)
    monkeypatch.setattr(forms_module, "Form", None)
    with pytest.raises(UserError, match="parts"):
        forms_of(plan, read)
