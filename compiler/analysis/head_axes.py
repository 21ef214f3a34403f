"""Which named axes the dimensions of a `quant` value are.

Values of a language model are [T, n] or [H, T, D] at the `quant` level. Here each gets named axes: rows are `token`
(after `quant.select`: `generated`), heads are (kv, group) for queries and (kv) for keys and values,
columns are `channel`, `intermediate`, or the axes of the heads into which they are cut. The axes of
examples are named by their sizes. Where a linear layer gives what it takes, its weight is over `channel`
and `channel_in`. What a value's columns mean may follow from where it comes from or from where it goes, so
equations between operands and results are solved in both directions until nothing changes.

Errors: `UserError` naming the module whose value would have two meanings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from xdsl.ir import Block, Operation, SSAValue

from ...dialects import quant
from ...dialects.nn import module_path
from ...dialects.quant.axes import (
    EXAMPLE,
    KEY,
    QUERY,
    SCORES,
    Axes,
    Contraction,
    LastOf,
    NamedAxes,
    OfRows,
    Over,
    Rule,
    Same,
    feature,
    is_row,
)
from ...errors import UserError

FoundT = TypeVar("FoundT")


class OfValues(dict[SSAValue, FoundT]):
    """What has been found of each SSA value; a `UserError` where nothing has been."""

    def __missing__(self, value: SSAValue) -> FoundT:
        owner = value.owner
        if not isinstance(owner, Operation):
            raise UserError("an argument of a block has no meaning where it is used")
        raise UserError(
            f"{module_path(owner) or 'the model'}: the result of {owner.name} has no meaning where "
            "it is used"
        )


def infer_axes(block: Block, sizes: dict[str, int | str]) -> OfValues[Axes]:
    """The axes of each value; writes the sizes of `kv`, `group`, `dim`, ... into ``sizes``."""
    return _Inference(list(block.walk()), sizes).run()


class _Inference:
    def __init__(self, ops: list[Operation], sizes: dict[str, int | str]):
        self.ops = ops
        self.sizes = sizes
        self.axes: OfValues[Axes] = OfValues()
        self.rules = [
            (op, rule) for op in ops if isinstance(op, NamedAxes) for rule in op.axes_rules()
        ]
        self.second: dict[str, str] = {}
        self.changed = False

    def run(self) -> OfValues[Axes]:
        self.solve()
        contractions = [(op, rule) for op, rule in self.rules if isinstance(rule, Contraction)]
        for op, rule in contractions:
            if rule.y not in self.axes:
                rows = tuple(filter(is_row, self.axes[rule.x]))
                size = quant.type_of(rule.y).shape[-1]
                made = feature(size) if EXAMPLE in rows else self.width(size)
                self.put(op, rule.y, (*rows, made))
                self.solve()
        for op, rule in contractions:
            out = tuple(axis for axis in self.axes[rule.y] if not is_row(axis))
            self.put(op, rule.w, (*out, *self.contracted(rule.x, out)))
        self.solve()
        for op in self.ops:
            for value in op.results:
                if value in self.axes:
                    self.measure(op, value)
        self.sizes.update((name, self.sizes[axis]) for name, axis in self.second.items())
        return self.axes

    def width(self, size: int) -> str:
        """An axis for columns of which nothing says what they are; one for each size."""
        name, n = "intermediate", 1
        while self.sizes.setdefault(name, size) != size:
            n += 1
            name = f"intermediate{n}"
        return name

    def contracted(self, value: SSAValue, out: Axes) -> Iterator[str]:
        """What a sum of products calls the columns of a value: an axis that the result has too has a second name
        there, as its two indices are not the same."""
        for axis in self.axes[value]:
            if axis in out:
                self.second[f"{axis}_in"] = axis
                yield f"{axis}_in"
            elif not is_row(axis):
                yield axis

    def solve(self) -> None:
        self.changed = True
        while self.changed:
            self.changed = False
            for op, rule in self.rules:
                self.apply(op, rule)

    def apply(self, op: Operation, rule: Rule) -> None:
        if isinstance(rule, Same):
            for known in rule.values:
                if known in self.axes:
                    for value in rule.values:
                        self.put(op, value, self.axes[known])
        elif isinstance(rule, Over):
            self.put(op, rule.value, rule.axes)
        elif isinstance(rule, LastOf) and rule.of in self.axes:
            self.put(op, rule.value, self.axes[rule.of][-1:])
        elif isinstance(rule, OfRows) and rule.of in self.axes:
            axes = tuple(a for a in self.axes[rule.of] if not is_row(a))
            self.put(op, rule.value, axes)

    def put(self, op: Operation, value: SSAValue, axes: Axes) -> None:
        if value not in self.axes:
            self.axes[value] = axes
            self.changed = True
        elif self.axes[value] != axes:
            raise UserError(
                f"{module_path(op)}: a value is over ({', '.join(self.axes[value])}) in one place "
                f"and ({', '.join(axes)}) in another"
            )

    def measure(self, op: Operation, value: SSAValue) -> None:
        """Reads axis sizes off the shapes."""
        axes, shape = self.axes[value], quant.type_of(value).shape
        if axes == QUERY and len(shape) == 3:
            found = {"dim": shape[2]}
        elif axes == KEY and len(shape) == 3:
            found = {"kv": shape[0], "dim": shape[2]}
        elif axes == SCORES:
            kv = self.sizes.get("kv")
            heads = shape[0]
            found = {"group": heads // kv} if isinstance(kv, int) else {}
        elif len(axes) == len(shape):
            found = dict(zip(axes, shape, strict=True))
        else:
            found = {}
        for axis, size in found.items():
            if axis in ("token", "source", "generated"):
                continue
            if self.sizes.setdefault(axis, size) != size:
                raise UserError(
                    f"{module_path(op)}: axis {axis} has {self.sizes[axis]} elements in one place "
                    f"and {size} in another"
                )
