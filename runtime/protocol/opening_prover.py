"""The opening, the prover's side; the protocol is described in `opening_verifier`.

The first folds never touch a form on all cells: for each form one pass of small integers times K over the
cells that it covers gives its inner products with every row, and the row rounds run on those.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import field
from ..field import Ext
from ..kernels.blake2b import grind
from ..kernels.contract import contract, fold_rows
from ..kernels.powers import add_powers
from ..kernels.sumcheck import eq_table, fold, inner_round
from ..kernels.tensor import add_scaled
from .codeword import Codeword, Committed
from .forms import Form
from .logup_verifier import Claim
from .merkle import SALT_WORDS
from .opening_verifier import combined_forms, domain_points
from .plan import Plan
from .prover_channel import ProverChannel, as_array, as_pair
from .tables import table


def prove_masked(
    channel: ProverChannel,
    plan: Plan,
    claims: list[Claim],
    cells: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    uniform: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Parts 1 and 2. ``cells`` are all committed integers, slab by slab, ``masks`` (rows, columns) of each
    the mask cells, ``uniform`` (2, columns) the row R. Returns f' and its form, each (2, columns)."""
    p = plan.parameters
    _, forms = combined_forms(plan, claims, channel.challenge())
    rows = 1 << p.row_bits
    inner = np.zeros((2, rows, len(forms)), np.uint64)
    low = np.zeros((2, rows, len(forms)), np.uint64)
    high: list[np.ndarray] = []
    for n, form in enumerate(forms):
        inner[:, :, n], low[:, :, n], part = _split(form, cells[form.slab], p.row_bits)
        high.append(part)
    f, g = inner.reshape(2, -1), low.reshape(2, -1)
    row: list[Ext] = []
    for _ in range(p.row_bits):
        f, g, r = _round(channel, "row round", f, g, channel.masked)
        row.append(r)
    weights = eq_table(as_array(row))
    columns = 1 << p.log_columns
    slabs = 1 << plan.slab_bits
    folded = np.zeros((2, slabs, columns), np.uint64)
    form_on_columns = np.zeros((2, slabs * columns), np.uint64)
    for slab, integers in enumerate(cells):
        grid = integers.reshape(1, p.data_columns, rows).swapaxes(1, 2)
        folded[:, slab, : p.data_columns] = contract(np.ascontiguousarray(grid), weights)[:, 0]
        if masks[slab].any():
            folded[:, slab, p.data_columns :] = fold_rows(masks[slab], weights)
    for n, form in enumerate(forms):
        start = form.start >> p.row_bits
        add_scaled(form_on_columns, high[n], g[:, n], form.slab * columns + start)
    f, g = folded.reshape(2, -1), form_on_columns
    for _ in range(plan.slab_bits):
        f, g, _ = _round(channel, "slab round", f, g, channel.masked)
    channel.masked("mask", [Ext(*field.kdot(uniform, g))])
    eta = channel.challenge()
    masked = uniform.copy()
    add_scaled(masked, f, as_pair(eta))
    f = masked
    channel.clear("opened value", [Ext(*field.kdot(f, g))])
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
    positions = _positions(channel, p.queries, p.grind, p.log_code)
    for tree in trees:
        _open(channel, tree, positions)
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
        positions = _positions(channel, level.queries, level.grind, level.log_code)
        _open(channel, above, positions)
        _add_queries(channel, positions, level.log_code, g)
    while f.shape[1] > 1:
        f, g, _ = _round(channel, "final round", f, g, channel.clear)


def open_columns(
    channel: ProverChannel, code: Codeword, queries: int, bits: int, log_code: int
) -> None:
    """Work, positions, columns: for a commitment opened at one place only."""
    _open(channel, code, _positions(channel, queries, bits, log_code))


def _split(
    form: Form, cells: np.ndarray, row_bits: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A form's inner products with the rows (2, rows), its weights on the row bits times its coefficient
    (2, rows), and its weights on the columns it covers (2, columns)."""
    rows = 1 << row_bits
    free = len(form.pairs)
    within = max(0, free - row_bits)
    high = table(form.pairs[:within])
    first = form.start >> row_bits << row_bits
    grid = cells[first : first + (rows << within)].reshape(1, 1 << within, rows)
    inner = contract(grid, high)[:, 0]
    low = np.zeros((2, rows), np.uint64)
    offset = form.start - first
    span = slice(offset, offset + (1 << (free - within)))
    if free > within:
        (a, b), *rest = form.pairs[within:]
        low[:, span] = table([(form.coefficient * a, form.coefficient * b), *rest])
    else:
        low[:, span] = as_pair(form.coefficient)[:, None]
    return inner, low, high


def _round(channel: ProverChannel, label: str, f: np.ndarray, g: np.ndarray, send):
    """One round of the sumcheck of <f, g>; folds both."""
    at0, at2 = (Ext(int(a), int(b)) for a, b in inner_round(f, g))
    send(label, [at0, at2])
    r = channel.challenge()
    return fold(f, as_pair(r)), fold(g, as_pair(r)), r


def _commit(f: np.ndarray, fold_bits: int, log_code: int) -> Codeword:
    salts = np.zeros((SALT_WORDS, 1 << log_code), np.uint64)
    return Codeword(np.ascontiguousarray(f.reshape(2 << fold_bits, -1)), log_code, salts)


def _positions(channel: ProverChannel, count: int, bits: int, log_code: int) -> list[int]:
    nonce = grind(channel.transcript.seed(), bits)
    channel.raw("work", nonce.to_bytes(8, "little"))
    return channel.transcript.positions(count, 1 << log_code)


def _open(channel: ProverChannel, code: Committed, positions: list[int]) -> None:
    channel.raw("columns", code.open(positions))


def _add_queries(
    channel: ProverChannel, positions: list[int], log_code: int, g: np.ndarray
) -> None:
    """Add the evaluation claims of the opened positions to the form g, in place."""
    gamma, power, scales = channel.challenge(), Ext.ONE, []
    distinct = sorted(set(positions))
    for _ in distinct:
        power = power * gamma
        scales.append(power)
    points = np.array(domain_points(distinct, log_code), np.uint64)
    add_powers(points, as_array(scales), g)
