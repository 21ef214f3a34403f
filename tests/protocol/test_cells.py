"""Cells in runs of one type: what is read is what was laid out."""

from __future__ import annotations

import numpy as np
import pytest
from proving import parameters
from zklemma.errors import ZklemmaError
from zklemma.runtime import field
from zklemma.runtime.protocol.commitment import cells
from zklemma.runtime.protocol.commitment.slabs import Slabs


def test_runs_keep_small_types_and_order() -> None:
    rng = np.random.default_rng(0)
    wide = rng.integers(-(1 << 40), 1 << 40, (3, 8))
    short = rng.integers(-(1 << 15), 1 << 15, (64, 128), np.int16)
    other = rng.integers(0, 1 << 16, (32, 256), np.uint16)
    bits = rng.integers(0, 2, (2, cells.LEAST), np.uint8)
    pieces = [(0, short), (8192, short[::-1]), (16384, other), (24576, bits), (40960, wide)]
    found = cells.gathered(reversed(pieces), 32)
    assert [run.cells.dtype for run in found.runs] == [np.int16, np.uint16, np.int16, np.int64]
    assert [run.start for run in found.runs] == [0, 16384, 24576, 40960]
    assert found.runs[-1].cells.size == 32 and not found[40960 + 24 : 40960 + 32].any()
    for start, piece in pieces:
        assert (found[start : start + piece.size] == piece.reshape(-1)).all()
    with pytest.raises(ZklemmaError):
        found[16000:17000]


def test_large_pieces_are_not_copied() -> None:
    column = np.arange(4 * cells.VIEWED, dtype=np.int32).astype(np.int16).reshape(4, -1)
    found = cells.gathered([(0, column[:2]), (2 * cells.VIEWED, column[2:])], 32)
    assert all(np.shares_memory(run.cells, column) for run in found.runs)


@pytest.mark.parametrize(
    ("part", "viewed"),
    [
        (np.s_[:, :, :1024], (1024, 1024)),  # A part of each row.
        (np.s_[:2, :, 1024:], (512, 512)),
        (np.s_[:, :128], (4, 128 * 1536)),
        (np.s_[1:, :256], (1, 3 * 256 * 1536)),
        (np.s_[:, :128, :1024], None),  # At two distances.
        (np.s_[:, :, :16], None),  # Parts shorter than a column of the slab.
        (np.s_[:1, :128, :1024], None),  # Small.
        (np.s_[:, ::2, :1024], (512, 1024)),
        (np.s_[:, ::-1], None),
    ],
)
def test_large_pieces_in_parts_are_not_copied(part, viewed) -> None:
    column = np.random.default_rng(0).integers(-(1 << 15), 1 << 15, (4, 256, 1536), np.int16)
    piece = column[part]
    found = cells.gathered([(64, piece)], 32)
    (run,) = found.runs
    assert np.shares_memory(run.cells, column) == (viewed is not None)
    assert run.cells.shape == (viewed or (1, piece.size))
    flat, end = piece.reshape(-1), 64 + piece.size
    for first, last in ((64, 96), (64, end), (end - 96, end), (64 + 512, 64 + 4096)):
        assert (found[first:last] == flat[first - 64 : last - 64]).all()
    starts, blocks = zip(*run.blocks(), strict=True)
    assert (np.concatenate(blocks) == flat).all() and starts[0] == 64
    assert np.diff(starts).tolist() == [block.size for block in blocks[:-1]]
    p = parameters(17, [2])
    out = np.empty((5, 1 << p.log_columns), np.uint64)
    Slabs(p, [found], np.zeros((32, p.mask_columns), np.uint64)).fill(3, out)
    expected = np.zeros((1 << p.log_columns, 32), np.int64)
    expected.reshape(-1)[64:end] = flat
    assert (out == field.to_field(expected[:, 3:8].T)).all()


def test_slabs_of_runs() -> None:
    """Rows with nothing in parts of a slab, and slabs with few rows."""
    p = parameters(8, [2])
    rows, rng = [32, 4, 1], np.random.default_rng(1)
    small = rng.integers(-9, 9, (2, cells.LEAST // 2), np.int16)
    wide = rng.integers(-(1 << 40), 1 << 40, 5)
    pieces = [[(0, small), (small.size + 64, wide)], [(32, small[0, :256])], []]
    expected = []
    for height, found in zip(rows, pieces, strict=True):
        dense = np.zeros(p.data_columns * height, np.int64)
        for start, piece in found:
            dense[start : start + piece.size] = piece.reshape(-1)
        expected.append(field.to_field(dense.reshape(-1, height).T))
    masks = rng.integers(0, field.P, (sum(rows), p.mask_columns), np.uint64)
    below = rng.integers(0, field.P, (2, 1 << p.log_columns), np.uint64)
    data = np.concatenate([np.concatenate(expected), masks], axis=1)
    slabs = [cells.gathered(*both) for both in zip(pieces, rows, strict=True)]
    found = Slabs(p, slabs, masks, below)
    out = np.ones((found.rows, 1 << p.log_columns), np.uint64)
    for first, end in ((0, 7), (7, 34), (34, 38), (38, 39)):
        found.fill(first, out[first:end])
    assert (out == np.concatenate([data, below])).all()
    parts = list(found)
    assert [part for part, _ in parts] == slabs
    assert (np.concatenate([own for _, own in parts]) == masks).all()
