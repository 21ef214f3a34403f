"""The opening, the verifier's side; the protocol is described in `opening`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....errors import InvalidProof
from ... import field
from ...field import Ext, domain_points
from ..channel import Affine, Channel
from ..claims import Claim
from ..commitment.merkle import DIGEST
from ..commitment.verifier import draw_positions, open_columns
from ..plan import Plan
from ..rounds import clear_round, masked_round
from .forms import FormTable, folded
from .shared import combined_forms

FOLD_DEGREE = 2


class Folded:
    """What the masked part of the opening leaves: the form on columns, y', and how columns fold."""

    def __init__(self, table: FormTable, y: Ext, eta: Ext, row: list[Ext], slab: list[Ext]):
        self.table = table
        self.y = y
        self.eta = eta
        self.row = row
        self.slab = slab


def verify_masked(channel: Channel, plan: Plan, claims: list[Claim]) -> Folded:
    """Parts 1 and 2."""
    p = plan.parameters
    scales, forms = combined_forms(plan, claims, channel.challenge())
    sigma = channel.combine(*((s, c.value) for s, c in zip(scales, claims, strict=True)))
    row, slab = [], []
    for _ in range(p.row_bits):
        sigma, r = masked_round(channel, "row round", sigma, FOLD_DEGREE)
        row.append(r)
    for _ in range(plan.slab_bits):
        sigma, r = masked_round(channel, "slab round", sigma, FOLD_DEGREE)
        slab.append(r)
    products = folded(forms, row)
    table = FormTable.of(products, plan.slab_bits, p.log_columns + p.row_bits)
    rows = list(range(plan.slab_bits + p.log_columns, len(table.pairs)))
    table = table.bind(rows + list(range(plan.slab_bits)), row + slab)
    (rho,) = channel.masked("mask", 1)
    eta = channel.challenge()
    (y,) = channel.clear("opened value", 1)
    channel.require_zero(
        "opening: the masked claim",
        channel.combine((1, rho), (eta, sigma), (-y, Affine(Ext.ONE))),
    )
    return Folded(table, y, eta, row, slab)


def verify_clear(channel: Channel, plan: Plan, folded: Folded, roots: Sequence[bytes]) -> None:
    """Part 3; ``roots`` of all commitments, the witness's last. Raises `InvalidProof` naming what
    does not fit."""
    p = plan.parameters
    claim, table = folded.y, folded.table
    root = channel.raw("folded root", DIGEST)
    positions = draw_positions(channel, p.queries, p.grind, p.log_code)
    columns = _columns(channel, plan, folded, roots, positions)
    claim, table = _add_queries(
        channel, claim, table, columns, positions, p.log_code, p.log_columns
    )
    for number, level in enumerate(p.levels, 1):
        row = []
        for _ in range(level.fold):
            claim, r = clear_round(channel, "fold round", claim, FOLD_DEGREE)
            row.append(r)
        table = table.bind(list(range(level.fold)), row)
        left = level.log_cells - level.fold
        last = number == len(p.levels)
        if last:
            final = np.array(
                [tuple((x.a, x.b)) for x in channel.clear("final", 1 << left)], np.uint64
            )
            next_root = b""
        else:
            final = np.empty((0, 2), np.uint64)
            next_root = channel.raw("folded root", DIGEST)
        positions = draw_positions(channel, level.queries, level.grind, level.log_code)
        opened = open_columns(channel, root, positions, level.log_code, 2 << level.fold)
        weights = field.eq_table(np.array([(x.a, x.b) for x in row], np.uint64).T)
        folds = field.matmul(_inner(weights), opened.T)
        claim, table = _add_queries(channel, claim, table, folds, positions, level.log_code, left)
        root = next_root
        if last:
            _finish(channel, claim, table, final)


def _finish(channel: Channel, claim: Ext, table: FormTable, final: np.ndarray) -> None:
    """Fold the vector sent in clear with its form, down to one product."""
    bits = len(table.pairs)
    point = []
    for _ in range(bits):
        claim, r = clear_round(channel, "final round", claim, FOLD_DEGREE)
        point.append(r)
    weights = field.eq_table(np.array([(x.a, x.b) for x in point], np.uint64).reshape(-1, 2).T)
    value = Ext(*field.kdot(weights, final.T))
    if value * table.bind(list(range(bits)), point).total() != claim:
        raise InvalidProof("opening: the folded vector does not satisfy the claims")


def _columns(
    channel: Channel,
    plan: Plan,
    folded: Folded,
    roots: Sequence[bytes],
    positions: list[int],
) -> np.ndarray:
    """f' at the opened positions, (2, positions): R + eta * fold of the columns of all commitments."""
    p = plan.parameters
    words = [*plan.rows[:-1], plan.rows[-1] + 2]  # R lies below the witness.
    opened = [
        open_columns(channel, root, positions, p.log_code, count)
        for root, count in zip(roots, words, strict=True)
    ]
    point = [(x.a, x.b) for x in folded.slab + folded.row]
    eq = field.eq_table(np.array(point, np.uint64).T)[:, row_indices(plan)]
    scaled = field.kmul(eq, np.asarray(folded.eta)[:, None])
    fold = np.concatenate([scaled, np.eye(2, dtype=np.uint64)], axis=1)
    return field.matmul(fold, np.concatenate(opened, axis=1).T)


def row_indices(plan: Plan) -> np.ndarray:
    """The index (slab, row) of every committed row, in order."""
    full = plan.parameters.row_bits
    rows = [
        np.arange(slab << full, (slab + 1) << full, 1 << (full - bits))
        for slab, bits in enumerate(plan.all_slabs)
    ]
    return np.concatenate(rows)


def _inner(weights: np.ndarray) -> np.ndarray:
    """The inner product of elements of K with (2, n) weights, as a matrix (2, 2n) on their components: first
    those of 1, then those of X."""
    a, b = weights
    return np.block([[a, field.mul(b, np.uint64(field.NON_RESIDUE))], [b, a]])


def _add_queries(
    channel: Channel,
    claim: Ext,
    table: FormTable,
    values: np.ndarray,
    positions: list[int],
    log_code: int,
    bits: int,
) -> tuple[Ext, FormTable]:
    """Batch the claim with one evaluation claim for each opened position."""
    gamma = channel.challenge()
    scales, power = [], Ext.ONE
    for value in values.T:
        power = power * gamma
        scales.append(power)
        claim = claim + power * Ext.of(value)
    queries = FormTable.powers(scales, domain_points(positions, log_code), bits)
    return claim, FormTable.join([table, queries])
