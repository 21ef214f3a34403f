"""Einsums and linear relations, the prover's side; the protocol is described in `einsum`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence

import numpy as np

from ....errors import expect
from ...circuit.relations import Expr
from ...field import Ext
from ...witness.columns import Columns
from ..axis_weights import Expander, Read, Sparse, Tensor, Weight, Weights, eq
from ..deferred import Weighted
from ..plan import EINSUM_DEGREE, Instance, Plan
from ..prover_channel import ProverChannel, as_array
from ..public import as_ext, evaluate
from ..weight_tables import vector
from .contraction import Table, bind
from .product_sum import ProductSum, extended
from .shared import bound_weights, draw_point, places


def prove(
    channel: ProverChannel,
    plan: Plan,
    expander: Expander,
    columns: Columns,
    deferred: Sequence[Weighted],
) -> None:
    point = draw_point(plan, channel.challenges)
    at_point: Weights = {axis: eq(z) for axis, z in point.items()}
    arrays = _Arrays(columns, plan.instances)
    running = [
        _start(plan, instance, at, columns, arrays)
        for instance, at in zip(plan.instances, places(plan, at_point, deferred), strict=True)
    ]
    order = iter(running)
    for einsum in plan.relations:
        sums = [next(order).total for _ in einsum.products]
        value = claim_value(expander, columns, einsum.lhs, at_point)
        channel.masked("einsum values", [value, *sums])
    for linear in plan.circuit.linears:
        value = claim_value(expander, columns, linear.expr, at_point)
        channel.masked("linear value", [value])
    for claim in plan.deferred:
        channel.masked("deferred values", [next(order).total for _ in claim.einsum.products])
    gammas = channel.challenges(len(plan.instances))
    for round_ in range(plan.einsum_rounds):
        left = plan.einsum_rounds - round_
        joined = [
            (gamma, product)
            for gamma, product, instance in zip(gammas, running, plan.instances, strict=True)
            if instance.rounds >= left
        ]
        values = _combined((gamma, product.round()) for gamma, product in joined)
        channel.masked("einsum round", [values[0], *values[2:]])
        challenge = channel.challenge()
        for _, product in joined:
            product.fold(challenge)
    for instance, product in zip(plan.instances, running, strict=True):
        _final(channel, plan, instance, product.finals())


def _combined(rounds: Iterable[tuple[Ext, list[Ext]]]) -> list[Ext]:
    """The sum of scaled polynomials, each given at 0..its degree, at 0..EINSUM_DEGREE."""
    of_size: dict[int, list[Ext]] = {}
    for gamma, values in rounds:
        total = of_size.setdefault(len(values), [Ext.ZERO] * len(values))
        of_size[len(values)] = [a + gamma * b for a, b in zip(total, values, strict=True)]
    parts = [extended(values, EINSUM_DEGREE) for values in of_size.values()]
    return [sum(at, Ext.ZERO) for at in zip(*parts, strict=True)]


def _final(channel: ProverChannel, plan: Plan, instance: Instance, found: Sequence[Ext]) -> None:
    """The factors' values, a square's once, and partial products, as `einsum.verifier` reads them."""
    factors = instance.factors
    # After them come the point's weights that are a factor of the sum.
    values = dict(zip(factors, found[: len(factors)], strict=True))
    for factor in factors:
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


class _Arrays:
    """The factors of instances that are started in order: one that several have is made once, and kept until
    the last of them."""

    def __init__(self, columns: Columns, instances: Iterable[Instance]):
        self._columns = columns
        self._uses = Counter(
            self._key(factor, _cuts(instance, factor))
            for instance in instances
            for factor in instance.factors
        )
        self._kept: dict[Hashable, np.ndarray] = {}

    def take(self, factor: Expr, cuts: Mapping[str, slice]) -> np.ndarray:
        key = self._key(factor, cuts)
        found = self._kept.pop(key, None)
        if found is None:
            found = self._columns.expr(factor, cuts)
        self._uses[key] -= 1
        if self._uses[key]:
            self._kept[key] = found
        return found

    def _key(self, factor: Expr, cuts: Mapping[str, slice]) -> Hashable:
        return factor, *((axis, cut.start, cut.stop) for axis, cut in cuts.items())


def _cuts(instance: Instance, factor: Expr) -> dict[str, slice]:
    """The part of a factor's axes that an instance is over, where it is not the whole."""
    parts = ((axis, instance.box[axis]) for axis in factor.axes if axis in instance.box)
    return {axis: slice(start, start + (1 << bits)) for axis, (start, bits) in parts}


def _start(
    plan: Plan,
    instance: Instance,
    at: Weights,
    columns: Columns,
    arrays: _Arrays,
) -> ProductSum:
    """An instance's sumcheck."""
    tables = []
    for factor in instance.factors:
        own = _cuts(instance, factor)
        array = arrays.take(factor, own)
        bound = {
            axis: vector(weight, columns.size(axis))[:, own.get(axis, slice(None))]
            for axis, weight in bound_weights(plan, instance, factor, at).items()
        }
        tables.append(bind(Table(factor.axes, array), bound))
    uses = [instance.factors.index(factor) for factor in instance.product.factors]
    sizes = {axis: columns.size(axis) for axis in instance.variables}
    sizes |= {axis: 1 << bits for axis, (_, bits) in instance.box.items() if axis in sizes}
    for axis in instance.weighted:
        uses.append(len(tables))
        tables.append(Table((axis,), vector(at[axis], sizes[axis])))
    point = {}
    for axis, bits in zip(instance.variables, instance.bits, strict=True):
        if axis in instance.shared and axis not in instance.weighted:
            pairs = expect(at[axis], Tensor).pairs
            point[axis] = [as_ext(z) for _, z in pairs[len(pairs) - bits :]]
    return ProductSum(sizes, tables, uses, point)


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
    total = bind(Table(tuple(bound), array), bound)
    return Ext.of(total.values)
