"""Einsums and linear relations, the prover's side; the protocol is described in `einsum_verifier`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ...schema.circuit import Expr
from .. import field
from ..evaluate import Columns
from ..field import Ext
from ..kernels.contract import contract
from ..kernels.sumcheck import eq_table, fold_many, product_round
from .einsum_verifier import draw_point, factor_weights
from .plan import EINSUM_DEGREE, Instance, Plan
from .prover_channel import ProverChannel, as_array, as_pair
from .public import as_ext, evaluate
from .sumcheck import lagrange
from .tables import vector
from .weights import Expander, Read, Sparse, Weight, eq


def prove(channel: ProverChannel, plan: Plan, expander: Expander, columns: Columns) -> None:
    point = draw_point(plan, channel.challenges)
    at_point = {axis: eq(z) for axis, z in point.items()}
    running = {id(i): _Running(plan, i, point, columns) for i in plan.instances}
    order = iter(plan.instances)
    for einsum in plan.circuit.einsums:
        sums = [running[id(next(order))].total for _ in einsum.products]
        value = claim_value(expander, columns, einsum.lhs, at_point)
        channel.masked("einsum values", [value, *sums])
    for linear in plan.circuit.linears:
        value = claim_value(expander, columns, linear.expr, at_point)
        channel.masked("linear value", [value])
    gammas = channel.challenges(len(plan.instances))
    r: list[Ext] = []
    for round_ in range(plan.einsum_rounds):
        left = plan.einsum_rounds - round_
        values = [Ext.ZERO] * (EINSUM_DEGREE + 1)
        for instance, gamma in zip(plan.instances, gammas, strict=True):
            if instance.rounds >= left:
                found = running[id(instance)].round()
                values = [a + gamma * b for a, b in zip(values, found, strict=True)]
        channel.masked("einsum round", [values[0], *values[2:]])
        challenge = channel.challenge()
        r.append(challenge)
        for instance in plan.instances:
            if instance.rounds >= left:
                running[id(instance)].fold(challenge)
    for instance in plan.instances:
        _final(channel, plan, running[id(instance)])


def _final(channel: ProverChannel, plan: Plan, running: _Running) -> None:
    """The factors' values, a square's once, and partial products, as `einsum_verifier` reads them."""
    values = running.finals()
    instance = running.instance
    for factor in instance.factors:
        if not plan.is_public(factor):
            channel.masked("factor", [values[factor]])
    hidden = [values[f] for f in instance.product.factors if not plan.is_public(f)]
    if not hidden:
        return
    product = hidden[0]
    for i, value in enumerate(hidden[1:]):
        if i:
            channel.masked("partial product", [product])
        product = product * value
        channel.product()


# Weights of joined axes are made cell by cell, so no more than this many at once.
JOINT = 1 << 12


class _Running:
    """The tables of one instance: eq of the shared axes, then the factors, over all variables."""

    def __init__(
        self, plan: Plan, instance: Instance, point: Mapping[str, list[Ext]], columns: Columns
    ):
        self.instance = instance
        self.size = {axis: 1 << plan.bits(axis) for axis in instance.variables}
        reduced = {}
        weights = factor_weights(
            plan, instance, _everything(instance), dict(point), [Ext.ZERO] * 64
        )
        for factor in instance.factors:
            bound = {
                axis: vector(weights[axis], plan.shape.size(plan.circuit.axis[axis]))
                for axis in factor.axes
                if axis not in instance.variables
            }
            array = reduce(columns.expr(factor), factor.axes, bound)
            reduced[factor] = self._spread(
                array, [axis for axis in factor.axes if axis in instance.variables]
            )
        tables = [reduced[factor] for factor in instance.product.factors]
        if instance.shared:
            shared = eq_table(as_array([z for axis in instance.shared for z in point[axis]]))
            sizes = [self.size[axis] for axis in instance.shared]
            tables.insert(0, self._spread(shared.reshape(2, *sizes), list(instance.shared)))
        self.tables = np.stack(tables)
        self._first = [Ext(int(a), int(b)) for a, b in self._evaluate()]

    def _spread(self, array: np.ndarray, axes: list[str]) -> np.ndarray:
        """An array (2, axes...) as a table (2, 2^rounds): zero-padded along its own axes, constant
        along the others."""
        padding = [(0, 0)] + [
            (0, self.size[axis] - n) for axis, n in zip(axes, array.shape[1:], strict=True)
        ]
        variables = self.instance.variables
        order = [0] + [1 + axes.index(axis) for axis in variables if axis in axes]
        array = np.pad(array, padding).transpose(order)
        own = iter(array.shape[1:])
        array = array.reshape(2, *(next(own) if axis in axes else 1 for axis in variables))
        full = (2, *(self.size[axis] for axis in variables))
        return np.broadcast_to(array, full).reshape(2, -1)

    def _evaluate(self) -> np.ndarray:
        if self.tables.shape[2] > 1:
            return product_round(self.tables)
        value = self._product(0)
        return np.array([(value.a, value.b), (0, 0)], np.uint64)

    def _product(self, i: int) -> Ext:
        value = Ext.ONE
        for table in self.tables:
            value = value * Ext(int(table[0, i]), int(table[1, i]))
        return value

    @property
    def total(self) -> Ext:
        return self._first[0] + self._first[1]

    def round(self) -> list[Ext]:
        """The round polynomial at 0..EINSUM_DEGREE."""
        values = self._first or [Ext(int(a), int(b)) for a, b in product_round(self.tables)]
        self._first = []
        degree = len(values) - 1
        for x in range(degree + 1, EINSUM_DEGREE + 1):
            weights = lagrange(Ext(x), degree)
            values.append(sum((w * v for w, v in zip(weights, values, strict=False)), Ext.ZERO))
        return values

    def fold(self, r: Ext) -> None:
        self.tables = fold_many(self.tables, as_pair(r))

    def finals(self) -> dict[Expr, Ext]:
        tables = self.tables[1:] if self.instance.shared else self.tables
        return {
            factor: Ext(int(t[0, 0]), int(t[1, 0]))
            for factor, t in zip(self.instance.product.factors, tables, strict=True)
        }


def _everything(instance: Instance) -> Expr:
    """An expression over all axes of the instance's factors, to ask for all their weights at once."""
    axes = dict.fromkeys(axis for factor in instance.factors for axis in factor.axes)
    return Expr(tuple(axes), ())


def reduce(array: np.ndarray, axes: Sequence[str], bound: Mapping[str, np.ndarray]) -> np.ndarray:
    """Contract an integer array with a K vector along each bound axis: (2, remaining axes...).

    One pass over the integers contracts neighbouring bound axes, those that shrink the array most as
    long as their joint weights stay few; the others are contracted over K, in what is left.
    """
    shape = list(array.shape)
    runs: list[list[int]] = []
    for i in reversed(range(len(shape))):
        if axes[i] not in bound:
            continue
        joint = runs and runs[-1][0] == i + 1
        if joint and shape[i] * math.prod(shape[j] for j in runs[-1]) <= JOINT:
            runs[-1].insert(0, i)
        else:
            runs.append([i])
    if not runs:
        base = field.to_field(array)
        return np.stack([base, np.zeros_like(base)])
    first = max(runs, key=lambda run: math.prod(shape[i] for i in run))
    weights = bound[axes[first[0]]]
    for i in first[1:]:
        weights = field.kmul(weights[:, :, None], bound[axes[i]][:, None, :]).reshape(2, -1)
    size = [math.prod(part) for part in (shape[: first[0]], shape[first[-1] + 1 :])]
    out = contract(np.ascontiguousarray(array).reshape(size[0], -1, size[1]), weights)
    kept = [1 if i in first else n for i, n in enumerate(shape)]
    out = out.reshape(2, *kept)
    for i in sorted((i for run in runs if run is not first for i in run), reverse=True):
        spread = bound[axes[i]].reshape(2, *(-1 if j == i else 1 for j in range(len(shape))))
        out = _sum_axis(field.kmul(out, spread), i + 1)
    remaining = [n for axis, n in zip(axes, shape, strict=True) if axis not in bound]
    return out.reshape(2, *remaining)


def _sum_axis(values: np.ndarray, axis: int) -> np.ndarray:
    low = (values & np.uint64(0xFFFFFFFF)).sum(axis=axis, keepdims=True)
    high = (values >> np.uint64(32)).sum(axis=axis, keepdims=True)
    return field.add(field.to_field(low), field.mul(field.to_field(high), np.uint64(1 << 32)))


def claim_value(
    expander: Expander, columns: Columns, expr: Expr, weights: Mapping[str, Weight]
) -> Ext:
    """The value of a linear claim on an expression."""
    constant, reads = expander.expand(expr, weights)
    total = as_ext(constant)
    for read in reads:
        total = total + as_ext(read.coefficient) * read_value(expander, columns, read)
    return total


def read_value(expander: Expander, columns: Columns, read: Read) -> Ext:
    column = expander.circuit.column[read.column]
    if column.home == "public":
        return evaluate(expander, read.column, read.weights)
    array = columns.column(read.column)
    if not array.ndim:
        return Ext(int(array))
    bound = {}
    for i, (axis, weight) in enumerate(zip(column.axes, read.weights, strict=True)):
        if isinstance(weight, Sparse):
            array = np.take(array, [j for j, _ in weight.entries], axis=i)
            bound[str(i)] = as_array([as_ext(w) for _, w in weight.entries])
        else:
            bound[str(i)] = vector(weight, expander.size[axis])
    if not array.size:
        return Ext.ZERO
    value = reduce(array, [str(i) for i in range(array.ndim)], bound)
    return Ext(int(value.reshape(2)[0]), int(value.reshape(2)[1]))
