"""A module of PyTorch as a function in the raised stratum of `nn`.

It is traced for inputs of the shapes of the examples that are given, and imported operation by operation
(`tensor_ops`) by a `builder`. What depends on weights and shapes alone is a weight, computed by PyTorch. All this
is done to a copy that shares the module's weights, which are called as in its `state_dict`.

Errors: `UserError`, one line, for inputs that are no tensors of examples, and for modules that can not be traced;
one that names all operations that are not supported, before any weight is computed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Node
from torch.fx.node import map_arg
from xdsl.dialects.builtin import ModuleOp, TensorType, UnrealizedConversionCastOp
from xdsl.dialects.builtin import f32 as f32_type
from xdsl.ir import SSAValue

from ...dialects import nn
from ...errors import UserError, expect
from .builder import FunctionBuilder, Tensor
from .export import export_function
from .graph import Importer, only
from .tensor_ops import HANDLERS, NEAREST

RANKS, SHAPES = (2, 3, 4), "an input is rows (N, n), positions (N, T, C) or images (N, C, H, W)"
IDS = "inputs of integers are ids (N, T), in 32 or 64 bits"
INTEGERS = (torch.int32, torch.int64)
Traceable = torch.nn.Module | ExportedProgram


def import_function(
    module: Traceable, example_inputs: torch.Tensor | Sequence[torch.Tensor], batch: int
) -> tuple[ModuleOp, Tensor]:
    """The module's function of up to ``batch`` examples, and its weights in fp32 by name.

    ``example_inputs`` are what its `forward` takes: rows (N, n), positions (N, T, C), images (N, C, H, W) or ids
    (N, T) with any number of examples, of which only shapes and types matter. The module stays as it is.
    """
    importer = function_importer(module, example_inputs, batch)
    made = importer.function()
    weights = importer.made()
    made.verify()
    return made, weights.__getitem__


def function_importer(
    module: Traceable, example_inputs: torch.Tensor | Sequence[torch.Tensor], batch: int
) -> FunctionImporter:
    """The importer of a module that is traced, and of which nothing is imported yet."""
    one = isinstance(example_inputs, torch.Tensor)
    return FunctionImporter(module, [example_inputs] if one else list(example_inputs), batch)


def _of_size(example: object, batch: int, number: int) -> torch.Tensor:
    """An input of so many examples, of which nobody reads the numbers."""
    where = f"input {number}"
    if not isinstance(example, torch.Tensor):
        raise UserError(f"{where} is no tensor but {type(example).__name__}")
    if not example.is_floating_point():
        if example.dtype not in INTEGERS or example.dim() != 2:
            shape = tuple(example.shape)
            raise UserError(f"{where} has {example.dtype} numbers and shape {shape}: {IDS}")
        return torch.zeros((batch, *example.shape[1:]), dtype=example.dtype, device=example.device)
    if example.dim() not in RANKS:
        raise UserError(f"{where} has shape {tuple(example.shape)}: {SHAPES}")
    return torch.empty((batch, *example.shape[1:]), device=example.device)


def _traced(module: Traceable, inputs: tuple[torch.Tensor, ...]) -> ExportedProgram:
    """The graph of a copy, whose weights are the module's where those are fp32 already."""
    try:
        return export_function(evaluated(module), inputs)
    except Exception as error:  # PyTorch raises what it likes.
        reason = next((line for line in str(error).splitlines() if line.strip()), "")
        name = type(module).__name__
        raise UserError(f"{name} can not be traced: {type(error).__name__}: {reason}") from error


def evaluated(module: Traceable) -> torch.nn.Module:
    """A copy in fp32 that does what the module does in evaluation, and shares its weights that are fp32 already; of
    a program what it does."""
    if isinstance(module, ExportedProgram):
        return module.module()
    tensors = chain(module.parameters(), module.buffers())
    shared = {id(each): each for each in tensors if each.dtype == torch.float32}
    return copy.deepcopy(module, shared).eval().float()  # type: ignore[arg-type]


def _is_random(node: Node) -> bool:
    return torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())


class FunctionImporter(Importer, FunctionBuilder):
    def __init__(self, module: Traceable, examples: Sequence[object], batch: int):
        FunctionBuilder.__init__(self, batch)
        inputs = tuple(_of_size(each, batch, number) for number, each in enumerate(examples))
        self.program = _traced(module, inputs)
        Importer.__init__(self, self.program, self.block, HANDLERS)
        self.params: dict[str, SSAValue] = {}
        self.constants: dict[Node, Callable[[], Any]] = {}
        """What depends on no input: weights, and what PyTorch makes of them."""

    def function(self) -> ModuleOp:
        """Imports the inputs, in order, and the graph."""
        for node in self.program.graph.nodes:
            if node.op == "placeholder" and node.name in self.signature.user_inputs:
                name = (
                    node.name if nn.INPUT_NAME.fullmatch(node.name) else f"input{len(self.values)}"
                )
                value = node.meta["val"]
                made = self.input if value.is_floating_point() else self.ids
                self.values[node] = made(name, value.shape)
        nodes = expect(self.output.args[0], tuple, list)
        if not nodes or not all(isinstance(node, Node) for node in nodes):
            raise UserError("the module returns other things than tensors")
        return self.finish(self.run())

    # What handlers ask for

    def tensor(self, node: Node) -> torch.Tensor:
        """What a node is that depends on no input."""
        return expect(self.constant(node)(), torch.Tensor)

    def constant(self, argument: Any) -> Callable[[], Any]:
        """What makes an argument that depends on no input."""
        if not isinstance(argument, Node):
            return lambda: argument
        only(argument in self.constants, "a value in the place of a constant")
        return self.constants[argument]

    def import_node(self, node: Node) -> SSAValue:
        known = all(n in self.constants for n in node.all_input_nodes)
        if node.op != "call_function" or not known or _is_random(node):
            return super().import_node(node)

        def made() -> Any:
            args, kwargs = (
                map_arg(each, lambda n: self.constants[n]()) for each in (node.args, node.kwargs)
            )
            with torch.no_grad():
                return node.target(*args, **kwargs)  # type: ignore[operator]

        self.constants[node], value = made, node.meta["val"]
        shape = tuple(value.shape) if isinstance(value, torch.Tensor) else ()
        return self.param(node.name, shape, made)

    def named(self, node: Node) -> tuple[str, torch.Tensor]:
        found = self.signature
        for names in (found.inputs_to_parameters, found.inputs_to_buffers):
            if name := names.get(node.name):
                state, constants = self.program.state_dict, self.program.constants
                return name, state[name] if name in state else expect(constants[name], torch.Tensor)
        name = found.inputs_to_lifted_tensor_constants.get(node.name, "")
        only(name != "", "what is neither tensor nor weight")
        return name, expect(self.program.constants[name], torch.Tensor)

    def placeholder(self, node: Node) -> SSAValue:
        name, tensor = self.named(node)
        if name not in self.params:
            self.path = name.rpartition(".")[0]
            self.params[name] = self.param(name, tensor.shape, lambda: tensor)
        self.constants[node] = lambda: tensor
        return self.params[name]

    def refused(self, node: Node, error: Exception) -> SSAValue:
        """A value in its place, so that the import can go on to the next."""
        source = node.args[0] if node.args else None
        stands = isinstance(source, Node) and isinstance(
            self.values[source].owner, UnrealizedConversionCastOp
        )
        if not (stands and "getitem" in str(node.target)):  # Part of what is refused already.
            name = str(node.target)
            nearest = NEAREST.get(name.removeprefix("aten.").partition(".")[0], "")
            self.refuse(name, str(error), self.path_of(node), nearest)
        made = node.meta.get("val")
        shape = made.shape if isinstance(made, torch.Tensor) else ()
        return UnrealizedConversionCastOp.get([], [TensorType(f32_type, shape)]).results[0]
