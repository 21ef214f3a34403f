"""The pads, opened last: the affine constraints and the products hold for the committed pads.

The commitment holds two vectors over K in one tree: the pads P (then one spare cell, then mask cells) and P',
uniform over the same cells. The constraints fold into <P, l> = sigma; tau = <P', l>. For products (x, y, z) of
pads, with X* = x' + eta x, the sum of powers of psi times (X* Y* - eta Z*) is U + eta V where
U = sum x'y' + m' and V = sum (x'y + xy' - z') + m, if every z = x y, and has a term in eta^2 otherwise; m and
m' are the spare cells. After tau, U and V, P* = P' + eta P is sent in clear and checked against all three and,
at random positions, against the code (Ligero, ePrint 2022/1608, section 4; QuickSilver, ePrint 2021/076).
"""

from __future__ import annotations

import numpy as np

from ....errors import InvalidProof
from ... import field
from ...field import Ext, domain_points
from ..channel import Channel
from ..opening.verifier import _open, _positions
from ..plan import Plan

ROWS = 4
# Coefficients that are evaluated together, a power of two: about as many as there are chunks of them.
STEP = 64
# Values of chunks that are held at a time.
TOGETHER = 1 << 16


def cells(plan: Plan) -> int:
    """Cells of each pad vector: the pads, one spare, and the masks."""
    return plan.pads + 1 + plan.parameters.pads_masks


def verify(channel: Channel, plan: Plan, root: bytes) -> None:
    p = plan.parameters
    if channel.pads != plan.pads or channel.triples != plan.triples:
        raise InvalidProof("the conversation took other pads than were committed")
    form, sigma = channel.linear_form(channel.challenge())
    psi = channel.challenge()
    tau, u, v = channel.clear("pad sums", 3)
    eta = channel.challenge()
    star = np.array([(x.a, x.b) for x in channel.clear("pads", cells(plan))], np.uint64).T
    coefficients = np.array([(x.a, x.b) for x in form], np.uint64).reshape(-1, 2).T
    if Ext(*field.kdot(coefficients, star[:, : plan.pads])) != tau + eta * sigma:
        raise InvalidProof("the relations do not hold for the committed pads")
    total, power = Ext(int(star[0, plan.pads]), int(star[1, plan.pads])), Ext.ONE
    value = [Ext(int(a), int(b)) for a, b in star[:, : plan.pads].T]
    for x, y, z in channel.triples:
        total = total + power * (value[x] * value[y] - eta * value[z])
        power = power * psi
    if total != u + eta * v:
        raise InvalidProof("a product of pads is wrong")
    positions = _positions(channel, p.pads_queries, p.grind, p.pads_log_code)
    opened = _open(channel, root, positions, p.pads_log_code, ROWS)
    expected = evaluate(star, domain_points(positions, p.pads_log_code))
    words = opened.T
    scaled = field.kmul(words[:2], np.asarray(eta)[:, None])
    if (field.kadd(words[2:], scaled) != expected).any():
        raise InvalidProof("the pads sent are not the committed ones")
    if not channel.hiding and star.any():
        raise InvalidProof("a proof that does not hide has pads")


def evaluate(coefficients: np.ndarray, points: list[int]) -> np.ndarray:
    """A polynomial over K, (2, d) coefficients, at n points of F, (2, n): in chunks of ``STEP`` coefficients,
    then by Horner's rule."""
    chunks = -(-coefficients.shape[1] // STEP)
    if len(points) > 1 and chunks * len(points) > TOGETHER:
        half = len(points) // 2
        parts = [evaluate(coefficients, some) for some in (points[:half], points[half:])]
        return np.concatenate(parts, axis=1)
    padded = np.zeros((2, chunks * STEP), np.uint64)
    padded[:, : coefficients.shape[1]] = coefficients
    x = np.array(points, np.uint64)
    powers = field.powers_of(x, STEP).T
    values = field.matmul(padded.reshape(-1, STEP), powers).reshape(2, chunks, -1)
    total, stride = np.zeros((2, len(x)), np.uint64), field.power(x, STEP)
    for value in reversed(values.swapaxes(0, 1)):
        total = field.kadd(field.mul(total, stride), value)
    return total
