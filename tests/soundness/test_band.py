"""Proofs of a circuit with a band: what is outside counts for nothing, and what is inside as always."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from zklemma.errors import InvalidProof
from zklemma.runtime.circuit.band import Band
from zklemma.runtime.circuit.extents import Axis
from zklemma.runtime.circuit.generation import Generation, extents
from zklemma.runtime.circuit.index import Index, Inputs
from zklemma.runtime.circuit.relations import (
    Circuit,
    Column,
    Einsum,
    Expr,
    Linear,
    Lookup,
    Product,
    Table,
    Term,
)
from zklemma.runtime.model.choose_parameters import choose_parameters
from zklemma.runtime.model.masks import WeightMasks
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.protocol.channel import Reader
from zklemma.runtime.protocol.subject import Subject
from zklemma.runtime.protocol.verification import verify_subject
from zklemma.runtime.proving.prover import CommittedWeights, prove_subject

SIZE = 40
SQUARE = ("token", "source")


def read(column: str, *axes: str, coefficient: int = 1) -> Term:
    return Term(coefficient, column, tuple(Index("same", axis) for axis in axes))


def banded() -> Circuit:
    """s = a_i a_j div 8, and e <= mask, over the square; the sum of e along it."""
    a = read("a", "token"), read("a", "source")
    factors = Expr(("token",), a[:1]), Expr(("source",), a[1:])
    left = Expr(SQUARE, (read("s", *SQUARE, coefficient=8), read("rem", *SQUARE)))
    mask = Term(1, "mask", (Index("sum"), *read("mask", *SQUARE).indices))
    total = Term(-1, "e", (Index("same", "token"), Index("sum")))
    return Circuit(
        axes=(Axis("one", 1), Axis("token", "tokens"), Axis("source", "tokens")),
        columns=(
            Column("w", ("one",), "param", 0, 1),
            Column("a", ("token",), "witness", 0, 7),
            Column("s", SQUARE, "witness", 0, 7),
            Column("rem", SQUARE, "witness", 0, 7),
            Column("e", SQUARE, "witness", 0, 1),
            Column("total", ("token",), "witness", 0, SIZE),
            Column("mask", ("one", *SQUARE), "public", 0, 1, "", "mask", (0,)),
        ),
        tables=(Table("u3", 1, 8), Table("below", 2, 3)),
        einsums=(Einsum("product", left, (Product(1, factors),), 1 << 10, "", "rem"),),
        lookups=(
            Lookup("s.range", "u3", (Expr(SQUARE, (read("s", *SQUARE),)),)),
            Lookup("rem.range", "u3", (Expr(SQUARE, (read("rem", *SQUARE),)),)),
            Lookup("masked", "below", (Expr(SQUARE, (mask,)), Expr(SQUARE, (read("e", *SQUARE),)))),
        ),
        linears=(Linear("sum", Expr(("token",), (read("total", "token"), total)), 1 << 10),),
        extents=extents(SIZE),
        bands=(Band(*SQUARE, 0, 4),),
        data={"u3": np.arange(8)[:, None], "below": np.array([[0, 0], [1, 0], [1, 1]])},
    )


CIRCUIT = banded()
CODE = choose_parameters([CIRCUIT], hiding=False)
WEIGHTS = CommittedWeights(CIRCUIT, CODE, {"w": np.array([1])}, WeightMasks.fresh(CIRCUIT, CODE))


def honest() -> dict[str, np.ndarray]:
    random = np.random.default_rng(2)
    a, seen = random.integers(0, 8, SIZE), np.tri(SIZE, dtype=np.int64)
    blocks = np.kron(np.tri(3), np.ones((16, 16)))[:SIZE, :SIZE].astype(np.int64)
    e = random.integers(0, 2, (SIZE, SIZE)) * seen
    product = np.multiply.outer(a, a)
    return {"a": a, "s": product // 8 * blocks, "rem": product % 8, "e": e, "total": e.sum(1)}


def proved(
    witness: dict[str, np.ndarray], circuit: Circuit = CIRCUIT, under: Circuit | None = None
):
    """Raises `InvalidProof` unless a proof for one circuit is one under another."""
    shape, identity = Generation(SIZE, 1), (("band", b""),)
    subject = Subject(circuit, CODE, (WEIGHTS.root,), shape, Inputs(), False, identity)
    proof = prove_subject(subject, [WEIGHTS], witness, Clock(Silent()), strict=False)
    return verify_subject(replace(subject, circuit=under or circuit), Reader(proof))


def test_an_honest_witness() -> None:
    CIRCUIT.check()
    assert proved(honest()) >= 100


@pytest.mark.parametrize(
    ("column", "cell", "by"),
    [
        ("s", (20, 20), 1),
        ("s", (15, 15), -1),
        ("e", (3, 4), 1),
        ("e", (39, 0), 1),
        ("total", (5,), 1),
    ],
)
def test_each_cell_inside_counts(column: str, cell: tuple[int, ...], by: int) -> None:
    """A masked cell of a block that has others too, of the diagonal, and of the last row."""
    lie = honest()
    lie[column] = lie[column].copy()
    lie[column][cell] += by
    with pytest.raises(InvalidProof):
        proved(lie)


def test_nothing_outside_adds_to_a_sum() -> None:
    """A choice that the mask forbids, in a block without cells, and a total that counts it."""
    lie = honest()
    lie["e"] = lie["e"].copy()
    lie["e"][3, 30] = 1
    lie["total"] = lie["e"].sum(1)
    with pytest.raises(InvalidProof):
        proved(lie)
    lie["e"][3, 30] = 0
    with pytest.raises(InvalidProof):
        proved(lie)


def test_a_proof_is_for_its_band_alone() -> None:
    whole = replace(CIRCUIT, bands=(), data=CIRCUIT.data)
    product = np.multiply.outer(honest()["a"], honest()["a"])
    all_cells = honest() | {"s": product // 8}
    assert proved(all_cells, whole) >= 100
    for proof_of, under in ((CIRCUIT, whole), (whole, CIRCUIT)):
        with pytest.raises(InvalidProof):
            proved(all_cells, proof_of, under)
