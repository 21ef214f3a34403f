"""Code lengths, query counts and grinding, chosen for a target of provable security; and what they give.

Reed-Solomon codes in the unique-decoding regime: a word further than (1 - rate)/2 from the code survives
q independent queries with probability ((1 + rate)/2)^q; folds of an interleaved word by a tensor of
challenges keep the distance except with probability about n/|K| for each variable (Diamond and Gruen,
ePrint 2025/325). Grinding multiplies the cost of trying one query challenge again, and counts for that
challenge alone. The terms are listed by `terms` and summed by `security_bits`.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

EXTENSION_BITS = 128
TARGET_BITS = 104.0
GRIND_BITS = 16
ROW_BITS = 5
SEND_BITS = 9
GROUP_BITS = 24


def queries(rate: float, bits: float) -> int:
    """The least q with ((1 + rate)/2)^q <= 2^-bits."""
    return math.ceil(bits / -math.log2((1 + rate) / 2))


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

    Committed vectors are slabs of 2^``row_bits`` rows by 2^``log_columns`` columns, three quarters of
    which hold data and the last quarter mask cells. ``log_code`` is the log2 of the codeword length.
    ``levels`` are the steps of the recursion after the first; ``pads_log_code`` and ``pads_queries``
    belong to the commitment to the pads.
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

    @property
    def data_columns(self) -> int:
        return 3 << (self.log_columns - 2)

    @property
    def slab_cells(self) -> int:
        return self.data_columns << self.row_bits

    def to_list(self) -> list:
        return [*astuple(self)[:5], [list(astuple(x)) for x in self.levels], *astuple(self)[6:]]

    @staticmethod
    def from_list(items: list) -> Parameters:
        """Raise ValueError unless ``items`` is what `to_list` gives for parameters that make sense."""
        try:
            levels = tuple(Level(*level) for level in items[5])
            found = Parameters(*items[:5], levels, *items[6:])
            numbers = [*astuple(found)[:5], *(x for v in levels for x in astuple(v))]
            numbers += astuple(found)[6:]
        except (TypeError, IndexError) as error:
            raise ValueError("malformed parameters") from error
        if any(type(x) is not int or not 0 <= x < 1 << 20 for x in numbers):
            raise ValueError("malformed parameters")
        if not 2 <= found.log_columns < found.log_code <= 32 or found.row_bits > 16:
            raise ValueError("malformed parameters")
        cells = found.log_columns
        for level in levels:
            if level.log_cells != cells or not cells - level.fold < level.log_code <= 32:
                raise ValueError("malformed parameters")
            cells -= level.fold
        if not levels or cells < 0 or found.pads_log_code > 24:
            raise ValueError("malformed parameters")
        return found

    def terms(self, lookup_cells: int, pads: int) -> dict[str, float]:
        """Bits of each soundness term for a proof with that many LogUp leaves and pads."""
        field = float(EXTENSION_BITS)
        group = min(self.group_bits, max(1, lookup_cells).bit_length())
        columns = 2.0**self.log_columns
        found = {
            "lookup identity": field - group,
            "lookup and einsum rounds": field - math.log2(4 * 64),
            "batching of claims": field - math.log2(4096),
            "row folds and mask": field - self.log_code - 1,
            "column queries": self.grind
            - self.queries * math.log2((1 + columns / 2**self.log_code) / 2),
            "pads queries": self.grind
            - self.pads_queries
            * math.log2((1 + (pads + 1 + self.pads_masks) / 2**self.pads_log_code) / 2),
        }
        for i, level in enumerate(self.levels, 1):
            found[f"level {i} folds"] = field - level.log_code - 1
            found[f"level {i} queries"] = level.grind - level.queries * math.log2(
                (1 + level.rate) / 2
            )
        return found

    def security_bits(self, lookup_cells: int, pads: int) -> float:
        """Bits of the plain sum of all terms."""
        terms = self.terms(lookup_cells, pads).values()
        least = min(terms)
        return least - math.log2(sum(2.0 ** (least - bits) for bits in terms))


def choose(weights: int, witness: int, pads: int) -> Parameters:
    """Parameters for about that many committed weight and witness cells and pads: the smallest
    predicted proof among those that pad the cells by at most a quarter."""
    options = []
    for log_columns in range(8, 24):
        found = with_columns(log_columns, pads)
        slabs = sum(max(1, -(-cells // found.slab_cells)) for cells in (weights, witness))
        padded = max(1.25, slabs * found.slab_cells / (weights + witness))
        size = found.queries * ((slabs << ROW_BITS) * 8 + 64 * max(1, found.log_code - 6))
        for level in found.levels:
            size += level.queries * ((16 << level.fold) + 32 * max(1, level.log_code - 6))
        last = found.levels[-1]
        size += 16 << (last.log_cells - last.fold)
        options.append((padded, size, found))
    return min(options, key=lambda option: option[:2])[2]


def with_columns(log_columns: int, pads: int) -> Parameters:
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
        log_code=log_columns + 2,
        queries=queries(0.25, work),
        grind=GRIND_BITS,
        levels=tuple(levels),
        pads_masks=masks,
        pads_log_code=pads_code,
        pads_queries=queries((pads + 1 + masks) / 2**pads_code, work),
        group_bits=GROUP_BITS,
    )
