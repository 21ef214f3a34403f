"""Any network of tensors as a function in the raised stratum of `nn`.

A module of PyTorch is traced for inputs of the shapes of the examples that are given, and imported operation
by operation (`tensor_ops`); batch norms become part of the layers beside them (`fold_norms`). All this is done to
a copy that shares the module's weights, which are called as in its `state_dict`.

Errors: `UserError`, one line, for inputs that are no tensors of examples, and for modules that can not be traced;
one that names all operations that are not supported, before any weight is computed.
"""

from __future__ import annotations

import copy
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from torch.export import ExportedProgram
from torch.fx import Node
from xdsl.dialects.builtin import ModuleOp, StringAttr, TensorType, UnrealizedConversionCastOp
from xdsl.dialects.builtin import f32 as f32_type
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue
from xdsl.rewriter import Rewriter

from ...dialects import nn
from ...errors import UserError, expect
from .export import export_function
from .fold_norms import Weights, fold
from .graph import Importer, only
from .tensor_ops import HANDLERS, NEAREST

FUNCTION = "main"
Tensor = Callable[[str], np.ndarray]
Traceable = torch.nn.Module | ExportedProgram
SHOWN = 3
"""How many module paths are named of one that stands in many."""


def import_function(
    module: Traceable, example_inputs: torch.Tensor | Sequence[torch.Tensor], batch: int
) -> tuple[ModuleOp, Tensor]:
    """The module's function of up to ``batch`` examples, and its weights in fp32 by name.

    ``example_inputs`` are what its `forward` takes: rows (N, n) or images (N, C, H, W) with any number of examples,
    of which only the shapes matter. The module stays as it is.
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
    if batch < 1:
        raise UserError(f"a function has at least 1 example, got {batch}")
    one = isinstance(example_inputs, torch.Tensor)
    examples = [example_inputs] if one else list(example_inputs)
    inputs = tuple(_of_size(each, batch, number) for number, each in enumerate(examples))
    return FunctionImporter(_traced(module, inputs), Block(), batch)


def _of_size(example: object, batch: int, number: int) -> torch.Tensor:
    """An input of so many examples, of which nobody reads the numbers."""
    where = f"input {number}"
    if not isinstance(example, torch.Tensor):
        raise UserError(f"{where} is no tensor but {type(example).__name__}")
    if not example.is_floating_point():
        raise UserError(f"{where} has {example.dtype} numbers; only real numbers can be inputs")
    if example.dim() not in (2, 4):
        raise UserError(
            f"{where} has shape {tuple(example.shape)}: an input is rows (N, n) or images (N, C, H, W)"
        )
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


@dataclass(frozen=True)
class Refusal:
    """An operation, or a use of one, and what to write in its place."""

    operation: str
    why: str

    @property
    def remedy(self) -> str:
        found = NEAREST.get(self.operation.removeprefix("aten.").partition(".")[0], "")
        return f"; nearest is {found}" if found else ""


class FunctionImporter(Importer):
    def __init__(self, program: ExportedProgram, block: Block, batch: int):
        super().__init__(program, block, HANDLERS)
        self.program = program
        self.batch = batch
        self.weights = Weights()
        self.params: dict[str, SSAValue] = {}
        self.sums: list[nn.AddOp] = []
        """Of what batch norms become: the last operations."""
        self.refusals: dict[Refusal, list[str]] = {}

    def function(self) -> ModuleOp:
        """The inputs, in order, and the graph, imported and without norms."""
        for node in self.program.graph.nodes:
            if node.op == "placeholder" and node.name in self.signature.user_inputs:
                self.values[node] = self.input(node)
        outputs = self.outputs()
        self.block.add_op(ReturnOp(*outputs))
        for each in () if self.refusals else self.sums:
            if not fold(self.block, each, self.weights):
                why = "neither a linear layer nor a convolution beside it can take it"
                self.refuse("batch_norm", why, nn.module_path(each))
        if self.refusals:
            raise self.error()
        for op in [op for op in self.block.ops if op.results and not {*op.results[0].uses}]:
            if isinstance(op, nn.InputOp):
                raise UserError(f"nothing reads the input {op.input_name}")
            Rewriter.erase_op(op)  # A weight of a norm.
        types = [each.type for each in outputs]
        return ModuleOp([FuncOp(FUNCTION, ((), types), Region(self.block))])

    def outputs(self) -> list[SSAValue]:
        nodes = expect(self.output.args[0], tuple, list)
        if not nodes or not all(isinstance(node, Node) for node in nodes):
            raise UserError("the module returns other things than tensors")
        found = self.run()
        for value in () if self.refusals else found:
            shape = nn.shape_of(value)
            if shape[:1] != (self.batch,) or isinstance(value.owner, nn.ParamOp):
                raise UserError(f"the module returns {shape}: no row or image of each example")
        return found

    def made(self) -> dict[str, np.ndarray]:
        """The weights in fp32, with their digests on the operations that have them."""
        found: dict[str, np.ndarray] = {}
        for op in self.block.ops:
            if isinstance(op, nn.ParamOp):
                made = self.weights.recipes[op.param_name]().detach().to("cpu", torch.float32)
                array = np.array(made.numpy(), "<f4", order="C")
                found[op.param_name] = array
                op.properties["sha256"] = StringAttr(hashlib.sha256(array.tobytes()).hexdigest())
        return found

    # What handlers ask for

    def input(self, node: Node) -> SSAValue:
        name = node.name if nn.INPUT_NAME.fullmatch(node.name) else f"input{len(self.values)}"
        type = TensorType(f32_type, node.meta["val"].shape)
        return self.add(nn.InputOp(type, name=StringAttr(name)))

    def tensor(self, node: Node) -> torch.Tensor:
        """The weight, buffer or constant that a placeholder is."""
        return self.named(node)[1]

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
            param = self.weights.param(name, tuple(tensor.shape), lambda: tensor)
            self.params[name] = self.add(param)
        return self.params[name]

    def scaled(self, x: SSAValue, factor: torch.Tensor, summand: torch.Tensor) -> SSAValue:
        """x * factor + summand by channels, until `fold` takes them away."""
        shape = (*factor.shape, *(1,) * (len(nn.shape_of(x)) - 2))
        names = (f"{self.path}.{name}".lstrip(".") for name in ("factor", "summand"))
        s, t = (
            self.add(self.weights.param(name, shape, lambda value=value: value))
            for name, value in zip(names, (factor, summand), strict=True)
        )
        y = nn.AddOp(self.add(nn.MulOp(x, s)), t)
        self.sums.append(y)
        return self.add(y)

    # What can not be imported

    def refused(self, node: Node, error: Exception) -> SSAValue:
        """A value in its place, so that the import can go on to the next."""
        source = node.args[0] if node.args else None
        stands = isinstance(source, Node) and isinstance(
            self.values[source].owner, UnrealizedConversionCastOp
        )
        if not (stands and "getitem" in str(node.target)):  # Part of what is refused already.
            self.refuse(str(node.target), str(error), self.path_of(node))
        made = node.meta.get("val")
        shape = made.shape if isinstance(made, torch.Tensor) else ()
        return UnrealizedConversionCastOp.get([], [TensorType(f32_type, shape)]).results[0]

    def refuse(self, operation: str, why: str, path: str) -> None:
        self.refusals.setdefault(Refusal(operation, why), []).append(path or "the module itself")

    def error(self) -> UserError:
        parts = []
        for refusal, paths in self.refusals.items():
            places = Counter(paths)
            named = [f"{p} ({n} times)" if n > 1 else p for p, n in [*places.items()][:SHOWN]]
            if len(places) > SHOWN:
                named.append(f"{len(places) - SHOWN} more modules")
            why = f" ({refusal.why})" if refusal.why else ""
            parts.append(f"{refusal.operation}{why} in {', '.join(named)}{refusal.remedy}")
        count = sum(map(len, self.refusals.values()))
        what = "1 operation is" if count == 1 else f"{count} operations are"
        return UserError(f"{what} not supported: {' | '.join(parts)}")
