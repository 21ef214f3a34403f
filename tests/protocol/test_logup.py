"""The prover's messages are those of the definition, however little memory there is; counts are of rows."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import numpy as np
import pytest
from zklemma.errors import RangeError
from zklemma.runtime import field
from zklemma.runtime.circuit.extents import Axis
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.circuit.index import Index, Inputs
from zklemma.runtime.circuit.relations import Circuit, Column, Expr, Lookup, Table, Term
from zklemma.runtime.field import Ext
from zklemma.runtime.kernels import logup as kernels
from zklemma.runtime.protocol.conversation import needed
from zklemma.runtime.protocol.lookup import prover as logup_prover
from zklemma.runtime.protocol.lookup.multiplicities import count_uses
from zklemma.runtime.protocol.lookup.shared import draw
from zklemma.runtime.protocol.plan import Plan, multiplicity
from zklemma.runtime.protocol.prover_channel import ProverChannel, as_array, as_pair
from zklemma.runtime.protocol.transcript import Transcript
from zklemma.runtime.protocol.weight_tables import vector
from zklemma.runtime.witness.columns import Columns

proving = import_module("proving")
tiny = import_module("tiny")

Setting = tuple[Plan, Columns]
HUGE = 1 << 62


def channel(plan: Plan) -> ProverChannel:
    return ProverChannel(Transcript("test"), np.zeros((2, needed(plan).pads), np.uint64))


def read(column: str, axes: tuple[str, ...], coefficient: int = 1) -> Term:
    return Term(coefficient, column, tuple(Index("same", axis) for axis in axes))


def wide(group_bits: int) -> Setting:
    """Boxes of many sizes in columns of many types, some of whose values are in no table."""
    at = ("a", "b", "c")
    rng = np.random.default_rng(0)
    ranges = {
        "byte": (0, 255),
        "signed": (-100, 100),
        "short": (0, 60000),
        "word": (-(1 << 30), 1 << 30),
        "unsigned": (0, (1 << 32) - 1),
        "long": (-(1 << 60), 1 << 60),
    }
    columns = tuple(Column(name, at, "witness", *ends) for name, ends in ranges.items())
    columns += (Column("flat", ("c", "a"), "witness", 0, 9), Column("one", (), "witness", 0, 9))
    sizes = {"a": 3, "b": 5, "c": 37}
    values = {
        column.name: rng.integers(
            column.low, column.high + 1, [sizes[axis] for axis in column.axes]
        ).astype(column.storage)
        for column in columns
    }
    plain = {name: Expr(at, (read(name, at),)) for name in ranges}
    mixed = Expr(at, (read("byte", at, 300), read("signed", at)), 5)
    turned = Expr(("a", "c"), (read("flat", ("c", "a")),))
    spread = Expr(at, (read("flat", ("c", "a")),))
    circuit = Circuit(
        axes=tuple(Axis(name, size) for name, size in sizes.items()),
        columns=columns,
        tables=(
            Table("u8", 1, 256),
            Table("pair", 2, 9),
            Table("triple", 3, 21),
            Table("twice", 2, 6),
        ),
        einsums=(),
        lookups=(
            Lookup("byte", "u8", (plain["byte"],)),
            Lookup("mixed", "u8", (mixed,)),
            Lookup("turned", "u8", (turned,)),
            Lookup("one", "u8", (Expr((), (read("one", ()),)),)),
            Lookup("pair", "pair", (plain["short"], plain["word"])),
            Lookup("triple", "triple", (plain["long"], plain["unsigned"], plain["signed"])),
            Lookup("spread", "triple", (spread, mixed, plain["byte"])),
            Lookup("twice", "twice", (spread, spread)),
        ),
        linears=(),
        extents={},
        data={
            "u8": np.arange(256)[:, None],
            "pair": np.arange(18).reshape(9, 2) - 4,
            "triple": np.arange(63).reshape(21, 3) << 40,
            # Not in order, and not one row for each first component.
            "twice": np.array([[1, 1], [0, 1], [0, 0], [3, 3], [3, 4], [9, 9]]),
        },
    )
    circuit.check()
    plan = Plan(circuit, proving.parameters(8, [2], group_bits=group_bits), Generation(1, 1))
    return plan, Columns(circuit, plan.shape, values, Inputs())


def gathered() -> Setting:
    """Rows are looked up by their index."""
    circuit, shape = tiny.tiny_private_circuit(), Generation(2, 3)
    params = tiny.tiny_params(0)
    witness = tiny.tiny_private_witness(params, shape, (1, 2), (3, 4, 5))
    plan = Plan(circuit, proving.parameters(8, [2], group_bits=6), shape)
    return plan, Columns(circuit, shape, {**params, **witness}, Inputs())


def arbitrary_counts(plan: Plan) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {
        multiplicity(number, table): rng.integers(0, 1 << 40, plan.sources[table].rows)
        for number, group in enumerate(plan.groups)
        for table in group.tables
    }


def leaves(plan: Plan, columns: Columns, counts: dict[str, np.ndarray], challenges) -> list:
    """p and q of all leaves, (2, nodes, groups)."""
    p = np.zeros((2, 1 << plan.lookup_depth, 1 << plan.group_bits), np.uint64)
    q = np.zeros_like(p)
    q[0] = 1
    for number, group in enumerate(plan.groups):
        for leaf in group.leaves:
            source = plan.sources[leaf.table]
            slices = leaf.piece.slices
            if leaf.lookup >= 0:
                exprs = plan.lookups[leaf.lookup].exprs
                box = dict(zip(exprs[0].axes, slices, strict=True))
                values = [columns.expr(expr, box) for expr in exprs]
            elif source.entries is None:
                values = list(plan.circuit.data[leaf.table][slices[0]].T)
            else:
                values = [
                    np.arange(source.rows)[slices[0]],
                    columns.expr(source.entries)[slices[0]],
                ]
            span = slice(leaf.start, leaf.start + (1 << leaf.piece.log_size))
            base = as_pair(challenges.alpha - challenges.tag * source.tag)
            out = np.repeat(base[:, None], values[0].size, axis=1)
            for beta, value in zip(challenges.betas, values, strict=False):
                weight = as_pair(beta if isinstance(beta, Ext) else Ext(beta))[:, None]
                of_cell = field.to_field(value.astype(np.int64)).reshape(values[0].size, -1)
                if value.ndim > values[0].ndim:
                    (axis,) = source.carried
                    at = vector(challenges.carried(plan, leaf)[axis], *plan.sizes([axis]))
                    for k, row in enumerate(field.kmul(at, weight).T):
                        out = field.ksub(out, field.kmul_base(row[:, None], of_cell[:, k]))
                else:
                    out = field.ksub(out, field.kmul_base(weight, of_cell[:, 0]))
            q[:, span, number] = out
            if leaf.lookup >= 0:
                p[0, span, number] = 1
            else:
                uses = counts[multiplicity(number, leaf.table)][slices[0]]
                p[0, span, number] = field.to_field(-uses)
    return [p.reshape(2, -1), q.reshape(2, -1)]


def halves(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    half = table.shape[1] // 2
    return table[:, :half], table[:, half:]


def at(table: np.ndarray, x: Ext) -> np.ndarray:
    """The table with its first variable fixed."""
    low, high = halves(table)
    return field.kadd(low, field.kmul(field.ksub(high, low), as_pair(x)))


def define(channel: ProverChannel, setting: Setting, counts: dict[str, np.ndarray]) -> None:
    """The conversation, by its definition, layer by layer over whole tables."""
    plan, columns = setting
    challenges = draw(plan, channel.challenges)
    point = channel.challenges(plan.group_bits)
    layers = [leaves(plan, columns, counts, challenges)]
    for _ in range(plan.lookup_depth):
        (p0, p1), (q0, q1) = (halves(side) for side in layers[-1])
        p = field.kadd(field.kmul(p0, q1), field.kmul(p1, q0))
        layers.append([p, field.kmul(q0, q1)])
    weights = field.eq_table(as_array(point))
    channel.masked("lookup root", [Ext(*field.kdot(weights, side)) for side in layers.pop()])
    while layers:
        scale = channel.challenge()
        p, q = layers.pop()
        tables = [*halves(p), *halves(q), field.eq_table(as_array(point))]
        bound = []
        for _ in point:
            sent = []
            for x in (0, 2, 3):
                p0, p1, q0, q1, eq = (at(table, Ext(x)) for table in tables)
                value = field.kadd(field.kmul(p0, q1), field.kmul(p1, q0))
                value = field.kadd(value, field.kmul(field.kmul(q0, q1), as_pair(scale)))
                sent.append(Ext(*field.kdot(eq, value)))
            channel.masked("lookup round", sent)
            bound.append(channel.challenge())
            tables = [at(table, bound[-1]) for table in tables]
        channel.masked("lookup children", [Ext.of(table[:, 0]) for table in tables[:4]])
        for _ in range(3):
            channel.product()
        point = [channel.challenge(), *bound]


SETTINGS = {"many groups": lambda: wide(9), "one group": lambda: wide(13), "gathers": gathered}


@pytest.fixture(scope="module", params=list(SETTINGS))
def case(request: pytest.FixtureRequest) -> Iterator[tuple[Setting, dict, bytes]]:
    setting = SETTINGS[request.param]()
    counts = arbitrary_counts(setting[0])
    expected = channel(setting[0])
    define(expected, setting, counts)
    yield setting, counts, bytes(expected.out)


@pytest.mark.parametrize("rounds", [1, 2, 3])
@pytest.mark.parametrize("memory", [HUGE, 60_000, 6_000, 0])
@pytest.mark.parametrize("block", [256, 8, 1])
def test_messages(
    case: tuple, block: int, memory: int, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all layers kept, with some, with none; with blocks across leaves and within."""
    setting, counts, expected = case
    monkeypatch.setattr(kernels, "BLOCK", block)
    monkeypatch.setattr(logup_prover, "MEMORY", memory)
    monkeypatch.setattr(logup_prover, "ROUNDS", rounds)
    plan, columns = setting
    found = channel(plan)
    logup_prover.prove(found, plan, columns, counts)
    assert bytes(found.out) == expected


def test_no_lookups() -> None:
    base = tiny.tiny_circuit()
    circuit = Circuit(base.axes, base.columns, (), (), (), (), {}, data={"picked": np.zeros(3)})
    plan = Plan(circuit, proving.parameters(8, [2]), Generation(2, 3))
    columns = Columns(circuit, plan.shape, {}, Inputs())
    expected, found = channel(plan), channel(plan)
    define(expected, (plan, columns), {})
    logup_prover.prove(found, plan, columns, count_uses(plan, columns))
    assert found.out == expected.out


def test_counts() -> None:
    """Each group's rows as often as its cells are they; what is in no row counts nowhere."""
    plan, columns = wide(9)
    counts = count_uses(plan, columns, strict=False)
    expected = {name: np.zeros_like(uses) for name, uses in counts.items()}
    for number, group in enumerate(plan.groups):
        for leaf in group.leaves:
            if leaf.lookup < 0:
                continue
            rows = {tuple(row): i for i, row in enumerate(plan.circuit.data[leaf.table].tolist())}
            exprs = plan.lookups[leaf.lookup].exprs
            box = dict(zip(exprs[0].axes, leaf.piece.slices, strict=True))
            values = [columns.expr(expr, box).reshape(-1).tolist() for expr in exprs]
            for cell in zip(*values, strict=True):
                if cell in rows:
                    expected[multiplicity(number, leaf.table)][rows[cell]] += 1
    assert counts.keys() == expected.keys()
    assert all((counts[name] == expected[name]).all() for name in counts)
    assert sum(uses.sum() for uses in counts.values()) > 500
    with pytest.raises(RangeError, match=r"mixed: \d+ values are not in u8"):
        count_uses(plan, columns)
