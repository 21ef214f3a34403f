"""Columns and expressions against cell-by-cell evaluation."""

import numpy as np
import pytest
from check import CellwiseCheck
from toy import toy_model
from zklemma.errors import expect
from zklemma.runtime.circuit.generation import Generation, Tokens, position_ids
from zklemma.runtime.circuit.index import Index
from zklemma.runtime.circuit.relations import Expr, Term
from zklemma.runtime.witness.columns import Columns
from zklemma.runtime.witness.executor import Executor

SHAPE = Generation(5, 6)


@pytest.fixture(scope="module")
def columns() -> Columns:
    circuit, program, params = toy_model(layers=3)
    executor = Executor(circuit, program, params)
    prompt = [3, 7, 1, 0, 19]
    tokens = prompt + executor.generate(prompt, 6)
    witness = executor.witness(tokens, 5, 6)
    return Columns(circuit, SHAPE, {**witness, **params}, Tokens(tokens, SHAPE))


@pytest.fixture(scope="module")
def cellwise(columns: Columns) -> CellwiseCheck:
    return CellwiseCheck(
        columns.circuit, SHAPE, columns.values, expect(columns.inputs, Tokens).ids.tolist()
    )


def expected(cellwise: CellwiseCheck, expr: Expr) -> np.ndarray:
    sizes = [cellwise.size(axis) for axis in expr.axes]
    return np.array(list(cellwise.whole(expr).values()), np.int64).reshape(sizes)


def distinct(columns: Columns) -> list[Expr]:
    return list(dict.fromkeys(expr for _, expr in columns.circuit.expressions()))


def test_every_expression_and_sub_boxes(columns: Columns, cellwise: CellwiseCheck) -> None:
    random = np.random.default_rng(0)
    for expr in distinct(columns):
        whole = columns.expr(expr)
        assert np.array_equal(whole, expected(cellwise, expr)), expr
        for _ in range(3):
            box = {}
            for axis in expr.axes:
                start = int(random.integers(columns.size(axis)))
                box[axis] = slice(start, int(random.integers(start, columns.size(axis))) + 1)
            cut = columns.expr(expr, box)
            assert np.array_equal(cut, whole[tuple(box[axis] for axis in expr.axes)]), (expr, box)


def test_publics(columns: Columns, cellwise: CellwiseCheck) -> None:
    for column in columns.circuit.home("public"):
        assert columns.public(column.name).tolist() == cellwise.columns[column.name]


SAME = {name: Index("same", name) for name in ("layer", "kv", "token", "dim", "generated")}
OTHERS = {
    "joint with same": Expr(
        ("generated",),
        (Term(3, "below_next", (SAME["generated"], Index("next", "generated"))),),
        7,
    ),
    "joint, axes apart and a sum between": Expr(
        ("layer", "token"),
        (
            Term(
                -2,
                "attn.softmax.e",
                (
                    SAME["layer"],
                    Index("sum"),
                    Index("sum"),
                    Index("same", "token"),
                    Index("same", "token"),
                ),
            ),
        ),
    ),
    "before and rotate": Expr(
        ("token", "dim", "layer"),
        (
            Term(
                1,
                "attn.k.limb0",
                (Index("before", "layer"), Index("sum"), SAME["token"], Index("rotate", "dim")),
            ),
        ),
    ),
    "transposed and broadcast": Expr(
        ("dim", "group", "token", "kv", "layer"),
        (
            Term(1, "attn.k.limb0", (SAME["layer"], SAME["kv"], SAME["token"], SAME["dim"])),
            Term(2, "cos", (Index("pick", "layer", (1, 0, 1)), SAME["token"], SAME["dim"])),
        ),
        5,
    ),
    "constant": Expr(("layer", "token"), (), -4),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_expressions(columns: Columns, cellwise: CellwiseCheck, name: str) -> None:
    assert np.array_equal(columns.expr(OTHERS[name]), expected(cellwise, OTHERS[name]))


def test_a_plain_column_is_not_copied(columns: Columns) -> None:
    name = "attn.k.limb0"
    same = tuple(SAME[axis] for axis in columns.circuit.column[name].axes)
    expr = Expr(columns.circuit.column[name].axes, (Term(1, name, same),))
    for box in ({}, {"token": slice(2, 4)}):
        array = columns.expr(expr, box)
        assert array.dtype == np.uint16
        assert np.shares_memory(array, columns.values[name])


def test_padding_positions() -> None:
    shape = Generation(10, 7)
    assert shape.rows == 16
    assert position_ids(shape, np.arange(1, 18)).tolist() == [*range(1, 17)]
    shape = Generation(11, 8)
    assert shape.rows == 20
    assert position_ids(shape, np.arange(1, 20)).tolist() == [*range(1, 20), 0]
