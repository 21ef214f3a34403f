"""Brute force: every relation of a circuit, cell by cell, in Python integers.

Slow and independent of the code under test. Columns are arrays in their axes' order at the given
shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.circuit.relations import Circuit, Column, Expr, Gather

Cell = dict[str, int]


def violations(
    circuit: Circuit, shape: Generation, values: Mapping[str, np.ndarray], tokens: Sequence[int]
) -> list[str]:
    """The relations that do not hold; also "range of ..." a column and "bound of ..." an einsum."""
    return CellwiseCheck(circuit, shape, values, tokens).run()


class CellwiseCheck:
    def __init__(
        self,
        circuit: Circuit,
        shape: Generation,
        values: Mapping[str, np.ndarray],
        tokens: Sequence[int],
    ) -> None:
        self.circuit, self.shape = circuit, shape
        self.ids = ([int(t) for t in tokens] + [0] * shape.rows)[: shape.rows]
        self.next = [int(t) for t in tokens[shape.prompt :]]
        self.rows: dict[str, set[tuple[int, ...]]] = {}
        self.columns = {
            column.name: (
                self.public(column) if column.home == "public" else values[column.name].tolist()
            )
            for column in circuit.columns
        }

    def size(self, axis: str) -> int:
        return self.shape.size(self.circuit.axis[axis])

    def public(self, column: Column) -> list:
        if column.kind == "data":
            cuts = tuple(slice(self.size(axis)) for axis in column.axes)
            return self.circuit.data[column.name][cuts].tolist()
        if column.kind == "below-next":
            return [[int(j < t) for j in range(self.size("vocabulary"))] for t in self.next]
        rows = range(self.shape.rows)
        return [
            [[int(j <= i and (not window or i - j < window)) for j in rows] for i in rows]
            for window in column.windows
        ]

    def cells(self, axes: Sequence[str]):
        for cell in product(*(range(self.size(axis)) for axis in axes)):
            yield dict(zip(axes, cell, strict=True))

    def banded(self, at: Cell) -> bool:
        """Whether a cell is in each band of its axes."""
        for band in self.circuit.bands:
            if {band.rows, band.columns} <= at.keys():
                i, j, side = at[band.rows], at[band.columns], 1 << band.block
                gaps = range(
                    i - i % side - j + j % side - side + 1, i - i % side - j + j % side + side
                )
                if not any(gap >= 0 and (not band.window or gap < band.window) for gap in gaps):
                    return False
        return True

    def value(self, expr: Expr, at: Cell) -> int:
        total = expr.constant
        for term in expr.terms:
            axes = self.circuit.column[term.column].axes
            choices, sign = [], 1
            for index, axis in zip(term.indices, axes, strict=True):
                i = at.get(index.axis, -1)
                match index.kind:
                    case "same":
                        choices.append([i])
                    case "sum":
                        choices.append(range(self.size(axis)))
                    case "before":
                        choices.append(range(i))
                    case "rotate":
                        half = self.size(axis) // 2
                        sign = -1 if i < half else 1
                        choices.append([i + half if i < half else i - half])
                    case "window":
                        choices.append([i + self.shape.prompt - 1])
                    case "token":
                        choices.append([self.ids[i]])
                    case "previous":
                        choices.append([self.ids[i + self.shape.prompt - 1]])
                    case "next":
                        choices.append([self.next[i]])
                    case "at":
                        choices.append(index.table)
                    case "stride":
                        j = index.table[0] * i + index.table[1]
                        choices.append([j] if 0 <= j < self.size(axis) else [])
                    case "pick":
                        choices.append([index.table[i]])
            for cell in product(*choices):
                entry: Any = self.columns[term.column]
                for j in cell:
                    entry = entry[j]
                total += sign * term.coefficient * entry
        return total

    def whole(self, expr: Expr) -> dict[tuple[int, ...], int]:
        return {tuple(at.values()): self.value(expr, at) for at in self.cells(expr.axes)}

    def run(self, touching: str = "") -> list[str]:
        """Check all relations, or only those that read the column ``touching``."""

        def concerned(relations):
            return [r for r in relations if not touching or f"'{touching}'" in repr(r)]

        failed = []
        for column in self.circuit.home("witness"):
            flat = np.array(self.columns[column.name], dtype=object)
            assert flat.shape == self.circuit.sizes(column, self.shape), column.name
            if flat.min() < column.low or flat.max() > column.high:
                failed.append(f"range of {column.name}")
        for einsum in concerned(self.circuit.einsums):
            axes = einsum.lhs.axes
            gap = self.whole(einsum.lhs)
            limit = {cell: abs(value) for cell, value in gap.items()}
            for term in einsum.products:
                inner = sorted({a for factor in term.factors for a in factor.axes} - set(axes))
                tables = [(factor.axes, self.whole(factor)) for factor in term.factors]
                for at in self.cells((*axes, *inner)):
                    cell = tuple(at[axis] for axis in axes)
                    value = term.coefficient
                    for names, table in tables:
                        value *= table[tuple(at[axis] for axis in names)]
                    gap[cell] -= value
                    limit[cell] += abs(value)
            banded = [self.banded(dict(zip(axes, cell, strict=True))) for cell in gap]
            if any(
                g and (b or not einsum.defines) for g, b in zip(gap.values(), banded, strict=True)
            ):
                failed.append(einsum.name)
            if max(limit.values()) > einsum.bound:
                failed.append(f"bound of {einsum.name}")
        for lookup in concerned(self.circuit.lookups):
            if lookup.table not in self.rows:
                contents = self.circuit.data[lookup.table].tolist()
                self.rows[lookup.table] = set(map(tuple, contents))
            rows = self.rows[lookup.table]
            for at in self.cells(lookup.exprs[0].axes):
                if not self.banded(at):
                    continue
                if tuple(self.value(expr, at) for expr in lookup.exprs) not in rows:
                    failed.append(lookup.name)
                    break
        for linear in concerned(self.circuit.linears):
            if any(self.whole(linear.expr).values()):
                failed.append(linear.name)
        failed += [g.name for g in concerned(self.circuit.gathers) if not self.gathered(g)]
        return failed

    def gathered(self, gather: Gather) -> bool:
        row, carried = gather.source.axes[0], gather.source.axes[1:]
        for at in self.cells(gather.index.axes):
            index = self.value(gather.index, at)
            if not 0 <= index < self.size(row):
                return False
            for along in self.cells(carried):
                there = self.value(gather.source, {row: index, **along})
                if there != self.value(gather.value, {**at, **along}):
                    return False
        return True
