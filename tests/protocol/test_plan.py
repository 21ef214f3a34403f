"""Where cells and leaves go: every one has its place, and no place has two."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
import pytest
from proving import Setting, parameters
from zklemma.errors import UserError
from zklemma.runtime.circuit.extents import Axis
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.circuit.layout import Piece, pieces
from zklemma.runtime.protocol import plan as plan_module
from zklemma.runtime.protocol.conversation import needed
from zklemma.runtime.protocol.plan import Leaf, Plan, multiplicity, place


def check_cover(blocks: list[Piece], sizes: tuple[int, ...]) -> None:
    """The pieces tile a tensor."""
    seen = np.zeros(sizes, int)
    for piece in blocks:
        assert all(
            offset % (1 << bits) == 0
            for offset, bits in zip(piece.offsets, piece.bits, strict=True)
        )
        seen[piece.slices] += 1
    assert (seen == 1).all()


def check_places(spans: list[tuple[int, int]], end: int) -> None:
    """Spans (start, size) are aligned, inside [0, end) and apart from each other."""
    at = 0
    for start, size in sorted(spans):
        assert start % size == 0 and start >= at
        at = start + size
    assert at <= end


@pytest.mark.parametrize("capacity", [96, 384, 3 << 12])
@pytest.mark.parametrize("row_bits", [0, 5])
def test_blocks_are_disjoint_aligned_and_complete(capacity: int, row_bits: int) -> None:
    rng, columns = np.random.default_rng(capacity), capacity >> row_bits
    for _ in range(20):
        tensors = [
            (f"column{i}", tuple(rng.integers(1, 14, rng.integers(0, 4)).tolist()))
            for i in range(rng.integers(1, 9))
        ]
        placed, slabs = place([(name, pieces(s)) for name, s in tensors], columns, row_bits)
        assert all(bits == row_bits for bits in slabs[:-1]) and slabs[-1] <= row_bits
        for name, sizes in tensors:
            check_cover([block.piece for block in placed[name]], sizes)
        for slab, bits in enumerate(slabs):
            spans = [
                (block.start, 1 << max(row_bits, block.piece.log_size))
                for blocks in placed.values()
                for block in blocks
                if block.slab == slab
            ]
            assert spans
            check_places(spans, columns << bits)
            # Half the rows would not do.
            assert not bits or sum(size for _, size in spans) > columns << bits - 1
        assert {b.slab for blocks in placed.values() for b in blocks} == set(range(len(slabs)))


@pytest.mark.parametrize(
    ("count", "sizes", "log_capacity"),
    [
        (1, (1 << 20, 1 << 20, 1 << 20), 20),
        (1, ((1 << 20) - 1,) * 8, 60),
        (1 << 14, (7,), 20),
        (1 << 13, (1 << 14,), 14),
    ],
    ids=["halves", "cuts", "columns", "slabs"],
)
def test_planning_ends_for_every_key(count: int, sizes: tuple[int, ...], log_capacity: int) -> None:
    with pytest.raises(UserError, match=r"more than \d+ parts"):
        place([(f"column{i}", pieces(sizes)) for i in range(count)], 1 << log_capacity >> 5, 5)


@pytest.mark.parametrize("group_bits", [1, 12, 14])
def test_grouping_ends_for_every_key(tiny: Setting, group_bits: int) -> None:
    lookups = tiny.circuit.lookups
    axes = tuple(
        replace(axis, size=(1 << 20) - 1) if axis.name == "row" else axis
        for axis in tiny.circuit.axes
    )
    many = tuple(replace(lookups[0], name=f"{i}") for i in range(64))
    circuit = replace(tiny.circuit, axes=axes, lookups=many, data=tiny.circuit.data)
    code = replace(tiny.key.parameters, group_bits=group_bits)
    with pytest.raises(UserError, match=r"more than \d+ parts"):
        _ = Plan(circuit, code, Generation(5, 4)).groups


def test_pieces_of_one_tensor_are_counted(tiny: Setting) -> None:
    """20 along each axis."""
    names = tuple(f"long{i}" for i in range(4))
    axes = (*tiny.circuit.axes, *(Axis(name, (1 << 20) - 1) for name in names))
    circuit = replace(tiny.circuit, axes=axes, data=tiny.circuit.data)
    plan = Plan(circuit, tiny.key.parameters, Generation(5, 4))
    assert len(plan.parts(names[:3])) == 8000
    with pytest.raises(UserError, match=r"more than \d+ parts"):
        plan.parts(names)


def test_there_are_few_groups(tiny: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cell in a group of its own, as the table fills more than one."""
    code = replace(tiny.key.parameters, group_bits=1)
    count = len(Plan(tiny.circuit, code, Generation(5, 4)).groups)
    assert count > 60
    monkeypatch.setattr(plan_module, "GROUPS", count - 1)
    with pytest.raises(UserError, match=f"more than {count - 1} parts"):
        _ = Plan(tiny.circuit, code, Generation(5, 4)).groups


def test_defined_columns_are_read_few_times(tiny: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(tiny.circuit, tiny.key.parameters, Generation(5, 3))
    count = sum(len(claim.leaves) for claim in plan.deferred)
    again = Plan(tiny.circuit, tiny.key.parameters, Generation(5, 3))
    assert count and again.groups == plan.groups
    monkeypatch.setattr(plan_module, "BLOCKS", count)
    assert again.deferred == plan.deferred
    monkeypatch.setattr(plan_module, "BLOCKS", count - 1)
    again.__dict__.pop("deferred")
    with pytest.raises(UserError, match=f"more than {count - 1} parts"):
        _ = again.deferred


def test_there_are_few_sums_of_products(tiny: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each product that defines a column is summed once for each claim on the column; and terms are read."""
    plan = Plan(tiny.circuit, tiny.key.parameters, Generation(5, 3))
    assert len(plan.instances) > sum(len(einsum.products) for einsum in tiny.circuit.einsums)
    # Of 4 y + rem - 34 = (embedding, weights); of cube = (y - 8, y - 8, y - 8).
    count = len(plan.deferred) * (1 + 2 + 2) + 1 + 1 + 3
    monkeypatch.setattr(plan_module, "SUMS", count)
    again = Plan(tiny.circuit, tiny.key.parameters, Generation(5, 3))
    assert again.instances == plan.instances
    monkeypatch.setattr(plan_module, "SUMS", count - 1)
    again.__dict__.pop("instances")
    with pytest.raises(UserError, match=f"more than {count - 1} sums of products"):
        _ = again.instances


@pytest.mark.parametrize("limit", ["SEARCHES", "BLOCKS"])
def test_grouping_is_counted(tiny: Setting, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    """What is looked at for each piece, and leaves with those of the tables."""
    code = replace(tiny.key.parameters, group_bits=1)
    leaves = sum(len(group.leaves) for group in Plan(tiny.circuit, code, Generation(5, 4)).groups)
    plan = Plan(tiny.circuit, code, Generation(5, 4))
    monkeypatch.setattr(plan_module, limit, leaves - 1)
    with pytest.raises(UserError, match=f"more than {leaves - 1} parts"):
        _ = plan.groups


def test_a_vector_without_cells_is_one_row() -> None:
    assert place([], 96, 5) == ({}, [0])


@pytest.mark.parametrize("shape", [Generation(1, 1), Generation(5, 4), Generation(7, 3)], ids=str)
def test_all_committed_columns_of_a_proof(toy: Setting, shape: Generation) -> None:
    plan = Plan(toy.circuit, toy.key.parameters, shape)
    p = plan.parameters
    sizes = dict(plan.witness_sizes)
    sizes |= {c.name: plan.sizes(c.axes) for c in toy.circuit.home("param")}
    assert set(plan.placed) == set(sizes)
    spans: dict[int, list[tuple[int, int]]] = {}
    for name, blocks in plan.placed.items():
        check_cover([block.piece for block in blocks], sizes[name])
        for block in blocks:
            weight = toy.circuit.column.get(name)
            in_weights = weight is not None and weight.home == "param"
            assert (block.slab < len(plan.slabs[0])) == in_weights
            size = 1 << max(p.row_bits, block.piece.log_size)
            spans.setdefault(block.slab, []).append((block.start, size))
    assert set(spans) == set(range(len(plan.all_slabs)))
    assert 1 << plan.slab_bits >= len(spans)
    for slab, found in spans.items():
        check_places(found, p.data_columns << plan.all_slabs[slab])
    assert plan.committed_cells == sum(prod(s) for _, s in plan.witness_sizes)


@pytest.mark.parametrize("group_bits", [5, 6, 22])
@pytest.mark.parametrize("shape", [Generation(1, 1), Generation(2, 6), Generation(4, 4)], ids=str)
def test_groups_of_lookups(tiny: Setting, group_bits: int, shape: Generation) -> None:
    plan = Plan(tiny.circuit, replace(tiny.key.parameters, group_bits=group_bits), shape)
    circuit = plan.circuit
    if group_bits == 22:
        assert len(plan.groups) == 1 and plan.group_bits == 0
    else:
        assert len(plan.groups) > 1
    assert 1 << plan.group_bits >= len(plan.groups)
    where: dict[int, list[Piece]] = {}
    for number, group in enumerate(plan.groups):
        check_places(
            [(leaf.start, 1 << leaf.piece.log_size) for leaf in group.leaves],
            1 << plan.lookup_depth,
        )
        assert {leaf.table for leaf in group.leaves} == set(group.tables)
        for table in group.tables:
            rows = [leaf for leaf in group.leaves if leaf.lookup < 0 and leaf.table == table]
            check_cover([leaf.piece for leaf in rows], (circuit.table[table].rows,))
            assert (multiplicity(number, table), (circuit.table[table].rows,)) in (
                plan.witness_sizes
            )
            assert any(leaf.lookup >= 0 and leaf.table == table for leaf in group.leaves)
        cells = sum(1 << leaf.piece.log_size for leaf in group.leaves)
        # Only a table that fills more than half of a group by itself can make it larger.
        largest = max(circuit.table[table].rows for table in group.tables)
        assert cells <= 1 << group_bits or largest > 1 << (group_bits - 1)
        for leaf in group.leaves:
            if leaf.lookup >= 0:
                assert circuit.lookups[leaf.lookup].table == leaf.table
                where.setdefault(leaf.lookup, []).append(leaf.piece)
    for number, lookup in enumerate(circuit.lookups):
        check_cover(where[number], plan.sizes(lookup.exprs[0].axes))
    assert plan.lookup_cells == sum(
        prod(plan.sizes(lookup.exprs[0].axes)) for lookup in circuit.lookups
    )


def test_each_group_has_tables_and_counts_of_its_own(tiny: Setting) -> None:
    plan = Plan(tiny.circuit, replace(tiny.key.parameters, group_bits=5), Generation(4, 4))
    names = [name for name, _ in plan.witness_sizes]
    assert len(set(names)) == len(names)
    assert sum(name.endswith(".u4") for name in names) > 1
    assert all(isinstance(leaf, Leaf) for group in plan.groups for leaf in group.leaves)


def test_instances_of_products(toy: Setting) -> None:
    plan = Plan(toy.circuit, toy.key.parameters, Generation(5, 4))
    of = {instance.einsum.name: instance for instance in plan.instances}
    # Matrix products sum over what both factors have; stacked layers are shared, and bring eq.
    product = of["mlp.up.requantize"]
    assert product.variables == ("layer", "channel") and product.shared == ("layer",)
    square = of["attn.norm.square"]
    assert len(square.factors) == 1 and "channel" in square.variables
    mixed = of["attn.mixed.requantize"]
    assert len(mixed.factors) == 3
    assert set(mixed.variables) == {"layer", "token", "source", "kv", "group"}
    assert plan.einsum_rounds == max(i.rounds for i in plan.instances)
    assert all(i.rounds == sum(plan.bits(a) for a in i.variables) for i in plan.instances)


@pytest.mark.parametrize("group_bits", [5, 22])
@pytest.mark.parametrize("shape", [Generation(1, 1), Generation(4, 4)], ids=str)
def test_pads_are_counted_before_they_are_used(
    tiny: Setting, group_bits: int, shape: Generation
) -> None:
    """The verifier asserts that the conversation used just these."""
    code = replace(parameters(9, [2], pads=600), group_bits=group_bits)
    plan = Plan(tiny.circuit, code, shape)
    outputs = {z for _, _, z in needed(plan).triples}
    assert len(outputs) == len(needed(plan).triples)
    assert all(
        z < needed(plan).pads and x < needed(plan).pads and y < needed(plan).pads
        for x, y, z in needed(plan).triples
    )
    assert not any(x in outputs or y in outputs for x, y, _ in needed(plan).triples)
