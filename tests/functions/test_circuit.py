"""What a circuit of a function must be, and how a kind is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from mlp import HIDDEN, MOST, TENSORS, mlp_circuit
from zklemma.runtime.circuit import function, generation, kinds
from zklemma.runtime.circuit.encoding import decode_circuit, encode_circuit
from zklemma.runtime.circuit.extents import Axis, CircuitError
from zklemma.runtime.circuit.function import BATCH, MOST_TENSORS, Batch
from zklemma.runtime.circuit.index import Index
from zklemma.runtime.circuit.relations import Circuit, Column, Expr, Linear, Term

CIRCUIT = mlp_circuit()


def revealing(**changed: tuple[str, ...]) -> Circuit:
    names = {name.replace("_", " "): columns for name, columns in changed.items()}
    return replace(CIRCUIT, reveals={**CIRCUIT.reveals, **names}, data=CIRCUIT.data)


def with_column(column: Column) -> Circuit:
    return replace(CIRCUIT, columns=(*CIRCUIT.columns, column), data=CIRCUIT.data)


def test_a_circuit_of_a_function() -> None:
    CIRCUIT.check()
    assert decode_circuit(encode_circuit(CIRCUIT)) == CIRCUIT
    assert kinds.of(CIRCUIT.extents) is function and kinds.of(()) is generation
    assert kinds.order(CIRCUIT.reveals) == TENSORS
    assert function.most(CIRCUIT) == MOST and Batch(2).extents == {BATCH: 2}
    assert function.cells(CIRCUIT, "output hidden", Batch(2)) == 2 * 3 * HIDDEN


@pytest.mark.parametrize("what", ["prompt", "output", "input x", "output A_1", "input " + "a" * 64])
def test_names_that_can_be_revealed(what: str) -> None:
    assert kinds.can_reveal(what)


@pytest.mark.parametrize(
    "what", ["input", "output ", "input 1", "input x\n", "inputs x", "input é", "input " + "a" * 65]
)
def test_names_that_can_not(what: str) -> None:
    assert not kinds.can_reveal(what)


def _generated() -> Circuit:
    index = Index("window", "example")
    term = Term(1, "score", (index, Index("sum")))
    linear = Linear("last", Expr(("example",), (term,)), 9)
    return replace(CIRCUIT, linears=(linear,), data=CIRCUIT.data)


REFUSED: list[tuple[str, Callable[[], Circuit]]] = [
    (
        "no other",
        lambda: replace(CIRCUIT, extents={BATCH: 6, "tokens": 6}, data=CIRCUIT.data),
    ),
    ("reveals an output", lambda: replace(CIRCUIT, reveals={}, data=CIRCUIT.data)),
    (
        "reveals an output",
        lambda: replace(CIRCUIT, reveals={"input left": ("left",)}, data=CIRCUIT.data),
    ),
    ("neither input nor output", lambda: revealing(prompt=("left",))),
    ("another form", lambda: revealing(input_left=("left", "right"))),
    ("another form", lambda: revealing(input_left=())),
    ("another form", lambda: revealing(input_left=("nowhere",))),
    ("another form", lambda: revealing(input_left=("w",))),
    (
        "another form",
        lambda: replace(
            with_column(Column("known", ("example",), "public", 0, 1)),
            reveals={**CIRCUIT.reveals, "input known": ("known",)},
            data={**CIRCUIT.data, "known": np.zeros(MOST, np.int64)},
        ),
    ),
    ("is no column to be defined", lambda: revealing(output_rest=("y.rem",))),
    (
        "another form",
        lambda: replace(
            CIRCUIT,
            columns=(*CIRCUIT.columns, Column("one", (), "witness", 0, 1)),
            reveals={**CIRCUIT.reveals, "input one": ("one",)},
            data=CIRCUIT.data,
        ),
    ),
    (
        "another form",
        lambda: replace(
            CIRCUIT,
            axes=(*CIRCUIT.axes, Axis("other", BATCH)),
            columns=(*CIRCUIT.columns, Column("square", ("example", "other"), "witness", 0, 1)),
            reveals={**CIRCUIT.reveals, "input square": ("square",)},
            data=CIRCUIT.data,
        ),
    ),
    (
        f"more than {MOST_TENSORS}",
        lambda: revealing(**{f"output_x{i}": ("score",) for i in range(MOST_TENSORS)}),
    ),
    ("does not fit the sizes", _generated),
    (
        "no column mask",
        lambda: replace(
            with_column(
                Column("m", ("feature", "example", "other"), "public", 0, 1, "", "mask", (0, 0))
            ),
            axes=(*CIRCUIT.axes, Axis("other", BATCH)),
            data=CIRCUIT.data,
        ),
    ),
]


@pytest.mark.parametrize(("reason", "made"), REFUSED)
def test_what_is_no_circuit_of_a_function(reason: str, made: Callable[[], Circuit]) -> None:
    with pytest.raises(CircuitError, match=reason):
        made().check()


@pytest.mark.parametrize("most", range(1, 65))
def test_any_batch_has_the_bits_of_one_that_is_hard(most: int) -> None:
    hard = [shape.extents[BATCH] for shape in function.hardest(mlp_circuit(most))]
    assert hard[0] == most and all(0 < batch <= most for batch in hard)
    for batch in range(1, most + 1):
        assert any(batch & other == batch for other in hard)


def test_what_may_be_behind_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    assert function.sealable(CIRCUIT, Batch(MOST)) == TENSORS
    monkeypatch.setattr(function, "MOST_SEALED", 6 * 6)
    assert function.sealable(CIRCUIT, Batch(6)) == ("input left", "input right", "output score")
    assert function.sealable(CIRCUIT, Batch(2)) == TENSORS
