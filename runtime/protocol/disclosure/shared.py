"""What is revealed or kept behind a digest, the code of a digest, and the form on the cells: both sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ... import field
from ...circuit.generation import REVEALS
from ...circuit.relations import Circuit
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


def revealed(circuit: Circuit) -> dict[str, tuple[str, ...]]:
    """`Circuit.reveals`, in the order of the conversation."""
    return {what: circuit.reveals[what] for what in REVEALS if what in circuit.reveals}


def column_sizes(plan: Plan, what: str) -> list[int]:
    """How many cells each column of ``what`` has."""
    columns = (plan.circuit.column[name] for name in plan.circuit.reveals[what])
    return [int(np.prod(plan.sizes(column.axes), dtype=int)) for column in columns]


def draw(plan: Plan, what: str, challenges) -> tuple[np.ndarray, list[Read]]:
    """The form: as (2, cells) weights, and as reads of the columns."""
    sizes = column_sizes(plan, what)
    kappa, *point = challenges(1 + max(map(bits_of, sizes)))
    parts, reads, power = [], [], Ext.ONE
    for name, size in zip(plan.circuit.reveals[what], sizes, strict=True):
        axes = plan.circuit.column[name].axes
        weights: tuple[Weight, ...] = tuple(eq(point[len(point) - bits_of(size) :]) for _ in axes)
        over = vector(weights[0], size) if weights else np.array([[1], [0]], np.uint64)
        parts.append(field.kmul(over, np.asarray(power)[:, None]))
        reads.append(Read(power, name, weights))
        power = power * kappa
    return np.concatenate(parts, axis=1), reads
