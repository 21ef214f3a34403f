"""Channel equalisation: powers of two moved from channels into the weights that consume them.

Large language models have channels hundreds of times larger than the rest, which a scale per tensor
quantises badly. Where channel c of a value can be multiplied by 2^-j while column c of every weight
that reads it is multiplied by 2^j, the function stays exactly the same. This holds for

* a norm read by linear layers only: the factor goes into the gain 1 + w;
* the product gate * up read by a linear layer: the factor goes into the rows of up's weight.

With a_c the largest activation of the channel and w_c the largest weight in its column, the balance
of SmoothQuant (Xiao et al. 2022, section 4.2, alpha = 1/2) is 2^j = sqrt(a_c / w_c), up to a factor
common to all channels. Channels within two bits of the median are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from xdsl.ir import Operation, SSAValue

from ...dialects import nn

TOLERANCE = 2.0
LARGEST = 20


@dataclass
class Equalization:
    """Exponents: `channels` divide an operation's result, `rows` and `columns` multiply weights."""

    channels: dict[Operation, np.ndarray] = field(default_factory=dict)
    rows: dict[nn.ParamOp, np.ndarray] = field(default_factory=dict)
    columns: dict[nn.ParamOp, np.ndarray] = field(default_factory=dict)

    def scale(self, op: nn.ParamOp) -> np.ndarray | float:
        """The powers of two that multiply a weight, in a shape that broadcasts against it."""
        rows, columns = self.rows.get(op), self.columns.get(op)
        scale = np.float64(1)
        if rows is not None:
            scale = scale * (2.0**rows if columns is None else 2.0 ** rows[:, None])
        return scale if columns is None else scale * 2.0**columns


def equalize(
    ops: Iterable[Operation],
    largest: Mapping[Operation, np.ndarray],
    weights: Mapping[str, np.ndarray],
) -> Equalization:
    """Exponents for a raised module; `largest` has max |value| of each channel of each value."""
    result = Equalization()
    for op in ops:
        consumers = _linear_consumers(op)
        if not consumers:
            continue
        if isinstance(op, nn.RMSNormOp) and _private(op.w):
            exponents = _balance(largest[op], consumers, weights)
            target = op.w.owner
        elif isinstance(op, nn.MulOp) and (up := _linear_factor(op)):
            exponents = _balance(largest[op], consumers, weights)
            target = up.w.owner
            result.channels[up] = exponents
        else:
            continue
        assert isinstance(target, nn.ParamOp)
        result.channels[op] = exponents
        result.rows[target] = -exponents
        for param in consumers:
            result.columns[param] = exponents
    return result


def _private(weight: SSAValue) -> bool:
    return isinstance(weight.owner, nn.ParamOp) and len({*weight.uses}) == 1


def _linear_consumers(op: Operation) -> list[nn.ParamOp]:
    """The weights of the linear layers that read a result; none where anything else reads it."""
    params: list[nn.ParamOp] = []
    for use in op.results[0].uses if op.results else ():
        user = use.operation
        if not isinstance(user, nn.LinearOp) or use.index != 0 or not _private(user.w):
            return []
        assert isinstance(user.w.owner, nn.ParamOp)
        params.append(user.w.owner)
    return params


def _linear_factor(op: nn.MulOp) -> nn.LinearOp | None:
    """The factor of a product that is a linear layer's output and used nowhere else."""
    for value in op.operands:
        linear = value.owner
        if isinstance(linear, nn.LinearOp) and len({*value.uses}) == 1 and _private(linear.w):
            return linear
    return None


def _balance(
    largest: np.ndarray, consumers: list[nn.ParamOp], weights: Mapping[str, np.ndarray]
) -> np.ndarray:
    columns = np.zeros(len(largest))
    for param in consumers:
        magnitude = np.abs(weights[param.param_name]).max(axis=0).astype(np.float64)
        columns = np.maximum(columns, magnitude / (magnitude.max() or 1.0))
    usable = (largest > 0) & (columns > 0)
    if not usable.any():
        return np.zeros(len(largest), np.int64)
    balance = np.zeros(len(largest))
    balance[usable] = np.log2(largest[usable] / columns[usable]) / 2
    balance[usable] -= np.median(balance[usable])
    balance[np.abs(balance) < TOLERANCE] = 0
    return np.clip(np.rint(balance), -LARGEST, LARGEST).astype(np.int64)
