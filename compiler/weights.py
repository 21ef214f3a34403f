"""The integers of a quantised module's parameters, from the checkpoint.

round((offset + w) * factor * 2^(frac + rows + columns)), ties upwards, in float64, as `quant.param`
says.

Errors: `UserError` naming a weight whose integers leave the declared range, or whose digest is not
the one that the module was made for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from ..dialects import quant
from ..errors import UserError

# Weights rounded at a time: they stay in cache.
CHUNK = 1 << 18


class Weights(Protocol):
    """What is needed of a checkpoint."""

    def tensor(self, name: str) -> np.ndarray: ...

    def sha256(self, name: str) -> str: ...


def parameters(module: ModuleOp) -> Iterator[quant.ParamOp]:
    """The parameters of a quantised module, in order."""
    return (op for op in module.walk() if isinstance(op, quant.ParamOp))


def quantized_weights(checkpoint: Weights, module: ModuleOp) -> dict[str, np.ndarray]:
    """Integer arrays in the parameters' shapes, by the parameter's (first) name.

    Stacked parameters have the layer axis first: (L, out, in). The dtype is int16 up to 16 bits, and int32.
    """
    return {op.param_names[0]: quantized(checkpoint, op) for op in parameters(module)}


def quantized(checkpoint: Weights, op: quant.ParamOp) -> np.ndarray:
    """The integers of one parameter."""
    type = quant.type_of(op.result)
    if op.sha256 is None:
        raise UserError(f"{op.param_names[0]}: a published function does not say which weights")
    out = np.empty(type.shape, np.int16 if type.width <= 16 else np.int32)
    for layer, name in enumerate(op.param_names):
        if checkpoint.sha256(name) != op.sha256.data[layer].data:
            raise UserError(f"{name}: the checkpoint's weight is not the one that was compiled")
        target = out[layer] if op.stacked is not None else out
        _round(op, layer, name, checkpoint.tensor(name), target)
    return out


def _round(op: quant.ParamOp, layer: int, name: str, weight: np.ndarray, out: np.ndarray) -> None:
    type = quant.type_of(op.result)
    offset, factor = op.offset.value.data, op.factor.value.data * 2.0**type.fraction
    layers = len(op.param_names)
    columns = None if op.columns is None else 2.0 ** _layer(op.columns, layer, layers)
    rows = None
    if op.rows is not None:
        rows = np.broadcast_to(2.0 ** _layer(op.rows, layer, layers), len(weight))
    low = high = 0.0
    step = max(1, CHUNK // weight[0].size)
    for start in range(0, len(weight), step):
        values = weight[start : start + step].astype(np.float64)
        values += offset
        values *= factor
        if rows is not None:
            values *= rows[start : start + step].reshape(-1, *[1] * (weight.ndim - 1))
        if columns is not None:
            values *= columns
        values += 0.5
        np.floor(values, out=values)
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        if low < -type.bound or high >= type.bound:
            raise UserError(
                f"{name}: integers in [{low:.0f}, {high:.0f}] do not fit {type.width} bits at "
                f"frac {type.fraction}"
            )
        out[start : start + step] = values


def _layer(exponents: quant.Ints, layer: int, layers: int) -> np.ndarray:
    """A layer's part of exponents listed layer after layer."""
    size = len(exponents) // layers
    return np.array(exponents.get_values()[layer * size : (layer + 1) * size], np.float64)
