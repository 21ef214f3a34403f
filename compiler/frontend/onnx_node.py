"""A node of a graph of ONNX and what it reads: values, which are computed from the inputs, and constants."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from xdsl.ir import SSAValue

from .graph import Unsupported, only

if TYPE_CHECKING:
    import onnx

    from .onnx_file import OnnxImporter as Importer


@dataclass(frozen=True)
class Constant:
    """A tensor that depends on no input: ``key`` is what the graph calls it, ``name`` what the weight is called."""

    key: str
    name: str
    array: np.ndarray

    @property
    def number(self) -> float:
        """The one number that it is."""
        only(
            self.array.size == 1, f"a constant of shape {self.array.shape} in the place of a number"
        )
        return float(self.array.reshape(()))

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self.array.reshape(-1))


MOST_NUMBERS = 1 << 25
Operand = SSAValue | Constant
Handler = Callable[["Importer", "Node"], "Operand | Sequence[Operand]"]
"""What makes the result of a node, or its first results."""


@dataclass(frozen=True)
class Node:
    proto: onnx.NodeProto
    name: str

    @property
    def operation(self) -> str:
        domain = self.proto.domain
        return f"{domain}.{self.proto.op_type}" if domain else self.proto.op_type

    @cached_property
    def attributes(self) -> dict[str, Any]:
        from onnx.helper import get_attribute_value  # Who reads tables of handlers needs no ONNX.

        return {each.name: get_attribute_value(each) for each in self.proto.attribute}

    def get(self, name: str, default: Any) -> Any:
        return self.attributes.get(name, default)


def operand_of(importer: Importer, node: Node, index: int) -> Operand | None:
    names = node.proto.input
    return importer.values[names[index]] if index < len(names) and names[index] else None


def value_of(importer: Importer, node: Node, index: int = 0) -> SSAValue:
    found = operand_of(importer, node, index)
    if not isinstance(found, SSAValue):
        raise Unsupported("a constant in the place of a value")
    return found


def constant_of(importer: Importer, node: Node, index: int) -> Constant | None:
    """An operand that is a constant, or left out."""
    found = operand_of(importer, node, index)
    only(not isinstance(found, SSAValue), "a value in the place of a constant")
    return found if isinstance(found, Constant) else None


def numbers_of(importer: Importer, node: Node, index: int, name: str = "") -> tuple[int, ...]:
    """Integers that an operand says or, in older opsets, an attribute; () where neither does."""
    found = constant_of(importer, node, index)
    return tuple(node.get(name, ())) if found is None else found.numbers


def weight_of(importer: Importer, node: Node, index: int) -> Constant:
    found = constant_of(importer, node, index)
    if found is None:
        raise Unsupported("no weight")
    only(np.issubdtype(found.array.dtype, np.floating), f"a weight of {found.array.dtype} numbers")
    return found


def param(importer: Importer, constant: Constant, array: np.ndarray, use: str = "") -> SSAValue:
    """The weight that a constant is in a use of it; of one constant in one use there is one weight."""
    key = (constant.key, use)
    if key not in importer.params:
        tensor = torch.from_numpy(np.array(array, np.float32))
        importer.params[key] = importer.param(constant.name, array.shape, lambda: tensor)
    return importer.params[key]


def require_numbers(shape: Sequence[int], what: str) -> None:
    """Refuses what has more numbers, those of all examples of a graph, than can be looked at one by one."""
    count = math.prod(shape)
    only(count <= MOST_NUMBERS, f"{what} of {count:,} numbers")


def axis_of(axis: int, rank: int) -> int:
    """An axis that may be counted from the last one."""
    only(-rank <= axis < rank, f"the axis {axis} of {rank}")
    return axis % rank


def sizes(shape: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """The shape that a value gets, one size of which may be -1 for what is left."""
    after = [*wanted]
    if -1 in after:
        rest = math.prod(n for n in after if n != -1)
        after[after.index(-1)] = math.prod(shape) // max(rest, 1)
    return after
