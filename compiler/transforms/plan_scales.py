"""`plan-scales`: the format of every value and weight, as attributes on the operations of `nn`.

Each operation gets what `analysis.plan` lists, from its role's ranges (`analysis.scales`).
`convert-nn-to-quant` then converts one operation after the other and decides nothing.

A function of tensors is planned by `analysis.tensor_scales`, and has no roles. Of others this is so:
by default values and weights have 16 bits; what only a norm reads, and the deltas of the residual
stream, have as many as sums of squares allow.

Errors: `UserError` for functions of another form, missing ranges, or numbers that
can not be represented, with the module path.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, FloatAttr, IntegerAttr, ModuleOp, f64, i64
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from ...dialects import nn
from ...dialects.interfaces import Normalises
from ...dialects.quant import FormatAttr, signed_bits
from ...errors import UserError, expect
from ..analysis.limits import MOST_RECIPROCAL, Limits
from ..analysis.plan import (
    EPS,
    EXPONENTS,
    FACTOR,
    FORMAT,
    HEADROOM,
    ROOT,
    SPARE,
    WIDTH,
    K,
    weight_factor,
)
from ..analysis.scale import LIMB, Fracs, Scale, most_frac
from ..analysis.scales import Scales
from ..analysis.tensor_scales import TensorScales, factor_of
from ..modules import main_function, takes_tensors
from .options import check_options


@dataclass(frozen=True)
class PlanScales(ModulePass):
    """Annotates a calibrated, raised `nn` function with formats."""

    name = "plan-scales"
    headroom: float = 1.75
    spare_exponents: int = 3

    def __post_init__(self) -> None:
        check_options(self, headroom=(1.0, 256.0), spare_exponents=(0, 12))

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = main_function(op)
        function.attributes[HEADROOM] = FloatAttr(self.headroom, f64)
        if takes_tensors(op):
            return write_tensors(TensorScales(function.body.block, self.headroom))
        function.attributes[SPARE] = IntegerAttr(self.spare_exponents, i64)
        limits = limits_of(function)
        write(limits, default_fracs(limits))


def write_tensors(scales: TensorScales) -> None:
    """Writes the formats of a function of tensors."""
    for op in scales.ops:
        op.attributes[FORMAT] = scales.format(op)
        if isinstance(op, nn.ParamOp):
            op.attributes[FACTOR] = FloatAttr(factor_of(op), f64)
        elif isinstance(op, nn.RMSNormOp):
            norm = scales.norm(op)
            op.attributes[EPS] = IntegerAttr(norm.eps, i64)
            op.attributes[ROOT] = IntegerAttr(norm.root, i64)
            op.attributes[EXPONENTS] = DenseArrayBase.from_list(i64, norm.exponents)
        elif isinstance(op, nn.AttendOp):
            op.attributes[K] = IntegerAttr(scales.reciprocal(op), i64)
        elif isinstance(op, nn.ProbabilitiesOp):
            op.attributes[K] = IntegerAttr(MOST_RECIPROCAL, i64)


def limits_of(function: FuncOp) -> Limits:
    """The scales of a function that was planned before, with the same headroom."""
    headroom, spare = function.attributes.get(HEADROOM), function.attributes.get(SPARE)
    if not isinstance(headroom, FloatAttr) or not isinstance(spare, IntegerAttr):
        raise UserError("the function has no formats; run plan-scales first")
    options = PlanScales(headroom.value.data, spare.value.data)  # In their ranges, or it says so.
    return Limits(Scales(function.body.block, options.headroom, options.spare_exponents))


def default_fracs(limits: Limits) -> dict[Scale, int]:
    """As many fraction bits as 16-bit types hold, and more for what norms square or deltas add."""
    fracs: dict[Scale, int] = {}
    scales = limits.scales
    norms = [op for op in scales.ops if isinstance(op, Normalises)]
    wide = {scales.scale[operand] for norm in norms for operand in norm.operands}
    wide |= {scales.scale[scales.output.x], *scales.root.values()}
    for scale in scales.all:
        bits = scale.most_bits if scale in wide else LIMB
        fracs[scale] = most_frac(scale.magnitude, bits)
    for scale in scales.all:  # In the order of the function: operands are bounded first.
        fracs[scale] = min(fracs[scale], limits.most(scale, fracs))
    # What the final norm has beyond 16 bits, and two bits more, is given up for a limb of each logit.
    rows = scales.scale[scales.output.x]
    least = most_frac(rows.magnitude, LIMB) - 2
    while limits.logits_width(fracs) > limits.most_width() and fracs[rows] > least:
        fracs[rows] -= 1
    return fracs


def write(limits: Limits, fracs: Fracs) -> None:
    """Writes formats and what follows from them on the operations."""
    scales = limits.scales
    channels = nn.shape_of(scales.embedding.result)[-1]
    residual = scales.scale[scales.embedding.result]
    entering = 0
    for table in (scales.scale[each] for each in scales.tables):
        cut = fracs[table] - fracs[residual]
        entering += 1 << table.bits(fracs[table]) - cut + (cut > 0) - 1
    if channels * entering**2 >= 1 << nn.SQUARES_BITS:
        raise UserError(
            f"{residual.path} of {channels} channels does not fit sums of squares below "
            f"2^{nn.SQUARES_BITS}: the embedding is too large beside it"
        )
    bound = entering + len(scales.deltas) * (1 << residual.most_bits - 1)
    for value, scale in scales.scale.items():
        op = expect(value.owner, Operation)
        if isinstance(op, nn.CenterOp):
            continue
        bits = signed_bits(bound) if value in scales.stream else limits.bits(op, fracs)
        if isinstance(op, nn.PositionEmbeddingOp):
            table = scales.scale[op.table]
            bits = table.bits(fracs[table]) + fracs[scale] - fracs[table]
        op.attributes[FORMAT] = FormatAttr.of(bits, fracs[scale])
        if isinstance(op, nn.ParamOp):
            op.attributes[FACTOR] = FloatAttr(weight_factor(op), f64)
        elif isinstance(op, Normalises):
            op.attributes[EPS] = IntegerAttr(limits.eps(op, fracs), i64)
            op.attributes[ROOT] = IntegerAttr(fracs[scales.root[op]], i64)
            op.attributes[EXPONENTS] = DenseArrayBase.from_list(i64, limits.exponents(op, fracs))
        elif isinstance(op, nn.AttendOp):
            op.attributes[K] = IntegerAttr(limits.reciprocal(op, fracs), i64)
    width = max(limits.logits_width(fracs), LIMB, limits.most_width())
    scales.output.attributes[WIDTH] = IntegerAttr(width, i64)
