"""Channel equalisation: powers of two moved from channels into the weights that consume them.

Large language models have channels hundreds of times larger than the rest, which a scale per tensor
quantises badly. Where channel c of a value can be multiplied by 2^-j while column c of every weight
that reads it is multiplied by 2^j, the function stays exactly the same. This holds for

* a norm read by linear layers only: the factor goes into the norm's exponents;
* the product gate * up read by a linear layer: the factor goes into the rows of up's weight.

With a_c the largest activation of the channel and w_c the largest weight in its column, the balance
of SmoothQuant (Xiao et al. 2022, section 4.2, alpha = 1/2) is 2^j = sqrt(a_c / w_c), up to a factor
common to all channels. Channels within two bits of the median are left alone.

`rescale` writes exponents on operations; they are part of what an `nn` module computes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, i64
from xdsl.ir import Operation, SSAValue

from ...dialects import nn
from ...errors import expect

TOLERANCE = 2.0
LARGEST = 20
ROWS, COLUMNS, EXPONENTS = "rows", "columns", "exponents"


def rescale(op: Operation, name: str, exponents: np.ndarray) -> None:
    """Adds exponents, or one for all, to an operation's property; zeros are not written."""
    found = op.properties.pop(name, None)
    if isinstance(found, DenseArrayBase):
        exponents = exponents + np.array(found.get_values(), np.int64)
    if np.all(exponents == exponents[0]):
        exponents = exponents[:1]
    if np.any(exponents):
        op.properties[name] = DenseArrayBase.from_list(i64, exponents.tolist())


def equalize_channels(
    ops: Iterable[Operation],
    largest: Mapping[Operation, np.ndarray],
    weights: Mapping[str, np.ndarray],
) -> dict[Operation, np.ndarray]:
    """Rescales a raised module's channels in place.

    `largest` has max |value| of each channel of each operation's result. Returns the exponents j of
    the results that are now smaller by 2^-j.
    """
    divided: dict[Operation, np.ndarray] = {}
    for op in ops:
        consumers = linear_consumers(op)
        if not consumers:
            continue
        if isinstance(op, nn.RMSNormOp):
            exponents = _balance(largest[op], consumers, weights)
            rescale(op, EXPONENTS, -exponents)
        elif isinstance(op, nn.MulOp) and (up := _linear_factor(op)):
            exponents = _balance(largest[op], consumers, weights)
            rescale(expect(up.w.owner, nn.ParamOp), ROWS, -exponents)
            divided[up] = exponents
        else:
            continue
        divided[op] = exponents
        for param in consumers:
            rescale(param, COLUMNS, exponents)
    return divided


def private(weight: SSAValue) -> bool:
    """Whether a weight is a parameter that is read in one place."""
    return isinstance(weight.owner, nn.ParamOp) and len({*weight.uses}) == 1


def linear_consumers(op: Operation) -> list[nn.ParamOp]:
    """The weights of the linear layers that read a result; none where anything else reads it."""
    params: list[nn.ParamOp] = []
    for use in op.results[0].uses if op.results else ():
        user = use.operation
        if not isinstance(user, nn.LinearOp) or use.index != 0 or not private(user.w):
            return []
        params.append(expect(user.w.owner, nn.ParamOp))
    return params


def _linear_factor(op: nn.MulOp) -> nn.LinearOp | None:
    """The factor of a product that is a linear layer's output and used nowhere else."""
    for value in op.operands:
        linear = value.owner
        if isinstance(linear, nn.LinearOp) and len({*value.uses}) == 1 and private(linear.w):
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
