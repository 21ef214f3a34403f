"""Roles: the same place in every decoder layer.

Layers are stacked, so what stands in one place has one format in all of them. A role is a module path
with the layer's number left out, an operation's name, and its place among those of the same path.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from xdsl.ir import Operation

from ...dialects import nn

LAYER = re.compile(r"\blayers\.(\d{1,6})\b")

Role = tuple[str, str, int]


def role_path(path: str) -> str:
    """A module path with the layer number written "{layer}"."""
    return LAYER.sub("layers.{layer}", path)


def path_of(op: Operation) -> str:
    """The module path of an operation; a parameter's is its name in the checkpoint."""
    return op.param_name if isinstance(op, nn.ParamOp) else nn.module_path(op)


class Roles:
    """The roles of a function's operations, in the order of their first operations."""

    def __init__(self, ops: Iterable[Operation]):
        ordinals: dict[tuple[str, str], int] = defaultdict(int)
        self._peers: dict[Role, list[Operation]] = defaultdict(list)
        self._role: dict[Operation, Role] = {}
        for op in ops:
            path = path_of(op)
            role = role_path(path), op.name, ordinals[path, op.name]
            ordinals[path, op.name] += 1
            self._peers[role].append(op)
            self._role[op] = role

    def __iter__(self) -> Iterator[list[Operation]]:
        return iter(self._peers.values())

    def peers(self, op: Operation) -> list[Operation]:
        """The operations of an operation's role, itself among them."""
        return self._peers[self._role[op]]
