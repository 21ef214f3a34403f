"""The root-mean-square norm, whose reciprocal root comes from a table, and what a layer norm does first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from ..interfaces import KeepsScale, Named, RowWise
from ..nn import require
from . import axes as named
from .attributes import MAX_BITS, QuantTensorType, TableAttr
from .base import FUNCTIONAL, Inferred, Int, Ints, QuantOp, shifted_bias, signed_bits, type_of

MANTISSA_BITS = 14
"""The mantissa m of `quant.rms_norm` is in [2^14, 2^16)."""


def one_over(channels: int, shift: int) -> int:
    """The c with which `quant.center` takes a mean: 2^shift / channels, rounded half up."""
    return ((1 << shift + 1) + channels) // (2 * channels)


@irdl_op_definition
class CenterOp(QuantOp, KeepsScale, RowWise):
    """What the elements of a row are more than their mean: y = x - m, over the last axis of n channels.

    m is the mean, rounded to an integer of ``bits`` bits: m = (c sum x + half) >> shift with c = 2^shift / n,
    rounded. So it is off by at most 1/2 + |sum x| 2^-(shift+1). Where it has more bits, execution stops.

    ```mlir
    %y = quant.center %x shift 30 bits 24 : (!quant.tensor<[64, 128], bits = 28, frac = 17>)
         -> !quant.tensor<[64, 128], bits = 29, frac = 17>
    ```
    """

    name = "quant.center"
    x = operand_def(QuantTensorType)
    shift = prop_def(Int)
    bits = prop_def(Int)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$x `shift` $shift `bits` $bits" + FUNCTIONAL

    @property
    def mean_bound(self) -> int:
        """The magnitude of the least mean that there can be."""
        return 1 << self.bits.value.data - 1

    @staticmethod
    def infer(x: QuantTensorType, shift: int, bits: int) -> Sequence[Inferred]:
        require(len(x.shape) >= 1, "x has no axis to average over")
        require(0 < shift < MAX_BITS, f"shift {shift} is not in 1 .. {MAX_BITS - 1}")
        require(0 < bits <= MAX_BITS - shift, f"a mean of {bits} bits is too wide beside {shift}")
        factor = one_over(x.shape[-1], shift)
        require(factor > 0, f"shift {shift} is too small for a mean of {x.shape[-1]} channels")
        total = signed_bits(x.shape[-1] * x.bound * factor)
        require(total <= MAX_BITS, f"shift {shift} makes sums of {total} bits")
        return [Inferred(x.shape, signed_bits(x.bound + (1 << bits - 1)), x.fraction)]


@irdl_op_definition
class RmsNormOp(QuantOp, RowWise, Named):
    """Root-mean-square norm over the last axis, as an accumulator.

    S = sum x^2 + eps with eps = eps[0], in the body of `quant.layers` eps[layer]; e in [emin, emax]
    with m = S >> 2e in [2^14, 2^16); r = table[m], that is 2^root / sqrt(m); acc = x * (r *
    2^(emax-e)) * gain. Where there is no such e, execution stops. The gain holds (1 + w) * sqrt(n)
    for n normalised channels, so that frac(acc) = root + emax + frac(gain) whatever the scale of x.
    As |x| <= sqrt(S), |x * r * 2^(emax-e)| < 2^(root+1+emax). A bias [n] is shifted to the accumulator's
    fraction bits, and added to each row.

    ```mlir
    %acc = quant.rms_norm %x, %gain eps [16384] exponents [0, 17] root 23
           table <"round(2^23 / sqrt(x))", 16384 to 65536>
           : (!quant.tensor<[64, 128], bits = 28, frac = 17>, !quant.tensor<[128], bits = 16,
           frac = 9>) -> !quant.tensor<[64, 128], bits = 58, frac = 49>
    ```
    """

    name = "quant.rms_norm"
    KIND: ClassVar[str] = "norm"
    PER_LAYER: ClassVar[str | None] = "eps"
    x = operand_def(QuantTensorType)
    gain = operand_def(QuantTensorType)
    bias = opt_operand_def(QuantTensorType)
    eps = prop_def(Ints)
    exponents = prop_def(Ints)
    root = prop_def(Int)
    table = prop_def(TableAttr)
    bias_shift = opt_prop_def(Int)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = (
        "$x `,` $gain (`bias` $bias^ `shift` $bias_shift)? `eps` $eps `exponents` $exponents `root` $root"
        " `table` $table" + FUNCTIONAL
    )

    @property
    def emin(self) -> int:
        return self.exponents.get_values()[0]

    @property
    def emax(self) -> int:
        return self.exponents.get_values()[1]

    @staticmethod
    def infer(
        x: QuantTensorType,
        gain: QuantTensorType,
        bias: QuantTensorType | None = None,
        *,
        eps: tuple[int, ...],
        exponents: tuple[int, ...],
        root: int,
        table: TableAttr,
        bias_shift: int = 0,
    ) -> Sequence[Inferred]:
        require(len(x.shape) >= 1, "x has no axis to normalise over")
        require(
            gain.shape == x.shape[-1:],
            f"the gain has shape {list(gain.shape)}, x has {list(x.shape)}",
        )
        require(min(eps, default=0) > 0, f"eps must be positive, got {list(eps)}")
        require(
            len(exponents) == 2 and 0 <= exponents[0] <= exponents[1] < MAX_BITS,
            f"exponents must be [emin, emax], 0 <= emin <= emax < {MAX_BITS}, "
            f"got {list(exponents)}",
        )
        emax = exponents[1]
        domain = (1 << MANTISSA_BITS, 1 << (MANTISSA_BITS + 2))
        require(table.domain == domain, f"the table's domain must be {domain[0]} to {domain[1]}")
        require(8 <= root <= 23, f"root is {root}, not in 8 .. 23")
        largest, fraction = gain.bound << (root + 1 + emax), root + emax + gain.fraction
        if bias is not None:
            require(
                bias.shape == gain.shape,
                f"the bias is {list(bias.shape)}, the gain {list(gain.shape)}",
            )
            largest += shifted_bias(bias, bias_shift, fraction)
        bits = signed_bits(largest)
        require(bits <= MAX_BITS, f"emax {emax} makes accumulators of {bits} bits")
        return [Inferred(x.shape, bits, fraction)]

    def axes_rules(self) -> Iterator[named.Rule]:
        yield named.Same((self.x, self.result))
        # Of rows [T, n] the whole, which may be heads side by side, of heads [H, T, D] each.
        rows = len(type_of(self.x).shape) == 2
        for weight in self.operands[1:]:
            yield (named.OfRows if rows else named.LastOf)(weight, self.x)
