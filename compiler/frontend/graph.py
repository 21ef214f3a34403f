"""A walk through an exported PyTorch graph that makes operations of `nn` of it.

The graph is walked from its outputs against the data flow, so that the result depends on the model alone and not on
the order in which the tracer listed the nodes. What becomes of each ATen operation is a handler's matter.

Errors: `UserError`, one line with the module path and the ATen operation, for what no handler takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Node
from xdsl.ir import Block, Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

from ...dialects import nn
from ...errors import UserError

Handler = Callable[[Any, Node], SSAValue]
"""What makes the value of a node, given the importer."""


class Unsupported(Exception):
    """An ATen operation, or a use of one, that the dialect does not have."""


def only(condition: bool, why: str) -> None:
    """Raises `Unsupported` unless the condition holds."""
    if not condition:
        raise Unsupported(why)


class Importer:
    """Imports an exported graph into a block; ``handlers`` by the names of ATen operations."""

    def __init__(self, program: ExportedProgram, block: Block, handlers: Mapping[str, Handler]):
        self.signature = program.graph_signature
        self.output = next(node for node in program.graph.nodes if node.op == "output")
        self.block = block
        self.handlers = handlers
        self.values: dict[Node, SSAValue] = {}
        self.path = ""

    def run(self) -> list[SSAValue]:
        """Imports what the outputs depend on, operands before users; returns the outputs."""
        pending: list[Node] = [self.output]
        while pending:
            node = pending[-1]
            missing = [n for n in node.all_input_nodes if n not in self.values]
            if missing:
                pending.extend(reversed(missing))
                continue
            pending.pop()
            if node not in self.values and node is not self.output:
                self.values[node] = self.import_node(node)
        return [self.values[node] for node in self.output.args[0]]  # type: ignore

    def import_node(self, node: Node) -> SSAValue:
        self.path = self.path_of(node)
        try:
            if node.op == "placeholder":
                return self.placeholder(node)
            handler = self.handlers.get(str(node.target))
            if handler is None:
                raise Unsupported
            value = handler(self, node)
            found, made = nn.shape_of(value), node.meta["val"]
            expected = tuple(made.shape) if isinstance(made, torch.Tensor) else found
            if found != expected and 0 not in expected:
                raise Unsupported(f"its shape is {expected}, imported {found}")
            return value
        except (Unsupported, VerifyException) as error:
            return self.refused(node, error)

    def placeholder(self, node: Node) -> SSAValue:
        """What enters the graph: an input, a weight or a buffer."""
        raise NotImplementedError

    def refused(self, node: Node, error: Exception) -> SSAValue:
        """What becomes of a node that can not be imported."""
        where = self.path_of(node) or "the model"
        why = f" ({error})" if str(error) else ""
        raise UserError(f"{where}: operation {node.target} is not supported{why}") from error

    def path_of(self, node: Node) -> str:
        """The innermost module the node was traced in."""
        stack = list(node.meta.get("nn_module_stack", {}).values())
        return stack[-1][0] if stack else ""

    def add(self, op: Operation) -> SSAValue:
        self.block.add_op(nn.with_path(op, self.path))
        return op.results[0]

    def operand(self, argument: Any) -> SSAValue:
        """A tensor operand; a Python number becomes a constant."""
        if isinstance(argument, Node):
            return self.values[argument]
        if isinstance(argument, int | float):
            return self.add(nn.ConstantOp(float(argument)))
        raise Unsupported(f"operand {argument!r}")
