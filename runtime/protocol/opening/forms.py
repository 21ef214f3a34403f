"""Linear forms on committed vectors: sums of tensor products over index bits, each on one aligned block.

A cell's index is (slab, column, row), top bit first; a slab with fewer rows than others has only those with a
multiple of 2^shift as index. A `Form` covers 2^m cells from ``start`` in its slab with weight coefficient *
prod_k pairs[k][bit k]; outside it is zero. Over the last bits of the row it may have an array of weights in the
place of pairs. All that the opening needs of the forms is their fold at challenges, bit by bit, which is vectorised
over forms here (`FormTable`): rows are folded first, and leave products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from ... import field
from ...circuit.layout import Piece
from ...field import Ext
from ..axis_weights import Read, Scalar, Sparse, Weight, bits_of, one_hot
from ..plan import Placed, Plan
from ..public import as_ext
from ..work_limits import FORMS, require_few
from .tails import Tail

Pairs = tuple[tuple[Scalar, Scalar], ...]


@dataclass(frozen=True)
class Form:
    coefficient: Ext
    slab: int
    start: int
    pairs: tuple[tuple[Scalar, Scalar], ...]
    rows: np.ndarray | None = None
    """(2, 2^k): the weights over k bits of the row, behind which there are ``shift`` more, all of them zero."""
    shift: int = 0

    @property
    def row_bits(self) -> int:
        """How many bits have an array of weights, or are zero behind it."""
        return 0 if self.rows is None else bits_of(self.rows.shape[1]) + self.shift

    @property
    def bits(self) -> int:
        return len(self.pairs) + self.row_bits


def folded(forms: Sequence[Form], point: Sequence[Ext]) -> list[Form]:
    """Products that fold to the same as the forms do at ``point``, that of the row."""
    found = list(forms)
    alike: dict[tuple[int, int], list[int]] = {}
    for n, form in enumerate(forms):
        if form.rows is not None:
            alike.setdefault((form.row_bits, form.shift), []).append(n)
    for (bits, shift), numbers in alike.items():
        own = np.array([(x.a, x.b) for x in point[len(point) - bits :]], np.uint64)
        eq = field.eq_table(own.reshape(-1, 2).T)[:, :: 1 << shift]
        rows = np.stack([array for n in numbers if (array := forms[n].rows) is not None], axis=1)
        sums = field.total(field.kmul(rows, eq[:, None]))
        for n, sum_ in zip(numbers, sums.T, strict=True):
            form = forms[n]
            pairs = form.pairs + ((1, 1),) * bits
            found[n] = Form(form.coefficient * Ext.of(sum_), form.slab, form.start, pairs)
    return found


def forms_of(plan: Plan, part: Read | Tail) -> list[Form]:
    """Weights of a column's cells as forms on its blocks."""
    found: list[Form] = []
    first = part.coefficient if isinstance(part, Read) else 1
    if not first:
        return found
    for block in plan.placed[part.column]:
        shift = plan.parameters.row_bits - plan.all_slabs[block.slab]
        options = _options(part.weights, block.piece)
        if options is None:
            continue
        ends: list[tuple[Pairs, np.ndarray | None]] = [(((1, 0),) * shift, None)]
        if isinstance(part, Tail):
            ends = _arrays(part, block, plan.all_slabs[block.slab])
        require_few(len(found) + prod(map(len, options)) * len(ends), FORMS)
        for choice, (low, rows) in product(product(*options), ends):
            coefficient: Scalar = first
            pairs: Pairs = ()
            for scale, own in choice:
                coefficient = coefficient * scale
                pairs += own
            pairs += low
            bits = len(pairs) + (0 if rows is None else bits_of(rows.shape[1]) + shift)
            start, at = block.start << shift, 0
            while at < len(pairs) and pairs[at] in _BITS:
                start += _BITS.index(pairs[at]) << (bits - 1 - at)
                at += 1
            if coefficient:
                zeros = 0 if rows is None else shift
                found.append(Form(as_ext(coefficient), block.slab, start, pairs[at:], rows, zeros))
    return found


def _options(weights: Sequence[Weight], piece: Piece) -> list[list[tuple[Scalar, Pairs]]] | None:
    """What each weight is on a piece, by axis; None if one of them is nothing."""
    found = []
    for axis, weight in enumerate(weights):
        found.append(_on_piece(weight, piece.offsets[axis], piece.bits[axis]))
        if not found[-1]:
            return None
    return found


def _arrays(tail: Tail, block: Placed, row_bits: int) -> list[tuple[Pairs, np.ndarray | None]]:
    """The rest of a tail on a block: an array of weights for each column of the slab that it meets, and the bits
    that choose it."""
    rest = tail.rest[(slice(None), *block.piece.slices[len(tail.weights) :])].reshape(2, -1)
    height = min(rest.shape[1], 1 << row_bits)
    found: list[tuple[Pairs, np.ndarray | None]] = []
    columns = rest.shape[1] // height
    for number in range(columns):
        rows = np.ascontiguousarray(rest[:, number * height : (number + 1) * height])
        if rows.any():
            found.append((one_hot(number, bits_of(columns)).pairs, rows))
    return found


_BITS: Pairs = ((1, 0), (0, 1))


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
