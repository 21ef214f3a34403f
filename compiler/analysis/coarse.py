"""The formats of an integer function, and which of them are coarser than compiling writes.

A function may be the quantisation of a model (`requantise`) and yet have nothing of its predictions left. How much
is left only whoever has the weights can measure; that a format is absurd is seen without them. No compile with
default options goes below these floors, as its passes are written for types and reciprocals, with much room for
what depends on a model's numbers:

* Types have `LEAST_BITS`: one limb, to which `Scale.bits` rounds up. (Only the deltas of a residual stream
  whose norm is 2^14 times as large as any of them could be given less.) In a function of tensors a bias and what
  is summed have as few as their numbers take in the fraction bits of what they are added to.
* A result's type may be wide and its rounding shift so large that only a few of its bits are ever used, at most
  those of the accumulator less the shift. Under `LEAST_USED` of them are a loss that no budget of `choose-bits`
  has room for; the shipped model's results reach 16 at least, the real 270M's 20. A table's result uses what
  its largest entry does.
* What exp and an activation read counts by itself, not in proportion: `LEAST_FRACTION`, with which scores and
  arguments reach to 2^13 and beyond, farther than any model's. So do matrices of weights, which have as much,
  and a gain has no less than the `LEAST_GAIN` with which one of size 1, times the root of a norm's size, is a
  number.
* Reciprocals have `RECIPROCAL_BITS` for a row of equal scores (`Limits.reciprocal`); and the norms' reciprocal
  roots, to which `Limits.most` leaves 17 fraction bits beside the widest gain and exponent, have
  `LEAST_ROOT`, with which they are at least 2^4.

Errors: none for a module that verifies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from ...dialects import quant
from ...dialects.interfaces import KeepsScale, Sum
from ...dialects.table_expr import evaluate
from ..modules import takes_tensors
from .limits import RECIPROCAL_BITS
from .requantise import roles, rounded, rounding
from .scale import LIMB

LEAST_BITS = LIMB
LEAST_USED = LIMB // 2
LEAST_FRACTION = 2
LEAST_GAIN = 0
LEAST_ROOT = 12


@dataclass(frozen=True)
class Format:
    """The bits of a weight or of a value that is rounded, how many of them are fraction, and how many its
    numbers can use; and what is coarse about it, in words."""

    module: str
    kind: str
    bits: int
    fraction: int
    used: int
    coarse: tuple[str, ...]


def formats(function: ModuleOp) -> list[Format]:
    """Those of every role of a published function, in its order."""
    found: list[Format] = []
    tensors = takes_tensors(function)
    for (path, kind, _), ops in roles(function).items():
        if isinstance(ops[0], KeepsScale | quant.ArgmaxOp) or _is_ids(ops[0]):
            continue
        place = path.replace("{layer}", "*")
        type, used = rounded(ops[0]), _used(ops[0])
        narrow = tensors and _added(ops[0])
        coarse = tuple(_coarse(ops[0], kind, type.width, used, narrow))
        found.append(Format(place, kind, type.width, type.fraction, used, coarse))
    return found


def _is_ids(op: Operation) -> bool:
    """Whether an operation's integers stand for themselves, which is no format."""
    return isinstance(op, quant.InputOp) and op.below is not None


def _added(op: Operation) -> bool:
    """Whether an operation makes what is added to something else: an operand of a sum, through views, or a bias."""
    value = op.results[0] if (found := rounding(op)) is None else found.result
    for use in value.uses:
        reader = use.operation
        bias = isinstance(reader, quant.MatmulOp | quant.Conv2dOp) and use.index == 2
        if bias or isinstance(reader, Sum) or (isinstance(reader, KeepsScale) and _added(reader)):
            return True
    return False


def _used(op: Operation) -> int:
    """The bits that a result can have, as its accumulator bounds it."""
    width = rounded(op).width
    if isinstance(op, quant.TableOp):
        entries = evaluate(op.table.expression.data, *op.table.domain)
        return min(width, quant.signed_bits(max(-int(entries.min()), int(entries.max()))))
    if isinstance(op, quant.EmbedOp):
        return min(width, quant.type_of(op.table).width + op.shift.value.data)
    if (found := rounding(op)) is None:
        return width
    return max(0, min(width, quant.type_of(found.acc).width - found.shift.value.data))


def _coarse(op: Operation, kind: str, bits: int, used: int, narrow: bool) -> Iterator[str]:
    if bits < LEAST_BITS and not narrow:
        yield f"this {kind} has {_bits(bits)}, fewer than {LEAST_BITS}"
    elif used < LEAST_USED and not narrow:
        yield f"this {kind} can use only {used} of its {bits} bits"
    if isinstance(op, quant.SoftmaxOp):
        fraction, reciprocal = quant.type_of(op.scores).fraction, quant.type_of(op.inv)
        if fraction < LEAST_FRACTION:
            yield f"exp is taken of numbers with {_bits(fraction)} of fraction, fewer than {LEAST_FRACTION}"
        least = (reciprocal.shape[-1] - 1).bit_length() + RECIPROCAL_BITS
        if reciprocal.fraction < least:
            fraction = _bits(reciprocal.fraction)
            yield f"reciprocals have {fraction} of fraction, fewer than {least}"
    elif isinstance(op, quant.ProbabilitiesOp):
        type, k = quant.type_of(op.x), op.k.value.data
        if type.fraction < LEAST_FRACTION:
            yield f"exp is taken of numbers with {_bits(type.fraction)} of fraction, fewer than {LEAST_FRACTION}"
        least = (type.shape[-1] - 1).bit_length() + RECIPROCAL_BITS
        if k - quant.FINE_EXP_FRAC < least:
            fraction = _bits(k - quant.FINE_EXP_FRAC)
            yield f"reciprocals have {fraction} of fraction, fewer than {least}"
    elif isinstance(op, quant.ParamOp):
        type = quant.type_of(op.result)
        gain = len(type.shape) - bool(op.stacked) == 1
        least = LEAST_GAIN if gain else LEAST_FRACTION
        if type.fraction < least:
            yield f"its unit is 2^{-type.fraction}, larger than 2^{-least}"
    elif isinstance(op, quant.TableOp):
        fraction = quant.type_of(op.x).fraction
        if fraction < LEAST_FRACTION:
            seen = _bits(fraction)
            yield f"an activation is taken of numbers with {seen} of fraction, fewer than {LEAST_FRACTION}"
    elif isinstance(op, quant.RmsNormOp) and (root := op.root.value.data) < LEAST_ROOT:
        yield f"its reciprocal root has {_bits(root)} of fraction, fewer than {LEAST_ROOT}"


def _bits(count: int) -> str:
    return f"{count} bit{'s' * (count != 1)}"
