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


class Weights(Protocol):
    """What is needed of a checkpoint."""

    def tensor(self, name: str) -> np.ndarray: ...

    def sha256(self, name: str) -> str: ...


def parameters(module: ModuleOp) -> Iterator[quant.ParamOp]:
    """The parameters of a quantised module, in order."""
    return (op for op in module.walk() if isinstance(op, quant.ParamOp))


def quantized_weights(checkpoint: Weights, module: ModuleOp) -> dict[str, np.ndarray]:
    """Integer arrays in the parameters' shapes, by the parameter's (first) name.

    Stacked parameters have the layer axis first: (L, out, in). The dtype is int16 up to 16 bits.
    """
    return {op.param_names[0]: quantized(checkpoint, op) for op in parameters(module)}


def quantized(checkpoint: Weights, op: quant.ParamOp) -> np.ndarray:
    """The integers of one parameter."""
    tensors = []
    for layer, name in enumerate(op.param_names):
        if checkpoint.sha256(name) != op.sha256.data[layer].data:
            raise UserError(f"{name}: the checkpoint's weight is not the one that was compiled")
        tensors.append(_round(op, layer, name, checkpoint.tensor(name)))
    return np.stack(tensors) if op.stacked is not None else tensors[0]


def _round(op: quant.ParamOp, layer: int, name: str, weight: np.ndarray) -> np.ndarray:
    type = quant.type_of(op.result)
    scale = np.full(weight.shape, op.factor.value.data * 2.0**type.fraction)
    if op.rows is not None:
        rows = 2.0 ** _layer(op.rows, layer, weight.shape[0])
        scale *= rows.reshape(-1, *[1] * (weight.ndim - 1))
    if op.columns is not None:
        scale *= 2.0 ** _layer(op.columns, layer, weight.shape[1])
    values = np.floor((op.offset.value.data + weight.astype(np.float64)) * scale + 0.5)
    low, high = values.min(), values.max()
    if low < -type.bound or high >= type.bound:
        raise UserError(
            f"{name}: integers in [{low:.0f}, {high:.0f}] do not fit {type.width} bits at "
            f"frac {type.fraction}"
        )
    return values.astype(np.int16 if type.width <= 16 else np.int64)


def _layer(exponents: quant.Ints, layer: int, size: int) -> np.ndarray:
    """A layer's part of exponents listed layer after layer."""
    return np.array(exponents.get_values()[layer * size : (layer + 1) * size], np.float64)
