"""What is revealed or kept behind a digest, the code of a digest, and the form on the cells: both sides."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ... import field
from ...circuit import kinds
from ...field import Ext
from ..axis_weights import Read, Weight, bits_of, eq
from ..parameters import TARGET_BITS, Parameters, queries
from ..plan import Plan
from ..public import vector

# Rows of the commitment: Q, and the two components of Q'.
ROWS = 3

# Mask cells of each: more than the columns that are opened at a rate of at most 1/16.
MASKS = 128


@dataclass(frozen=True)
class Code:
    """The code of a digest of ``cells`` cells."""

    cells: int
    log_code: int
    queries: int

    @property
    def dimension(self) -> int:
        return self.cells + MASKS

    @property
    def rate(self) -> float:
        return self.dimension / 2.0**self.log_code

    @staticmethod
    def of(cells: int, p: Parameters) -> Code:
        log_code = bits_of(16 * (cells + MASKS))
        rate = (cells + MASKS) / 2.0**log_code
        return Code(cells, log_code, min(MASKS, queries(rate, TARGET_BITS - p.grind)))


def revealed(plan: Plan) -> tuple[str, ...]:
    """What the statement shows or has a digest of, in the order of the conversation."""
    return kinds.order(what for what in plan.circuit.reveals if what not in plan.silent)


def label(plan: Plan, what: str) -> str:
    """What stands for it in the labels of the transcript."""
    return kinds.of(plan.circuit.extents).label(what)


def axis_sizes(plan: Plan, what: str) -> list[tuple[int, ...]]:
    """The sizes of each column of ``what``."""
    return [plan.sizes(plan.circuit.column[name].axes) for name in plan.circuit.reveals[what]]


def column_sizes(plan: Plan, what: str) -> list[int]:
    """How many cells each column of ``what`` has."""
    return [math.prod(sizes) for sizes in axis_sizes(plan, what)]


def form_variables(plan: Plan, what: str) -> int:
    """How many variables the point of the form has: those of the column with the most."""
    return max(sum(map(bits_of, sizes)) for sizes in axis_sizes(plan, what))


def draw(plan: Plan, what: str, challenges) -> tuple[np.ndarray, list[Read]]:
    """The form: as (2, cells) weights, and as reads of the columns. A column takes as many of the point's last
    coordinates as it has variables, axis by axis."""
    kappa, *point = challenges(1 + form_variables(plan, what))
    parts, reads, power = [], [], Ext.ONE
    for name, sizes in zip(plan.circuit.reveals[what], axis_sizes(plan, what), strict=True):
        own = point[len(point) - sum(map(bits_of, sizes)) :]
        weights: list[Weight] = []
        over = np.asarray(power)[:, None]
        for size in sizes:
            weights.append(eq(own[: bits_of(size)]))
            own = own[bits_of(size) :]
            along = vector(weights[-1], size)
            over = field.kmul(over[:, :, None], along[:, None]).reshape(2, -1)
        parts.append(over)
        reads.append(Read(power, name, tuple(weights)))
        power = power * kappa
    return np.concatenate(parts, axis=1), reads
