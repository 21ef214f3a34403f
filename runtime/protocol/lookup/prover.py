"""LogUp-GKR, the prover's side; the protocol is described in `lookup.verifier`.

The sumcheck of a layer keeps eq factored out: g(X) = s * eq(w, X) * G(X) with G of degree two
(Gruen, ePrint 2024/108, section 3). Of G a pass over the tables gives the value at 0 and the square's
coefficient; the claim gives the rest.

Layers take 32 bytes a node, more than there is memory for at the lowest of them. Those are not kept: where their
sumcheck begins they are made from the leaves, once for the messages of the first rounds together and once
more to fold them by these rounds' challenges, which leaves tables that fit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ... import field
from ...field import Ext
from ...kernels.logup import Folding, Layer, grid, halve, keep, kept_bytes, room_bytes
from ...kernels.sumcheck import eq_table, fold_many, logup_round
from ...witness.columns import Columns
from ..plan import Plan
from ..prover_channel import ProverChannel, as_array, as_pair
from .components import fraction_leaves
from .verifier import draw

# Bytes of tables at any time.
MEMORY = 7 << 28
# Rounds whose messages one pass prepares, at three values for each.
ROUNDS = 2


def prove(channel: ProverChannel, plan: Plan, columns: Columns, counts: dict[str, np.ndarray]):
    challenges = draw(plan, channel.challenges)
    point = channel.challenges(plan.group_bits)
    # The second holds what the leaves point to.
    leaves, _components = fraction_leaves(plan, columns, counts, challenges)
    filled = leaves.filled
    layers = [
        Layer.unkept(leaves, level, plan.lookup_depth) for level in range(plan.lookup_depth + 1)
    ]
    sizes = [kept_bytes(filled, layer.size) for layer in layers]
    first = next(
        (level for level in range(1, len(layers)) if sum(sizes[level:]) <= MEMORY),
        plan.lookup_depth,
    )
    layers[first] = keep(layers[first], filled)
    for level in range(first, plan.lookup_depth):
        layers[level + 1] = halve(layers[level], filled)
    p, q = _root(channel, point, layers.pop())
    while layers:
        layer = layers.pop()
        free = MEMORY - sum(sizes[first : len(layers) + 1])
        if not layer.kept and layer.level and 1.5 * sizes[layer.level] <= free:
            layer = keep(layer, filled)
        point, p, q = _Sumcheck(channel, plan.group_bits, point, p, q).run(layer, filled, free)


def _root(channel: ProverChannel, point: list[Ext], top: Layer) -> tuple[Ext, Ext]:
    """The fractions of all groups' roots at a point; groups that there are not have 0/1."""
    weights = field.eq_table(as_array(point))[:, : top.table.shape[1]]
    p, q, there = (
        Ext(*field.kdot(weights, values))
        for values in (top.table[:2], top.table[2:], field.to_field(_ones(weights.shape[1])))
    )
    q = q + 1 - there
    channel.masked("lookup root", [p, q])
    return p, q


def _ones(n: int) -> np.ndarray:
    """1 in K, (2, n)."""
    return np.repeat([[1], [0]], n, axis=1)


class _Sumcheck:
    """From a claim p, q on the fractions of a layer at ``point`` to one on those of the layer below."""

    def __init__(self, channel: ProverChannel, group_bits: int, point: list[Ext], p: Ext, q: Ext):
        self.channel, self.point = channel, point
        # Variables of nodes come first.
        self.nodes = len(point) - group_bits
        self.scale = channel.challenge()
        # What eq(point, .) of the variables that are not bound yet weighs the sum of.
        self.claim = p + self.scale * q
        self.prefix = Ext.ONE
        self.bound: list[Ext] = []

    def run(self, layer: Layer, filled: np.ndarray, free: int) -> tuple[list[Ext], Ext, Ext]:
        """``free`` bytes may be used."""
        groups = eq_table(as_array(self.point[self.nodes :]))
        weights = np.ascontiguousarray(groups[:, : len(filled)])
        lam = as_pair(self.scale)
        # The first rounds over leaves are cheap: the values are small integers still.
        before = min(1 if layer.level else ROUNDS, self.nodes)
        while before < self.nodes and room_bytes(filled, layer.size, before) > free:
            before += 1
        while len(self.bound) < before:
            self._rounds_at_once(layer, filled, min(ROUNDS, before - len(self.bound)), weights)
        folding = Folding(layer, filled, as_array(self.bound).T, lam, weights)
        sums = folding.start(self._rest(1))
        del layer
        while len(self.bound) < self.nodes:
            w = self.point[len(self.bound)]
            at0, square, visited = (Ext.of(x) for x in sums)
            at0 = at0 + self.scale * (1 - visited)
            # w is zero for no challenge in 2^127.
            r = self._round(at0, (self.claim - (1 - w) * at0) / w, square)
            sums = folding.fold(as_pair(r), self._rest(1))
        return self._last_rounds(folding, groups.shape[1])

    def _rest(self, variables: int) -> np.ndarray:
        """The point for the nodes' variables after that many more."""
        return as_array(self.point[len(self.bound) + variables : self.nodes])

    def _round(self, at0: Ext, at1: Ext, square: Ext) -> Ext:
        """Send G's round, given by its values at 0 and 1 and the square's coefficient."""
        w = self.point[len(self.bound)]
        linear = at1 - at0 - square
        at2, at3 = (at0 + x * linear + x * x * square for x in (2, 3))
        factors = (1 - w, 3 * w - 1, 5 * w - 2)
        self.channel.masked(
            "lookup round",
            [self.prefix * f * g for f, g in zip(factors, (at0, at2, at3), strict=True)],
        )
        r = self.channel.challenge()
        self.prefix = self.prefix * (1 - w - r + 2 * w * r)
        self.claim = _quadratic(at0, at1, square, r)
        self.bound.append(r)
        return r

    def _rounds_at_once(
        self, layer: Layer, filled: np.ndarray, rounds: int, weights: np.ndarray
    ) -> None:
        """Rounds from one pass over a layer."""
        bound, lam = as_array(self.bound).T, as_pair(self.scale)
        found = grid(layer, filled, bound, rounds, lam, self._rest(rounds), weights)
        *values, visited = (Ext.of(x) for x in found)
        missing = self.scale * (1 - visited)
        for u in range(len(values)):
            if all(u // 3**t % 3 < 2 for t in range(rounds)):
                values[u] = values[u] + missing
        for left in range(rounds - 1, -1, -1):
            ws = self.point[len(self.bound) + 1 : len(self.bound) + 1 + left]
            step = 3**left
            thirds = [values[i * step : (i + 1) * step] for i in range(3)]
            at0, at1, square = (_at_point(third, ws) for third in thirds)
            r = self._round(at0, at1, square)
            values = [_quadratic(*three, r) for three in zip(*thirds, strict=True)]

    def _last_rounds(self, folding: Folding, groups: int) -> tuple[list[Ext], Ext, Ext]:
        """The rounds over the groups' variables, those that there are not included."""
        tables = np.stack([_ones(groups)] * 4).astype(np.uint64)
        tables[0] = as_pair(self.scale)[:, None]
        tables[1, 0] = 0
        for table, values in zip(tables, folding.ends(), strict=True):
            table[:, : values.shape[1]] = values
        while len(self.bound) < len(self.point):
            eq = eq_table(as_array(self.point[len(self.bound) + 1 :]))
            p0, p1, q0, q1 = tables
            # The multiple of q0 q1 is in p0 already.
            found = logup_round(eq, p0, p1, q0, q1, as_pair(Ext.ZERO))
            at0, at1, at2 = (Ext.of(g) for g in found)
            r = self._round(at0, at1, (at2 - 2 * at1 + at0) / 2)
            tables = fold_many(tables, as_pair(r))
        p0, p1, q0, q1 = (Ext.of(table[:, 0]) for table in tables)
        p0 = p0 - self.scale * q0
        self.channel.masked("lookup children", [p0, p1, q0, q1])
        for _ in range(3):
            self.channel.product()
        c = self.channel.challenge()
        return [c, *self.bound], p0 + c * (p1 - p0), q0 + c * (q1 - q0)


def _quadratic(at0: Ext, at1: Ext, square: Ext, r: Ext) -> Ext:
    return at0 + r * (at1 - at0 - square + r * square)


def _at_point(values: Sequence[Ext], point: Sequence[Ext]) -> Ext:
    """The multilinear extension at a point, of values at digits 0, 1 (and 2) for each of its variables."""
    for w in point:
        third = len(values) // 3
        values = [
            a + w * (b - a) for a, b in zip(values[:third], values[third : 2 * third], strict=True)
        ]
    return values[0]
