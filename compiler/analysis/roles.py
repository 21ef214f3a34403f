"""Roles: the same place in every layer.

Layers are stacked, so what stands in one place has one format in all of them. A role is the operations of one
place of the layers that `find_layers` finds, of the same names and on the same types; an operation of no layer
is a role by itself. Module paths are what roles are called, and decide nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence

from xdsl.ir import Operation

from ...dialects import nn
from ...dialects.interfaces import Parameter, TensorSource
from .layers import find_layers


def role_path(paths: Sequence[str]) -> str:
    """One module path for those of all layers in turn: with "{layer}" for the layer's number."""
    parts = [path.split(".") for path in paths]
    if len({*map(len, parts)}) > 1:
        return paths[0]
    numbers = tuple(map(str, range(len(paths))))
    places = zip(*parts, strict=True)
    return ".".join(
        "{layer}" if len(paths) > 1 and place == numbers else place[0] for place in places
    )


def path_of(op: Operation) -> str:
    """The module path of an operation; a parameter's is its name in the checkpoint, an input's its own."""
    if isinstance(op, Parameter):
        return role_path(op.param_names)
    return op.input_name if isinstance(op, TensorSource) else nn.module_path(op)


class Roles:
    """The roles of a function's operations, in the order of their first operations."""

    def __init__(self, ops: Iterable[Operation]):
        self._peers: dict[Operation, list[Operation]] = {op: [op] for op in ops}
        self._layer: dict[Operation, int] = {}
        self._path: dict[Operation, str] = {}
        layers = find_layers(self._peers, _form)
        for place in zip(*([*layer.ops, *layer.makers] for layer in layers), strict=True):
            peers, path = list(place), role_path([path_of(op) for op in place])
            for number, op in enumerate(peers):
                self._peers[op], self._layer[op], self._path[op] = peers, number, path

    def __iter__(self) -> Iterator[list[Operation]]:
        return (peers for op, peers in self._peers.items() if peers[0] is op)

    def peers(self, op: Operation) -> list[Operation]:
        """The operations of an operation's role, itself among them."""
        return self._peers[op]

    def layer(self, op: Operation) -> int | None:
        """The number of an operation's layer."""
        return self._layer.get(op)

    def path(self, op: Operation) -> str:
        """The module path of an operation's role."""
        return self._path.get(op) or path_of(op)


def _form(op: Operation) -> Hashable:
    return op.name, *(value.type for value in (*op.operands, *op.results))
