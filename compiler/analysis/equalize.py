"""Channel equalisation: powers of two moved from channels into the weights that consume them.

Large language models have channels hundreds of times larger than the rest, which a scale per tensor
quantises badly. Where channel c of a value can be multiplied by 2^-j while column c of every weight
that reads it is multiplied by 2^j, the function stays exactly the same. This holds for a value that only
linear layers read (`interfaces.Scaling.RETURNED`) and whose operation has a place for the factor
(`interfaces.TakesFactor`): a norm, in its exponents; the product gate * up, in the rows of up's weight.

With a_c the largest activation of the channel and w_c the largest weight in its column, the balance
of SmoothQuant (Xiao et al. 2022, section 4.2, alpha = 1/2) is 2^j = sqrt(a_c / w_c), up to a factor
common to all channels. Channels within two bits of the median are left alone.

`rescale` writes exponents on operations; they are part of what an `nn` module computes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, i64
from xdsl.ir import Operation

from ...dialects import nn
from ...dialects.interfaces import Rescales, Scaling, TakesFactor
from ...errors import expect

TOLERANCE = 2.0
LARGEST = 20
COLUMNS = "columns"


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
        home = op.factor_home() if isinstance(op, TakesFactor) else None
        if home is None:
            continue
        exponents = _balance(largest[op], consumers, weights)
        rescale(home.op, home.property, -exponents)
        divided |= {expect(value.owner, Operation): exponents for value in home.values}
        for param in consumers:
            rescale(param, COLUMNS, exponents)
    return divided


def linear_consumers(op: Operation) -> list[nn.ParamOp]:
    """The weights of the operations that read a result, if all of them can take back a factor on it."""
    params: list[nn.ParamOp] = []
    for use in op.results[0].uses if op.results else ():
        user = use.operation
        if not isinstance(user, Rescales) or user.scaling(use.index) is not Scaling.RETURNED:
            return []
        params.append(expect(user.operands[1].owner, nn.ParamOp))
    return params


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
