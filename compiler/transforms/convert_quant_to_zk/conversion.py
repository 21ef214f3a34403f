"""What the patterns of `convert-quant-to-zk` have in common.

A pattern replaces an operation of `quant` by a step of `zk.compute`, whose result takes the place of the
old one, and states in the system what the step's columns have to be. The type of a converted value says
its axes and range; what it is in the relations, `Conversion.factors`, was told by the pattern that made it:
an expression in columns, or several of which it is the product.

Patterns run in the order of the function, so that operands are converted before what reads them.

Errors: `UserError` naming the module: a value with no meaning where it is used, weights that are no
parameters, an accumulator that nothing rounds.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern
from xdsl.rewriter import InsertPoint, Rewriter

from ....dialects import quant, zk
from ....dialects.affine_expr import read, renamed, scaled
from ....dialects.nn import module_path
from ....dialects.quant.axes import Axes, is_row
from ....errors import UserError
from ....runtime.circuit.index import Index
from ....runtime.circuit.relations import Expr
from ...analysis.head_axes import OfValues
from ...primitives.builder import Builder, System
from ...primitives.contract import Factors
from ...primitives.round import Rounded, rounded

OpT = TypeVar("OpT", bound=Operation)

# For names only: what a path says is left out of the names of columns.
PREFIX = re.compile(r"^(.*\{layer\}|model)(\.|$)")


@dataclass
class Conversion:
    """A function that is being converted: its system, and what has been found of its values.

    ``axes`` are those of values of `quant`; ``squares`` bound the sums of squares of norms of the stream.
    """

    system: System
    axes: OfValues[Axes]
    squares: dict[quant.RmsNormOp, int]
    factors: OfValues[Factors] = field(default_factory=OfValues)
    names: set[str] = field(default_factory=set)
    reveals: list[zk.RevealOp] = field(default_factory=list)
    """What the statement shows, as far as operations say so."""

    def builder(self, op: Operation, module: str = "") -> Builder:
        """The builder for an operation, by the region in which it is."""
        outer = ("layer",) if isinstance(op.parent_op(), zk.LayersOp) else ()
        return Builder(self.system, outer, module or module_path(op))

    # What converted values are in the relations

    def expr(self, value: SSAValue) -> Expr:
        """The expression of a value that is not a product."""
        (expr,) = self.factors[value]
        return expr

    def at(self, b: Builder, value: SSAValue, **indices: Index) -> Expr:
        """The column of a value, read at other indices."""
        return read(self.expr(value).terms[0].column, b.over(zk.axes_of(value)), **indices)

    def replace(
        self, op: Operation, rewriter: PatternRewriter, step: zk.Step, *results: Factors
    ) -> None:
        """Puts a step in the place of an operation; ``results`` say what its values are."""
        for value, factors in zip(step.results, results, strict=True):
            self.factors[value] = factors
        self.names.add(step.results[0].name_hint or "")
        rewriter.replace(op, step)

    # Parameters

    def weight(self, value: SSAValue, where: str) -> SSAValue:
        """A weight as a converted value: a parameter becomes a column where it is first used."""
        if isinstance(value.owner, zk.ReadOp):
            return value
        if not isinstance(value.owner, quant.ParamOp):
            raise UserError(f"{where}: weights must be parameters")
        param = value.owner
        made = self.parameter(param, value, Builder(self.system), param.param_names[0])
        Rewriter.replace_op(param, made)
        return made.result

    def parameter(
        self, param: quant.ParamOp, value: SSAValue, b: Builder, origin: str
    ) -> zk.ReadOp:
        """The column of a parameter, read; ``value`` is what its axes are known of."""
        bound = quant.type_of(param.result).bound
        name = PREFIX.sub("", origin)
        axes, interval = self.axes[value], (-bound, bound - 1)
        old = self.system.columns.get(name)
        if old is None:
            b = Builder(b.system, b.outer, origin)
            b.column(name, "param", axes, *interval)
        elif old.axis_names != b.over(axes):
            raise UserError(f"{origin}: one weight is used over different axes")
        made = zk.ReadOp(name, zk.ValueType.of(axes, *interval))
        self.factors[made.result] = (b.read(name, axes),)
        return made

    def public(self, column: str, before: Operation) -> SSAValue:
        """A public column, read before an operation."""
        op = self.system.columns[column]
        made = zk.ReadOp(column, zk.ValueType.of(op.axis_names, *op.range))
        Rewriter.insert_op(made, InsertPoint.before(before))
        return made.result

    def contracted(self, x: SSAValue, weight: SSAValue, before: Operation) -> SSAValue:
        """A value over the axes by which a weight sums over it: the last ones of the weight, in its order."""
        type = zk.type_of(x)
        columns = [axis for axis in type.axis_names if not is_row(axis)]
        names = dict(zip(columns, zk.axes_of(weight)[-len(columns) :], strict=True))
        if all(new == old for old, new in names.items()):
            return x
        axes = [names.get(axis, axis) for axis in type.axis_names]
        hint = self.unique(f"{x.name_hint}.in")
        made = zk.RenameOp(x, results=[zk.ValueType.of(axes, *type.range)], name=hint)
        Rewriter.insert_op(made, InsertPoint.before(before))
        self.factors[made.result] = tuple(renamed(factor, names) for factor in self.factors[x])
        self.names.add(hint)
        return made.result

    # Names

    def name(self, op: Operation, own_module: bool = False) -> str:
        """The module path without the prefix of the model and layer, and the kind, unless it is the one
        operation of its own module; unique."""
        base, kind = PREFIX.sub("", module_path(op)), op.name.removeprefix("quant.")
        if own_module and base and base not in self.system.columns:
            return self.unique(base)
        return self.unique(f"{base}.{kind}" if base else kind)

    def unique(self, name: str) -> str:
        found, n = name, 1
        while found in self.system.columns or found in self.names:
            n += 1
            found = f"{name}{n}"
        return found


@dataclass
class ConversionPattern(RewritePattern):
    """A pattern of `convert-quant-to-zk`."""

    conversion: Conversion


class RoundedPattern(ConversionPattern, Generic[OpT]):
    """Converts an accumulator with the `quant.requantize` that follows it."""

    accumulator: type[OpT]

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if isinstance(op, self.accumulator):
            if not isinstance(sole_user(op), quant.RequantizeOp):
                where = module_path(op)
                raise UserError(f"{where}: {op.name} must be followed by one requantize")
        elif isinstance(op, quant.RequantizeOp) and isinstance(op.acc.owner, self.accumulator):
            acc = op.acc.owner
            b = self.conversion.builder(op, module_path(acc) or module_path(op))
            step, value = self.convert(acc, op, b)
            self.conversion.replace(op, rewriter, step, (value,))
            rewriter.erase(acc)

    @abstractmethod
    def convert(self, op: OpT, result: quant.RequantizeOp, b: Builder) -> tuple[zk.Step, Expr]:
        """The step of an accumulator, rounded to a result, and what its value is."""

    def bias(self, shift: quant.Int | None, *bias: SSAValue) -> tuple[Expr | None, dict[str, int]]:
        """What a bias adds to an accumulator, and the option of a step that adds it, if there is one."""
        if shift is None:
            return None, {}
        (value,), by = bias, shift.value.data
        return scaled(1 << by, self.conversion.expr(value)), {"bias_shift": by}

    def rounded(
        self,
        b: Builder,
        name: str,
        result: quant.RequantizeOp,
        products: Sequence[Factors],
        limit: int | None = None,
        plus: Expr | None = None,
    ) -> tuple[Rounded, zk.ValueType, dict[str, int]]:
        """The rounded sum of products and of what is added, its type, and the options of a step that rounds."""
        axes, bits = self.conversion.axes[result.result], quant.type_of(result.result).width
        shift = result.shift.value.data
        looked_up = any(isinstance(use.operation, quant.TableOp) for use in result.result.uses)
        y = rounded(b, name, axes, products, shift, bits, limit, looked_up, plus)
        return y, zk.ValueType.of(axes, *y.interval), {"shift": shift, "bits": bits}


def sole_user(op: Operation) -> Operation | None:
    """The operation that reads an operation's result, if there is just one."""
    users = [use.operation for use in op.results[0].uses]
    return users[0] if len(users) == 1 else None
