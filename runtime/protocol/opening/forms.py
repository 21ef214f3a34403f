"""Linear forms on committed vectors: sums of tensor products over index bits, each on one aligned block.

A cell's index is (slab, column, row), top bit first; a slab with fewer rows than others has only those with a
multiple of 2^shift as index. A `Form` covers 2^m cells from ``start`` in its slab with weight coefficient *
prod_k pairs[k][bit k]; outside it is zero. All that the opening needs of the forms is their fold at challenges,
bit by bit, which is vectorised over forms here (`FormTable`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from ... import field
from ...field import Ext
from ..axis_weights import Read, Scalar, Sparse, Weight
from ..plan import Plan
from ..public import as_ext
from ..work_limits import FORMS, require_few


@dataclass(frozen=True)
class Form:
    coefficient: Ext
    slab: int
    start: int
    pairs: tuple[tuple[Scalar, Scalar], ...]


def forms_of(plan: Plan, read: Read) -> list[Form]:
    """A read of a column as forms on its blocks."""
    found: list[Form] = []
    if not read.coefficient:
        return found
    for block in plan.placed[read.column]:
        shift = plan.parameters.row_bits - plan.all_slabs[block.slab]
        options: list[list[tuple[Scalar, tuple[tuple[Scalar, Scalar], ...]]]] = []
        for weight, offset, bits in zip(
            read.weights, block.piece.offsets, block.piece.bits, strict=True
        ):
            options.append(_on_piece(weight, offset, bits))
        require_few(len(found) + prod(map(len, options)), FORMS)
        for choice in product(*options):
            coefficient: Scalar = read.coefficient
            pairs: tuple[tuple[Scalar, Scalar], ...] = ()
            for scale, low in choice:
                coefficient = coefficient * scale
                pairs += low
            pairs += ((1, 0),) * shift
            start, at = block.start << shift, 0
            while at < len(pairs) and pairs[at] in _BITS:
                start += _BITS.index(pairs[at]) << (len(pairs) - 1 - at)
                at += 1
            if coefficient:
                found.append(Form(as_ext(coefficient), block.slab, start, pairs[at:]))
    return found


_BITS: tuple[tuple[Scalar, Scalar], ...] = ((1, 0), (0, 1))


def _on_piece(weight: Weight, offset: int, bits: int):
    """The weight restricted to [offset, offset + 2^bits): (scale, pairs of the low bits) each."""
    if isinstance(weight, Sparse):
        return [
            (w, tuple(_BITS[(i - offset) >> k & 1] for k in reversed(range(bits))))
            for i, w in weight.entries
            if offset <= i < offset + (1 << bits)
        ]
    scale: Scalar = 1
    high = len(weight.pairs) - bits
    for k, pair in enumerate(weight.pairs[:high]):
        scale = scale * pair[offset >> (len(weight.pairs) - 1 - k) & 1]
    return [(scale, weight.pairs[high:])] if scale else []


class FormTable:
    """Many forms over ``bits`` index bits as arrays; `bind` folds the next bits at challenges.

    ``values`` (2, n): coefficients times what has been folded so far. ``pairs`` (bits, 2, 2, n): for each
    remaining bit, top first, the two weights in K.
    """

    def __init__(self, values: np.ndarray, pairs: np.ndarray):
        self.values = values
        self.pairs = pairs

    @staticmethod
    def of(forms: list[Form], slab_bits: int, cell_bits: int) -> FormTable:
        bits = slab_bits + cell_bits
        values = [(f.coefficient.a, f.coefficient.b) for f in forms]
        starts = np.array([f.slab << cell_bits | f.start for f in forms], np.int64)
        lengths = np.array([len(f.pairs) for f in forms], np.int64)
        # The pair of each form at each bit, by number: those of a start's bits, then each object once, since
        # the forms that read at one point share its pairs.
        distinct = {id(pair): pair for form in forms for pair in form.pairs}
        number = {key: n for n, key in enumerate(distinct, len(_BITS))}
        places = np.arange(bits)
        index = starts[:, None] >> places[::-1] & 1
        own = [number[id(pair)] for form in forms for pair in form.pairs]
        index[places >= bits - lengths[:, None]] = own
        flat = [(x.a, x.b) for pair in (*_BITS, *distinct.values()) for x in map(as_ext, pair)]
        pairs = np.array(flat, np.uint64).reshape(-1, 2, 2).transpose(1, 2, 0)[:, :, index.T]
        return FormTable(np.array(values, np.uint64).reshape(-1, 2).T, np.moveaxis(pairs, 2, 0))

    @staticmethod
    def powers(scales: list[Ext], points: list[int], bits: int) -> FormTable:
        """Evaluation of the polynomial with the vector's cells as coefficients, at each point."""
        values = np.array([[s.a for s in scales], [s.b for s in scales]], np.uint64)
        values = values.reshape(2, len(scales))
        pairs = np.zeros((bits, 2, 2, len(points)), np.uint64)
        pairs[:, 0, 0] = 1
        power = np.array(points, np.uint64)
        for k in reversed(range(bits)):
            pairs[k, 1, 0] = power
            power = field.mul(power, power)
        return FormTable(values, pairs)

    @staticmethod
    def join(tables: list[FormTable]) -> FormTable:
        return FormTable(
            np.concatenate([t.values for t in tables], axis=1),
            np.concatenate([t.pairs for t in tables], axis=3),
        )

    def bind(self, bits: list[int], challenges: list[Ext]) -> FormTable:
        """Fold the given positions of the remaining bits at the challenges."""
        values = self.values
        for k, r in zip(bits, challenges, strict=True):
            low, high = self.pairs[k]
            step = field.kmul(field.ksub(high, low), np.asarray(r)[:, None])
            values = field.kmul(values, field.kadd(low, step))
        keep = [k for k in range(len(self.pairs)) if k not in bits]
        return FormTable(values, self.pairs[keep])

    def total(self) -> Ext:
        """The sum of all forms once every bit is folded."""
        return Ext(*field.total(self.values))
