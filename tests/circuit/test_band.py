"""The cells of a band, against its definition, and circuits that say one."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from zklemma.runtime.circuit.band import Band
from zklemma.runtime.circuit.encoding import decode_circuit, encode_circuit
from zklemma.runtime.circuit.extents import Axis, CircuitError
from zklemma.runtime.circuit.layout import pieces
from zklemma.runtime.circuit.relations import Circuit, Column, Expr, Gather

CASES = list(product([1, 15, 16, 40, 100, 128], [0, 1, 2, 16, 17, 18, 30, 500], [4, 5]))


def wanted(size: int, window: int, block: int) -> np.ndarray:
    """The blocks in which some cell is seen."""
    behind = np.subtract.outer(np.arange(256), np.arange(256))
    seen = (behind >= 0) & (behind < (window or 256))
    side = 1 << block
    blocks = seen.reshape(256 // side, side, 256 // side, side).any((1, 3))
    return np.kron(blocks, np.ones((side, side), int))[:size, :size]


@pytest.mark.parametrize(("size", "window", "block"), CASES)
def test_the_pieces_cover_each_cell_of_the_band_once(size, window, block):
    band = Band("token", "source", window, block)
    for sizes, row, column in (((size, size), 0, 1), ((size, 3, size), 2, 0)):
        found = np.zeros(sizes, int)
        for piece in pieces(sizes):
            for part in band.pieces(piece, row, column):
                found[part.slices] += 1
        square = np.moveaxis(found, (row, column), (0, 1)).reshape(size, size, -1)
        assert (square == wanted(size, window, block)[:, :, None]).all()


def test_blocks_keep_little_of_what_is_masked_in_few_pieces():
    (whole,) = pieces((512, 512))
    for block, cells, count in ((8, 12, 2), (7, 10, 5), (6, 9, 11)):
        parts = [*Band("token", "source", 0, block).pieces(whole, 0, 1)]
        assert sum(1 << part.log_size for part in parts) == cells << 14
        assert len(parts) == count


@pytest.mark.parametrize(("size", "window", "block"), CASES)
def test_cells_are_counted(size, window, block):
    assert Band("token", "source", window, block).cells(size) == wanted(size, window, block).sum()


def circuit(*bands: Band) -> Circuit:
    axes = (
        Axis("token", "tokens"),
        Axis("source", "tokens"),
        Axis("row", 7),
        Axis("step", "steps"),
    )
    return Circuit(axes, (), (), (), (), (), {"steps": 8, "tokens": 64}, bands)


GOOD = Band("token", "source", 0, 6)


def test_a_band_is_part_of_the_circuit():
    made = circuit(GOOD)
    made.check()
    assert decode_circuit(encode_circuit(made)) == made
    assert encode_circuit(made) != encode_circuit(circuit(Band("token", "source", 3, 6)))
    assert made.band(("row", "source", "token")) == GOOD and made.band(("source", "row")) is None


@pytest.mark.parametrize(
    ("bands", "reason"),
    [
        ((Band("token", "gone", 0, 6),), "a band of axes token and gone"),
        ((Band("token", "token", 0, 6),), "a band of axes token and token"),
        ((Band("token", "step", 0, 6),), "a band of axes token and step"),
        ((Band("row", "row", 0, 6),), "a band of axes row and row"),
        ((GOOD, Band("source", "token", 0, 6)), "a band of axes token and source"),
        ((Band("token", "source", -1, 6),), "a band of window -1"),
        ((Band("token", "source", 0, 3),), r"blocks 2\^3"),
        ((Band("token", "source", 0, 21),), r"blocks 2\^21"),
    ],
)
def test_bands_that_are_none(bands, reason):
    with pytest.raises(CircuitError, match=reason):
        circuit(*bands).check()


def test_a_square_of_numbers_has_no_band():
    made = circuit(Band("row", "other", 0, 6))
    axes = (*made.axes, Axis("other", 7))
    with pytest.raises(CircuitError, match="a band of axes row and other"):
        Circuit(axes, (), (), (), (), (), made.extents, made.bands).check()


def test_gathers_and_columns_that_cannot_be_zero_are_not_in_a_band():
    made, square = circuit(GOOD), ("token", "source")
    index, value = Expr(square, (), 0), Expr(square, (), 0)
    gather = Gather("rows", index, value, Expr(("row",), ()))
    with pytest.raises(CircuitError, match="relation rows: rows are gathered in a band"):
        replace(made, gathers=(gather,)).check()
    replace(made, gathers=(gather,), bands=()).check()
    for ends in ((1, 5), (-5, -1)):
        outside = replace(made, columns=(Column("c", square, "witness", *ends),))
        with pytest.raises(CircuitError, match="column c: zero"):
            outside.check()
        replace(outside, bands=()).check()
    for low, high, axes in ((0, 5, square), (-5, 0, square), (1, 5, ("token", "row"))):
        replace(made, columns=(Column("c", axes, "witness", low, high),)).check()
