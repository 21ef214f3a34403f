"""Another number of examples than that of the graph which a function comes from.

In a function of tensors each example is computed by itself, and the first axis of each value is theirs.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp, TensorType, f32
from xdsl.dialects.func import FuncOp
from xdsl.rewriter import Rewriter

from ...dialects import nn


def for_examples(function: ModuleOp, count: int) -> None:
    """Makes a function of raised operations one of up to ``count`` examples."""
    for op in [*function.walk()]:
        if isinstance(op, nn.ParamOp):
            continue
        for value in [*op.results]:
            type = TensorType(f32, (count, *nn.shape_of(value)[1:]))
            Rewriter.replace_value_with_new_type(value, type)
    for op in function.walk():
        if isinstance(op, FuncOp):
            op.update_function_type()
