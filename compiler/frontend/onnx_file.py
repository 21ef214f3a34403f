"""Models of ONNX, opset 17 to 20, as functions in the raised stratum of `nn`.

A file is read with its external data and checked; functions of its own are inlined. Nodes that outputs depend on
are imported one by one (`onnx_ops`) by a `builder`. What depends on constants alone, and shapes, is computed as
ONNX's reference does, so that weights may be transposed or reshaped by nodes. Where ONNX's shape inference knows
the shape of a value, the imported one must have it.

The first axis of an input may be dynamic or a fixed number of examples, the others come from the examples.

Errors: `UserError`, one line, for files that are no models of these opsets; one that names all operations that are
not supported, before any weight is computed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from onnx.inliner import inline_local_functions
from onnx.reference import ReferenceEvaluator
from onnx.shape_inference import InferenceError, infer_shapes
from xdsl.dialects.builtin import ModuleOp, TensorType, UnrealizedConversionCastOp
from xdsl.dialects.builtin import f32 as f32_type
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import VerifyException

from ...dialects import nn
from ...errors import UserError
from .batching import for_examples
from .builder import FunctionBuilder, plain
from .graph import Unsupported, only
from .network import Arrays, Network, examples_of
from .onnx_node import Constant, Node, Operand, require_numbers
from .onnx_ops import HANDLERS, NEAREST
from .views import MOVES

OPSETS = range(17, 21)
# Numbers of a constant that is computed, and those of what may say its shape.
MOST_CONSTANT = 1 << 28
MOST_SIZES = 1 << 6
MOST_NODES = 1 << 16
# What gives other results each time, or runs graphs of its own.
NEVER_CONSTANT = ("Random", "Bernoulli", "Multinomial", "If", "Loop", "Scan")


def import_onnx(
    path: Path, given: object, batch: int, outputs: Sequence[str] = ()
) -> tuple[Network, list[np.ndarray]]:
    """The network of a file, for up to ``batch`` examples, and examples of its inputs in order. ``given`` are these
    as `examples_of` takes them; ``outputs`` names tensors of the graph that take the place of its outputs."""
    model = _read(path)
    if outputs:
        _choose(model, outputs)
    weights = {str(each.name) for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in weights]
    examples = examples_of([each.name for each in inputs], given)
    rows = _set_shapes(inputs, examples, batch)
    importer = OnnxImporter(model, rows, batch)
    for each in inputs:
        importer.enter(each.name, examples[each.name].shape[1:])
    function = importer.function()
    made = importer.made()
    function.verify()
    reference = _Reference(model, [*examples], rows)
    count = sum(each.size for each in made.values())
    network = Network(path.stem, function, made.__getitem__, count, reference.evaluate)
    return network, [*examples.values()]


def _read(path: Path) -> onnx.ModelProto:
    try:
        onnx.checker.check_model(str(path))
        model = onnx.load(str(path))
    except (onnx.checker.ValidationError, DecodeError, ValueError) as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), "")
        raise UserError(f"{path}: no valid model of ONNX: {reason}") from error
    versions = [each.version for each in model.opset_import if not each.domain]
    if len(versions) != 1 or versions[0] not in OPSETS:
        found = ", ".join(map(str, versions)) or "unknown"
        raise UserError(f"{path}: opset {found}; export it with opset {OPSETS[0]} to {OPSETS[-1]}")
    _require_nodes(path, model)
    return inline_local_functions(model)


def _require_nodes(path: Path, model: onnx.ModelProto) -> None:
    """Refuses functions that call each other so often that inlining them would never end; none calls itself."""
    bodies = {(each.domain, each.name): each.node for each in model.functions}

    @cache
    def count(called: tuple[str, str]) -> int:
        return total(bodies[called]) if called in bodies else 1

    def total(nodes: Iterable[onnx.NodeProto]) -> int:
        found = 0
        for node in nodes:
            graphs = (graph for each in node.attribute for graph in (each.g, *each.graphs))
            found += count((node.domain, node.op_type)) + sum(total(g.node) for g in graphs)
        return found

    try:
        found = total(model.graph.node)
    except RecursionError:
        raise UserError(f"{path}: its functions are nested too deeply") from None
    if found > MOST_NODES:
        raise UserError(f"{path}: its functions make more than {MOST_NODES:,} nodes")


def _choose(model: onnx.ModelProto, outputs: Sequence[str]) -> None:
    """Makes tensors of the graph its outputs."""
    graph = model.graph
    known = {name for node in graph.node for name in node.output if name}
    for name in outputs:
        if name not in known:
            raise UserError(f"the graph has no tensor {name}")
    del graph.output[:]
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)


def _set_shapes(inputs: Any, examples: dict[str, np.ndarray], batch: int) -> int:
    """Gives each input the shape of its examples; returns how many of them the graph is for."""
    rows: set[int] = set()
    for each in inputs:
        name, type, shape = each.name, each.type.tensor_type, examples[each.name].shape
        if type.elem_type != onnx.TensorProto.FLOAT:
            kind = onnx.TensorProto.DataType.Name(type.elem_type)
            raise UserError(f"the input {name} is {kind}; only float32 can be an input")
        sizes = type.shape.dim
        fixed = [size.dim_value or None for size in sizes]
        if len(fixed) != len(shape) or any(
            m not in (None, n) for m, n in zip(fixed[1:], shape[1:], strict=True)
        ):
            wanted = ", ".join(["N", *(str(n or "?") for n in fixed[1:])])
            raise UserError(f"the input {name} has shape ({wanted}), its examples {shape}")
        rows.add(fixed[0] or batch)
        for size, number in zip(sizes, (fixed[0] or batch, *shape[1:]), strict=True):
            size.dim_value = number
    if len(rows) != 1:
        raise UserError("the inputs are for different numbers of examples")
    return rows.pop()


@dataclass
class _Reference:
    """ONNX's own evaluation in numpy, for as many examples at a time as the graph takes."""

    model: onnx.ModelProto
    inputs: Sequence[str]
    rows: int

    def evaluate(self, examples: Arrays) -> list[np.ndarray]:
        count, evaluator = len(examples[0]), ReferenceEvaluator(self.model)
        parts = []
        for start in range(0, count, self.rows):
            chosen = np.arange(start, start + self.rows) % count  # The last ones may be too few.
            given: dict[str, Any] = {
                name: each[chosen] for name, each in zip(self.inputs, examples, strict=True)
            }
            parts.append(evaluator.run(None, given))
        return [np.concatenate(each)[:count] for each in zip(*parts, strict=True)]


class OnnxImporter(FunctionBuilder):
    """Imports a graph for ``rows`` examples, as which it is a function of up to ``batch``."""

    def __init__(self, model: onnx.ModelProto, rows: int, batch: int):
        super().__init__(batch)
        self.most, self.batch = batch, rows
        self.graph = model.graph
        self.opsets = model.opset_import
        self.values: dict[str, Operand] = {}
        self.params: dict[tuple[str, str], SSAValue] = {}
        self.shapes = _inferred(model)

    def enter(self, name: str, shape: Sequence[int]) -> None:
        own = name if nn.INPUT_NAME.fullmatch(name) else f"input{len(self.values)}"
        self.values[name] = self.input(own, (self.batch, *shape))

    def function(self) -> ModuleOp:
        for each in self.graph.initializer:
            array = numpy_helper.to_array(each)
            self.values[each.name] = Constant(each.name, plain(each.name), array)
        for number, proto in enumerate(self._needed()):
            node = Node(proto, proto.name or f"{proto.op_type}{number}")
            self.path = plain(node.name)
            self.import_node(node)
        outputs = []
        for each in self.graph.output:
            value = self.values.get(each.name)
            if not isinstance(value, SSAValue):
                what = "is a second result" if value is None else "depends on no input"
                raise UserError(f"the output {each.name} {what}")
            outputs.append(value)
        function = self.finish(outputs)
        for_examples(function, self.most)
        return function

    def _needed(self) -> list[onnx.NodeProto]:
        """The nodes that the outputs depend on."""
        wanted, found = {each.name for each in self.graph.output}, []
        for node in reversed(self.graph.node):
            if wanted & {*node.output}:
                wanted |= {*node.input}
                found.append(node)
        return found[::-1]

    def import_node(self, node: Node) -> None:
        try:
            self.values |= self._constants(node) or self._imported(node)
        except (Unsupported, VerifyException, ValueError, IndexError) as error:  # Odd attributes.
            self.values |= self._refused(node, str(error))

    def _imported(self, node: Node) -> dict[str, Operand]:
        handler = HANDLERS.get(node.operation)
        if handler is None:
            raise Unsupported
        made = handler(self, node)
        results = [made] if isinstance(made, Operand) else [*made]
        found = dict(zip(node.proto.output, results, strict=False))  # Others may be left out.
        for name, value in found.items():
            self._check_result(name, value)
        return found

    def _given(self, node: Node) -> list[Operand]:
        names = [name for name in node.proto.input if name]
        for name in names:
            only(name in self.values, f"of {name}, a second result")
        return [self.values[name] for name in names]

    def _constants(self, node: Node) -> dict[str, Operand]:
        """What depends on constants alone, computed; it is called as the first of them."""
        given = self._given(node)
        constants = {each.key: each for each in given if isinstance(each, Constant)}
        values = any(isinstance(each, SSAValue) for each in given)
        if values or not (given or node.operation == "Constant"):
            return {}
        only(not node.operation.startswith(NEVER_CONSTANT), "of a constant")
        names = [name for name in node.proto.output if name]
        made = [onnx.ValueInfoProto(name=name) for name in names]
        inputs = [*map(_described, constants.values())]
        small = [each for each in constants.values() if each.array.size <= MOST_SIZES]
        known = [numpy_helper.from_array(each.array, each.key) for each in small]
        graph = onnx.helper.make_graph([node.proto], "constant", inputs, made, known)
        model = onnx.helper.make_model(graph, opset_imports=self.opsets)
        _require_size(model)
        del model.graph.initializer[:]
        try:
            arrays = ReferenceEvaluator(model).run(
                None, {key: each.array for key, each in constants.items()}
            )
        except Exception as error:  # The reference raises what it likes.
            raise Unsupported(f"{type(error).__name__}: {error}") from error
        first = next(iter(constants.values()), None)
        own = first.name if first is not None and first.array.size > 1 else ""
        return {
            name: Constant(name, own or plain(name), np.asarray(array))
            for name, array in zip(names, arrays, strict=True)
        }

    def _check_result(self, name: str, value: Operand) -> None:
        """Refuses a shape that ONNX infers otherwise, and a view of more numbers than can be followed."""
        if not isinstance(value, SSAValue):
            return
        found, wanted = nn.shape_of(value), self.shapes.get(name)
        if wanted is not None:
            same = len(found) == len(wanted) and all(
                m in (None, n) for m, n in zip(wanted, found, strict=True)
            )
            only(same, f"its shape is {wanted}, imported {found}")
        if isinstance(value.owner, MOVES):
            require_numbers(nn.shape_of(value.owner.x), "a view")

    def _refused(self, node: Node, why: str) -> dict[str, Operand]:
        """Values in the places of its results, so that the import can go on to the next."""
        given = [self.values.get(name) for name in node.proto.input]
        refused = any(
            isinstance(each, SSAValue) and isinstance(each.owner, UnrealizedConversionCastOp)
            for each in given
        )
        known = node.operation in HANDLERS
        if not (refused and known):  # Else it may be the fault of what is refused already.
            nearest = NEAREST.get(node.operation, "").format(*node.proto.input)
            self.refuse(node.operation, why, node.name, nearest)
        found: dict[str, Operand] = {}
        for name in node.proto.output:
            type = TensorType(f32_type, [n or 1 for n in self.shapes.get(name) or ()])
            found[name] = UnrealizedConversionCastOp.get([], [type]).results[0]
        return found


def _described(constant: Constant) -> onnx.ValueInfoProto:
    array = constant.array
    kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
    return onnx.helper.make_tensor_value_info(constant.key, kind, array.shape)


def _require_size(model: onnx.ModelProto) -> None:
    """Refuses what would be computed of a few numbers and fill the memory, where its shape is known from them."""
    try:
        inferred = infer_shapes(model, data_prop=True)
    except (InferenceError, ValueError):
        return  # The reference says what is wrong.
    for each in inferred.graph.output:
        sizes = [size.dim_value for size in each.type.tensor_type.shape.dim]
        count = math.prod(sizes)
        only(count <= MOST_CONSTANT, f"a constant of {count:,} numbers")


def _inferred(model: onnx.ModelProto) -> dict[str, tuple[int | None, ...]]:
    """The shapes that ONNX infers by the name of the value, None for sizes that it does not know."""
    plain_model = onnx.ModelProto()
    plain_model.CopyFrom(model)
    del plain_model.graph.value_info[:]  # They may be for another number of examples.
    for each in plain_model.graph.output:
        each.ClearField("type")
    try:
        found = infer_shapes(plain_model, check_type=True, strict_mode=True, data_prop=True).graph
    except (InferenceError, ValueError) as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), "")
        raise UserError(f"shapes can not be inferred: {reason}") from error
    return {
        each.name: tuple(size.dim_value or None for size in each.type.tensor_type.shape.dim)
        for each in (*found.value_info, *found.output)
        if each.type.tensor_type.HasField("shape")
    }
