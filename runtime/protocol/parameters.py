"""Code lengths, query counts and grinding, chosen so that `security` comes out at the target.

Reed-Solomon codes in the unique-decoding regime; grinding multiplies the cost of trying one query challenge
again, and counts for that challenge alone.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, fields

TARGET_BITS = 105.0
GRIND_BITS = 16
ROW_BITS = 5
SEND_BITS = 9
# Groups of at most 2^24 leaves keep the lookup identity at 2^-104.
GROUP_BITS = 24
# Mask cells of long rows: enough for about a thousand proofs.
LOG_MASKS = 17
# What a codeword's length costs beside the rows of integers, in rows: the buffers and states of encoding and
# hashing, the tree, salts, the uniform row, the folded vector and its commitment.
FIXED_ROWS = 32
# How much more work than the least there may be to make a proof smaller.
MOST_WORK = 1.2
# Codewords are four times their messages; where that makes more than this many words (4 GiB), so that
# encoding would be most of a proof, they are twice as long only, and a proof opens more columns.
MOST_POSITIONS = 1 << 29
# More than any prover should have to do.
MOST_GRIND = 32
# Ten times what proofs need: columns that are opened, mask cells of pads; log2 of the vector sent last.
MOST_QUERIES = 1 << 12
MOST_PADS_MASKS = 1 << 12
MOST_LAST = 12


def query_bits(queries: int, rate: float) -> float:
    """Bits of ``queries`` independent queries to a code of that rate; none where it is no code."""
    return -queries * math.log2((1 + rate) / 2) if rate < 1 else 0.0


def queries(rate: float, bits: float) -> int:
    """The least number of queries that gives ``bits``."""
    return math.ceil(bits / query_bits(1, rate))


@dataclass(frozen=True)
class Level:
    """One step of the opening: a vector of 2^``log_cells`` cells as 2^``fold`` rows, each encoded to
    2^``log_code`` positions, ``queries`` of which are opened after ``grind`` bits of work."""

    log_cells: int
    fold: int
    log_code: int
    queries: int
    grind: int

    @property
    def rate(self) -> float:
        return 2.0 ** (self.log_cells - self.fold - self.log_code)


@dataclass(frozen=True)
class Parameters:
    """What prover and verifier must agree on beyond the circuit; all of it is part of the key.

    Committed vectors are slabs of at most 2^``row_bits`` rows by 2^``log_columns`` columns, of which the
    last quarter, at most 2^``LOG_MASKS``, are mask cells, the others data. ``log_code`` is the log2 of the
    codeword length.
    ``levels`` are the steps of the recursion after the first; ``pads_log_code`` and ``pads_queries``
    belong to the commitment to the pads. ``hiding`` is 1 if the weights are committed with random mask
    cells and salts; only then can a proof hide anything.
    """

    row_bits: int
    log_columns: int
    log_code: int
    queries: int
    grind: int
    levels: tuple[Level, ...]
    pads_masks: int
    pads_log_code: int
    pads_queries: int
    group_bits: int
    hiding: int

    @property
    def data_columns(self) -> int:
        return (1 << self.log_columns) - self.mask_columns

    @property
    def mask_columns(self) -> int:
        """Mask cells of each row: how many distinct columns may ever be opened."""
        return 1 << min(self.log_columns - 2, LOG_MASKS)

    @property
    def masks_suffice(self) -> bool:
        """Whether there are as many mask cells as a proof opens columns, of slabs and of pads."""
        return self.mask_columns >= self.queries and self.pads_masks >= self.pads_queries

    def rows(self, cells: int) -> int:
        """About the rows of the slabs that `plan.place` makes for that many cells."""
        full, rest = divmod(max(1, -(-cells // self.data_columns)), 1 << self.row_bits)
        return (full << self.row_bits) + (1 << (rest - 1).bit_length() if rest else 0)

    def to_list(self) -> list:
        return [*astuple(self)[:5], [list(astuple(x)) for x in self.levels], *astuple(self)[6:]]

    @staticmethod
    def from_list(items: list) -> Parameters:
        """Raise ValueError unless ``items`` is what `to_list` gives for parameters that make sense."""
        try:
            values = dict(zip((f.name for f in fields(Parameters)), items, strict=True))
            rows = values.pop("levels")
            levels = tuple(Level(*row) for row in rows)
            found = Parameters(**values, levels=levels)
            numbers = [*values.values(), *(x for row in rows for x in row)]
        except (TypeError, ValueError) as error:
            raise ValueError("malformed parameters") from error
        lists = all(type(x) is list for x in (items, rows, *rows))
        if not lists or not all(type(x) is int for x in numbers):
            raise ValueError("malformed parameters")
        steps = [(found.queries, found.grind), *((v.queries, v.grind) for v in levels)]
        fits = (
            min(numbers) >= 0
            and 2 <= found.log_columns < found.log_code <= 32
            and found.row_bits <= 16
            and all(q >= 1 and grind <= MOST_GRIND for q, grind in steps)
            and found.pads_queries >= 1
            and found.pads_queries + sum(q for q, _ in steps) <= MOST_QUERIES
            and found.pads_masks <= MOST_PADS_MASKS
            and found.pads_log_code <= 24
            and 1 <= found.group_bits <= 32
            and found.hiding in (0, 1)
            and found.masks_suffice
            and len(levels) >= 1
        )
        cells = found.log_columns
        for level in levels:
            fits = fits and level.log_cells == cells and 1 <= level.fold <= cells
            fits = fits and cells - level.fold < level.log_code <= 32
            cells -= level.fold
        if not fits or cells > MOST_LAST:
            raise ValueError("malformed parameters")
        return found


def options(weights: int, witness: int, pads: int, hiding: bool) -> list[Parameters]:
    """Parameters for about that many committed weight and witness cells and pads, best first: the smallest
    predicted proofs among those with about the least work, by the length of all codewords, then the others.
    If weights are hidden there are mask cells for a number of proofs."""
    for log_blowup in (2, 1):
        found: list[tuple[int, int, Parameters]] = []
        # 2^10 columns have more mask cells than queries, 2^14 serve thirty proofs, and of 2^22 the 16 rows that
        # are encoded together take half a GiB.
        for log_columns in range(14 if hiding else 10, 23):
            p = with_columns(log_columns, pads, hiding, log_blowup)
            rows = p.rows(weights) + p.rows(witness)
            found.append((rows + FIXED_ROWS << p.log_code, _proof_bytes(p, rows), p))
        least = min(work for work, _, _ in found)
        if least <= MOST_POSITIONS:
            break
    limit = MOST_WORK * least
    return [p for _, _, p in sorted(found, key=lambda option: (option[0] > limit, option[1]))]


def _proof_bytes(p: Parameters, rows: int) -> int:
    """The columns that are opened, with their paths, and the last vector."""
    size = p.queries * (rows * 8 + 64 * max(1, p.log_code - 6))
    for level in p.levels:
        size += level.queries * ((16 << level.fold) + 32 * max(1, level.log_code - 6))
    last = p.levels[-1]
    return size + (16 << (last.log_cells - last.fold))


def with_columns(
    log_columns: int, pads: int, hiding: bool = False, log_blowup: int = 2
) -> Parameters:
    work = TARGET_BITS - GRIND_BITS
    levels, cells, blowup = [], log_columns, 3
    while True:
        fold = max(1, min(6, cells - SEND_BITS)) if cells > SEND_BITS else 1
        log_code = cells - fold + blowup
        levels.append(Level(cells, fold, log_code, queries(2.0**-blowup, work), GRIND_BITS))
        cells, blowup = cells - fold, min(5, blowup + 1)
        if cells <= SEND_BITS:
            break
    masks = 128
    pads_code = (16 * (pads + 1 + masks) - 1).bit_length()
    return Parameters(
        row_bits=ROW_BITS,
        log_columns=log_columns,
        log_code=log_columns + log_blowup,
        queries=queries(2.0**-log_blowup, work),
        grind=GRIND_BITS,
        levels=tuple(levels),
        pads_masks=masks,
        pads_log_code=pads_code,
        pads_queries=queries((pads + 1 + masks) / 2**pads_code, work),
        group_bits=GROUP_BITS,
        hiding=int(hiding),
    )
