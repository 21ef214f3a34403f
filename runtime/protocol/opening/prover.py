"""The opening, the prover's side; the protocol is described in `opening`.

The first folds never touch a form on all cells: for each form one pass of small integers times K over the
cells that it covers gives its inner products with every row, and the row rounds run on those.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ... import field
from ...field import Ext
from ...kernels.contract import contract, fold_rows
from ...kernels.extension import (
    contract_extension,
    fold_into,
    inner,
    inner_beyond,
    multiply,
    scale,
)
from ...kernels.positions import add_positions
from ...kernels.sumcheck import eq_table, fold, inner_round
from ...kernels.tensor import add_scaled
from ..claims import Claim
from ..commitment.cells import Cells
from ..commitment.codeword import Codeword, Committed
from ..commitment.merkle import SALT_WORDS
from ..commitment.prover import draw_positions, open_columns
from ..commitment.slabs import Slabs
from ..plan import Plan
from ..prover_channel import ProverChannel, as_array, as_pair
from ..weight_tables import table
from .forms import Form
from .shared import combined_forms

# log2 of the columns that an integer pass takes as one row, and cells of forms that one call takes together.
SIDE = 3
TOGETHER = 1 << 16


def prove_masked(
    channel: ProverChannel,
    plan: Plan,
    claims: list[Claim],
    committed: Sequence[Slabs],
    uniform: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Parts 1 and 2. ``committed`` are the slabs of each commitment, ``uniform`` (2, columns) the row R.
    Returns f' and its form, each (2, columns)."""
    p = plan.parameters
    _, forms = combined_forms(plan, claims, channel.challenge())
    groups = _alike(forms)
    slabs = [slab for commitment in committed for slab in commitment]
    cells = [cells for cells, _ in slabs]
    rows, columns = 1 << p.row_bits, 1 << p.log_columns
    f = np.zeros((2, rows, len(forms)), np.uint64)
    g = np.zeros((2, rows, len(forms)), np.uint64)
    for group in groups:
        _on_rows(group, forms, cells, f, g)
    f, g = f.reshape(2, -1), g.reshape(2, -1)
    row: list[Ext] = []
    for _ in range(p.row_bits):
        f, g, r = _round(channel, "row round", f, g, channel.masked)
        row.append(r)
    weights = eq_table(as_array(row))
    folded = [np.zeros((2, columns), np.uint64) for _ in slabs]
    on_columns = [np.zeros((2, columns), np.uint64) for _ in slabs]
    for (found, masks), target in zip(slabs, folded, strict=True):
        own = np.ascontiguousarray(weights[:, :: rows // found.rows])
        for start, block in (each for run in found.runs for each in run.blocks()):
            at = start // found.rows
            part = contract(block.reshape(-1, found.rows, 1), own)[:, :, 0]
            target[:, at : at + part.shape[1]] = part
        if masks.any():
            target[:, p.data_columns :] = fold_rows(masks, own)
    for group in groups:
        form = forms[group[0]]
        high = table(form.pairs[: max(0, form.bits - p.row_bits)])
        for n in group:
            start = forms[n].start >> p.row_bits
            add_scaled(on_columns[forms[n].slab], high, g[:, n], start)
    f, g = _fold_slabs(channel, folded, on_columns, plan.slab_bits)
    channel.masked("mask", [Ext.of(inner(uniform, g))])
    eta = channel.challenge()
    masked = uniform.copy()
    add_scaled(masked, f, as_pair(eta))
    f = masked
    channel.clear("opened value", [Ext.of(inner(f, g))])
    return f, g


def prove_clear(
    channel: ProverChannel,
    plan: Plan,
    f: np.ndarray,
    g: np.ndarray,
    trees: Sequence[Committed],
) -> None:
    """Part 3: open f' against its form; ``trees`` are all commitments, the witness's last."""
    p = plan.parameters
    code = _commit(f, p.levels[0].fold, p.levels[0].log_code)
    channel.raw("folded root", code.root)
    positions = draw_positions(channel, p.queries, p.grind, p.log_code)
    for tree in trees:
        open_columns(channel, tree, positions)
    _add_queries(channel, positions, p.log_code, g)
    for number, level in enumerate(p.levels, 1):
        for _ in range(level.fold):
            f, g, _ = _round(channel, "fold round", f, g, channel.clear)
        last = number == len(p.levels)
        above = code
        if last:
            channel.clear("final", [Ext(int(a), int(b)) for a, b in f.T])
        else:
            below = p.levels[number]
            code = _commit(f, below.fold, below.log_code)
            channel.raw("folded root", code.root)
        positions = draw_positions(channel, level.queries, level.grind, level.log_code)
        open_columns(channel, above, positions)
        _add_queries(channel, positions, level.log_code, g)
    while f.shape[1] > 1:
        f, g, _ = _round(channel, "final round", f, g, channel.clear)


def _alike(forms: Sequence[Form]) -> list[list[int]]:
    """The numbers of forms that have the same pairs on blocks of the same size."""
    found: dict[tuple, list[int]] = {}
    for n, form in enumerate(forms):
        found.setdefault((form.pairs, form.row_bits), []).append(n)
    return list(found.values())


def _on_rows(
    group: Sequence[int],
    forms: Sequence[Form],
    cells: Sequence[Cells],
    f: np.ndarray,
    g: np.ndarray,
) -> None:
    """For forms of a group: their inner products with the rows, into f (2, rows, forms), and their weights
    on the row bits times their coefficients, into g."""
    rows = f.shape[1]
    pairs = forms[group[0]].pairs
    within = max(0, forms[group[0]].bits - (rows.bit_length() - 1))
    # A few columns side by side make the rows of the integer pass long enough.
    side = min(within, SIDE)
    high, next_ = table(pairs[: within - side]), table(pairs[within - side : within])
    spans: dict[tuple[np.dtype, int], list[tuple[int, np.ndarray]]] = {}
    for n in group:
        slab = cells[forms[n].slab]
        first = forms[n].start // rows * slab.rows
        span = slab[first : first + (slab.rows << within)]
        spans.setdefault((span.dtype, slab.rows), []).append((n, span))
    for (_, height), found in spans.items():
        step = max(1, TOGETHER // (height << within))
        for i in range(0, len(found), step):
            numbers, parts = map(list, zip(*found[i : i + step], strict=True))
            block = np.stack(parts) if len(parts) > 1 else parts[0]
            sums = contract(block.reshape(len(parts), -1, height << side), high)
            sums = contract_extension(sums.reshape(2, len(parts), 1 << side, height), next_)
            f[:, :: rows // height, numbers] = sums.swapaxes(1, 2)
    weights = table(pairs[within:])
    scales = as_array([forms[n].coefficient for n in group])
    scaled = field.kmul(weights[:, :, None], scales[:, None])
    for k, n in enumerate(group):
        start, own, array = forms[n].start % rows, scaled[:, :, k], forms[n].rows
        if array is not None:
            own = multiply(own[:, :, None], array[:, None]).reshape(2, -1)
        step = 1 << forms[n].shift
        g[:, start : start + step * own.shape[1] : step, n] = own


def _fold_slabs(
    channel: ProverChannel, f: list[np.ndarray], g: list[np.ndarray], bits: int
) -> tuple[np.ndarray, np.ndarray]:
    """The rounds that choose among slabs, (2, columns) each; those that are missing are zero."""
    for bit in reversed(range(bits)):
        half = 1 << bit
        at0, at2 = Ext.ZERO, Ext.ZERO
        for i in range(min(half, len(f))):
            value = Ext.of(inner(f[i], g[i]))
            at0 = at0 + value
            if i + half < len(f):
                value = Ext.of(inner_beyond(f[i], f[i + half], g[i], g[i + half]))
            at2 = at2 + value
        channel.masked("slab round", [at0, at2])
        r = channel.challenge()
        for tables in (f, g):
            for i in range(min(half, len(tables))):
                if i + half < len(tables):
                    fold_into(tables[i], tables[i + half], as_pair(r))
                else:
                    scale(tables[i], as_pair(1 - r))
            del tables[half:]
    return f[0], g[0]


def _round(channel: ProverChannel, label: str, f: np.ndarray, g: np.ndarray, send):
    """One round of the sumcheck of <f, g>; folds both."""
    at0, at2 = (Ext(int(a), int(b)) for a, b in inner_round(f, g))
    send(label, [at0, at2])
    r = channel.challenge()
    return fold(f, as_pair(r)), fold(g, as_pair(r)), r


def _commit(f: np.ndarray, fold_bits: int, log_code: int) -> Codeword:
    salts = np.zeros((SALT_WORDS, 1 << log_code), np.uint64)
    return Codeword(np.ascontiguousarray(f.reshape(2 << fold_bits, -1)), log_code, salts)


def _add_queries(
    channel: ProverChannel, positions: list[int], log_code: int, g: np.ndarray
) -> None:
    """Add the evaluation claims of the opened positions to the form g, in place."""
    gamma, power, scales = channel.challenge(), Ext.ONE, []
    for _ in positions:
        power = power * gamma
        scales.append(power)
    add_positions(positions, as_array(scales), log_code, g)
