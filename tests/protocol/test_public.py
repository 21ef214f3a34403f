"""What the verifier evaluates by itself, against sums over all cells."""

from __future__ import annotations

import numpy as np
import pytest
from zklemma.runtime.circuit.extents import Axis
from zklemma.runtime.circuit.generation import GENERATED, TOKENS, Generation, Tokens, extents
from zklemma.runtime.circuit.relations import Circuit, Column
from zklemma.runtime.field import Ext, P
from zklemma.runtime.protocol import weight_tables as tables
from zklemma.runtime.protocol.axis_weights import (
    Expander,
    Sparse,
    Tensor,
    Weight,
    bits_of,
    dense,
    eq,
)
from zklemma.runtime.protocol.public import SHORT, contract, evaluate, table_values, vector

WINDOWS = (0, 3, 1, 0, 3)
MAX_TOKENS = 12


def elements(rng: np.random.Generator, count: int) -> list[Ext]:
    return [Ext(int(a), int(b)) for a, b in rng.integers(0, P, (count, 2), np.uint64)]


def random_weight(rng: np.random.Generator, size: int, kind: str) -> Weight:
    if kind == "point":
        return eq(elements(rng, bits_of(size)))
    if kind == "ones":
        return Tensor(((1, 1),) * bits_of(size))
    chosen = sorted(rng.permutation(size)[: size // 2].tolist()) if kind == "some" else []
    return Sparse(tuple(zip(chosen, elements(rng, len(chosen)), strict=True)))


def brute(array: np.ndarray, weights: list[Weight]) -> Ext:
    of_axis = [dense(w, n) for w, n in zip(weights, array.shape, strict=True)]
    total = Ext.ZERO
    for at, value in np.ndenumerate(array):
        term = Ext(int(value))
        for v, i in zip(of_axis, at, strict=True):
            term = term * v[i]
        total = total + term
    return total


@pytest.mark.parametrize("kind", ["point", "ones", "some", "none"])
def test_contract(kind: str) -> None:
    rng = np.random.default_rng(len(kind))
    for shape in ((5,), (1,), (3, 4), (2, 5, 6)):
        for bound in (1, 1 << 15, 1 << 36):
            array = rng.integers(-bound, bound + 1, shape)
            array.flat[0] = -bound
            for axis in range(len(shape)):
                weights = [
                    random_weight(rng, n, kind if i == axis else "point")
                    for i, n in enumerate(shape)
                ]
                assert contract(array, weights) == brute(array, weights)


def test_long_rows_are_summed_exactly() -> None:
    """More products of doubles than one exact sum holds."""
    array = np.full((1, 5000), 1 << 36, np.int64)
    weights = [eq([]), Tensor(((P - 1, P - 1),) * 13)]
    assert contract(array, weights) == Ext(5000 * (1 << 36)) * (P - 1) ** 13


@pytest.mark.parametrize("log_rows", [0, 1, 4, 7])
@pytest.mark.parametrize("arity", [1, 3])
def test_table_values(log_rows: int, arity: int) -> None:
    rng = np.random.default_rng(log_rows)
    rows = rng.integers(-(1 << 20), 1 << 20, (1 << log_rows, arity))
    point = elements(rng, log_rows)
    found = table_values(rows, point)
    assert found == [brute(rows[:, i], [eq(point)]) for i in range(arity)]


@pytest.mark.parametrize("shape", [Generation(1, 1), Generation(4, 3), Generation(7, 5)], ids=str)
@pytest.mark.parametrize("kind", ["point", "some", "none"])
def test_public_columns(shape: Generation, kind: str) -> None:
    rng = np.random.default_rng(shape.prompt)
    data = rng.integers(-(1 << 14), 1 << 14, (2, MAX_TOKENS, 3))
    circuit = Circuit(
        axes=(
            Axis("layer", len(WINDOWS)),
            Axis("token", TOKENS),
            Axis("source", TOKENS),
            Axis("generated", GENERATED),
            Axis("vocabulary", 11),
            Axis("kind", 2),
            Axis("dim", 3),
        ),
        columns=(
            Column("mask", ("layer", "token", "source"), "public", 0, 1, "", "mask", WINDOWS),
            Column("below", ("generated", "vocabulary"), "public", 0, 1, "", "below-next"),
            Column("angle", ("kind", "token", "dim"), "public", -(1 << 14), 1 << 14),
        ),
        tables=(),
        einsums=(),
        lookups=(),
        linears=(),
        extents=extents(MAX_TOKENS),
        data={"angle": data},
    )
    circuit.check()
    tokens = rng.integers(0, 11, shape.prompt + shape.generated).tolist()
    tokens[-1] = 0
    expander = Expander(circuit, shape, Tokens(tokens, shape))
    mask = np.array(
        [
            [
                [int(j <= i and (w == 0 or i - j < w)) for j in range(shape.rows)]
                for i in range(shape.rows)
            ]
            for w in WINDOWS
        ]
    )
    below = np.array([[int(j < t) for j in range(11)] for t in tokens[shape.prompt :]])
    for name, array in (("mask", mask), ("below", below), ("angle", data[:, : shape.rows])):
        for axis in range(array.ndim):
            weights = [
                random_weight(rng, n, kind if i == axis else "point")
                for i, n in enumerate(array.shape)
            ]
            assert evaluate(expander, name, tuple(weights)) == brute(array, weights), (name, axis)


@pytest.mark.parametrize("size", [1, 2, 5, 8, 1 << SHORT, (2 << SHORT) + 3])
def test_the_provers_weights_are_the_verifiers(size: int) -> None:
    rng = np.random.default_rng(size)
    for kind in ("point", "ones", "some"):
        weight = random_weight(rng, size, kind)
        expected = [Ext(0) + w for w in dense(weight, size)]
        for found in (vector(weight, size), tables.vector(weight, size)):
            assert [Ext(int(a), int(b)) for a, b in found.T] == expected
