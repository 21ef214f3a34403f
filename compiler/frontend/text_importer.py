"""Functions of tensors of f32 in texts of MLIR, as functions in the raised stratum of `nn`.

The function is ``main``; functions that it calls are followed. Arguments are inputs, or weights that are given by
position; what depends on weights and constants alone is computed in numpy. Operations are imported one by one by a
`builder`, as a dialect's tables say (`Operations`).

Images have their channels where a layout says, and (N, C, H, W) in what is made: so a value knows which of its axes
are which in the text, and a row that was an image which of its columns. The images of examples are those of the
text; those of proofs are (N, C, H, W).

The numbers to compare with are those of the function in fp32, before it is quantised.

Errors: `UserError`, one line, that names all operations that are not supported.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from xdsl.dialects.builtin import Float32Type, ModuleOp, TensorType, UnrealizedConversionCastOp
from xdsl.dialects.builtin import f32 as f32_type
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import BlockArgument, Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

from ...dialects import nn
from ...errors import UserError
from ..transforms.guard import LONGEST
from .builder import FunctionBuilder
from .evaluate import evaluate_function
from .graph import Unsupported
from .network import Arrays, Network, examples_of
from .text_ops import Operand, Operations, Padded, Value, arranged
from .views import MOVES

LOCATION = re.compile(r'^#loc.*$| loc\((?:#loc\d*|unknown|"[^"\n]*")\)', re.MULTILINE)
SHAPE = re.compile(r"tensor<((?:\d+x)+)")
# Numbers of a tensor, functions of a text, how deep calls are nested, and operations of all that is called.
MOST_NUMBERS = 1 << 28
MOST_FUNCTIONS = 1 << 9
MOST_CALLS = 1 << 6
MOST_OPERATIONS = 1 << 16
# Numbers of a value for all examples of a proof, and views of one another until something computes with them.
MOST_PLACES = 1 << 25
MOST_VIEWS = 1 << 5
ODD = (ValueError, LookupError, TypeError, ArithmeticError)
"""What numpy and Python raise for odd attributes."""


def import_text(
    module: ModuleOp,
    name: str,
    operations: Operations,
    layout: tuple[int, ...],
    given: object,
    batch: int,
    weights: Mapping[int, object],
) -> tuple[Network, list[np.ndarray]]:
    """The network of a module, for up to ``batch`` examples, and examples of its inputs in order. ``given`` are
    these as `examples_of` takes them, or None for zeros; ``weights`` are the arguments of ``main`` that are no
    inputs, by position."""
    importer = TextImporter(module, operations, layout, batch)
    arguments = importer.main.body.block.args
    for position in weights:
        if position not in range(len(arguments)):
            raise UserError(f"the function has {len(arguments)} arguments, none at {position}")
    inputs = [each for each in arguments if each.index not in weights]
    if not inputs:
        raise UserError("the function has no input beside its weights")
    names = [f"arg{each.index}" for each in inputs]
    if given is None:
        given = [np.zeros(_shape(each), np.float32) for each in inputs]
    examples = examples_of(names, given)
    for position, weight in weights.items():
        importer.weight(arguments[position], np.asarray(weight))
    axes = [importer.enter(each, examples[name]) for each, name in zip(inputs, names, strict=True)]
    function = importer.function()
    made = importer.made()
    function.verify()
    kept = function.clone()  # Compiling changes the other.

    def evaluate(arrays: Arrays) -> list[np.ndarray]:
        found = dict(zip(names, arrays, strict=True))
        return [*evaluate_function(kept, found, made.__getitem__)]

    count = sum(each.size for each in made.values())
    network = Network(name, function, made.__getitem__, count, evaluate)
    ordered = zip(names, axes, strict=True)
    return network, [np.ascontiguousarray(examples[n].transpose(order)) for n, order in ordered]


def without_locations(
    path: Path,
    text: str,
    pattern: re.Pattern[str],
    known: Collection[str],
    nearest: Mapping[str, str],
) -> str:
    """The text of a file, as its parser gets it. What is refused before: all operations at once that the dialects
    do not have, as no other parser knows their syntax; and what is too large."""
    text = LOCATION.sub("", text)
    _require_known(text, pattern, known, nearest)
    _require_size(path, text)
    return text


def _require_known(
    text: str, pattern: re.Pattern[str], known: Collection[str], nearest: Mapping[str, str]
) -> None:
    found = Counter(name for name in pattern.findall(text) if name not in known)
    if found:
        parts = [
            f"{name} ({count} times){f'; nearest is {nearest[name]}' if name in nearest else ''}"
            for name, count in found.items()
        ]
        count = sum(found.values())
        what = "1 operation is" if count == 1 else f"{count} operations are"
        raise UserError(f"{what} not supported: {' | '.join(parts)}")


def _require_size(path: Path, text: str) -> None:
    """Refuses what a few bytes make large: constants are written out, and calls are looked up."""
    for sizes in {*SHAPE.findall(text)}:
        if math.prod(int(size[:18]) for size in sizes.split("x")[:-1]) > MOST_NUMBERS:
            shown = sizes[:-1][:LONGEST]
            raise UserError(f"{path}: a tensor {shown} has more than {MOST_NUMBERS:,} numbers")
    if text.count("func.func") > MOST_FUNCTIONS:
        raise UserError(f"{path}: more than {MOST_FUNCTIONS} functions")


class TextImporter(FunctionBuilder):
    """``rows`` is the number of examples that the text is for, in whose place ``batch`` stands; ``layout`` says
    which axes of its images are examples, channels, rows and columns."""

    def __init__(
        self, module: ModuleOp, operations: Operations, layout: tuple[int, ...], batch: int
    ):
        super().__init__(batch)
        self.operations = operations
        self.functions = {
            op.sym_name.data: op for op in module.ops if isinstance(op, FuncOp) and op.body.blocks
        }
        if "main" not in self.functions:
            raise UserError("the text has no function main")
        self.main = self.functions["main"]
        self.rows = 0
        self.values: dict[SSAValue, Operand] = {}
        self.calls = ["main"]
        """The functions that are being imported, each called by the one before."""
        self.imported = 0
        """Operations, those of calls each time."""
        self.layout = layout

    def weight(self, argument: SSAValue, array: np.ndarray) -> None:
        shape = _shape(argument)
        if array.shape != shape:
            raise UserError(f"a weight has shape {array.shape}, its argument {shape}")
        self.values[argument] = array

    def enter(self, argument: BlockArgument, examples: np.ndarray) -> tuple[int, ...]:
        """An input; returns which of its axes are which here."""
        shape, name = _shape(argument), f"arg{argument.index}"
        if shape[1:] != examples.shape[1:] or len(shape) != examples.ndim:
            raise UserError(f"{name} has shape {shape}, its examples {examples.shape}")
        if self.rows not in (0, shape[0]):
            raise UserError("the inputs are for different numbers of examples")
        self.rows = shape[0]
        axes = self.layout if len(shape) == 4 else (*range(len(shape)),)
        entered = (self.batch, *(shape[axis] for axis in axes[1:]))
        self.values[argument] = Value(self.input(name, entered), axes)
        return axes

    def function(self) -> ModuleOp:
        outputs = []
        for value in self._run(self.main):
            if not isinstance(value, Value):
                raise UserError("an output depends on no input")
            outputs.append(value.ssa if self.refusals else self._returned(value))
        return self.finish(outputs)

    def _returned(self, value: Value) -> SSAValue:
        """An output, an image as (N, C, H, W)."""
        if value.columns is not None:
            raise UserError("an output is a row that was an image; return the image")
        if value.axes[0] != 0:
            raise UserError("the first axis of an output is not that of the examples")
        if len(value.axes) == 4 and value.axes == self.layout:
            return value.ssa
        return arranged(self, value, *([axis] for axis in range(len(self.shape(value)))))

    def _run(self, function: FuncOp) -> list[Operand]:
        """Imports a function whose arguments have values; returns its results."""
        for op in function.body.block.ops:
            self.imported += 1
            if self.imported > MOST_OPERATIONS:
                raise UserError(f"calls make more than {MOST_OPERATIONS:,} operations")
            if isinstance(op, ReturnOp):
                return [self.values[value] for value in op.operands]
            if isinstance(op, CallOp):
                self._call(op)
            else:
                self._import(op)
        raise UserError("a function does not return")

    def _call(self, op: CallOp) -> None:
        name = op.callee.string_value()
        if name not in self.functions or name in self.calls:
            raise UserError(f"{name} is called, and is no function that can be followed")
        if len(self.calls) > MOST_CALLS:
            raise UserError(f"calls are nested deeper than {MOST_CALLS}")
        callee = self.functions[name]
        for argument, value in zip(callee.body.block.args, op.operands, strict=True):
            self.values[argument] = self.values[value]
        self.calls.append(name)
        for result, value in zip(op.results, self._run(callee), strict=True):
            self.values[result] = value
        self.calls.pop()

    def _import(self, op: Operation) -> None:
        self.path = self.calls[-1]
        if len(op.results) != 1:
            raise UserError(f"{op.name} has {len(op.results)} results, not one")
        given = [self.values[value] for value in op.operands]
        try:
            if all(isinstance(each, np.ndarray) for each in given):
                if op.name not in self.operations.evaluate:
                    raise Unsupported("of constants")
                made = np.asarray(self.operations.evaluate[op.name](self, op, *given))
                type = op.results[0].type
                if isinstance(type, TensorType) and made.shape != type.get_shape():
                    raise Unsupported(f"its shape is {type.get_shape()}, computed {made.shape}")
                self.values[op.results[0]] = made
                return
            handler = self.operations.handlers.get(op.name)
            if handler is None:
                raise Unsupported
            made = handler(self, op, given)
            if isinstance(made, np.ndarray):  # What a body gives that reads no value.
                self.values[op.results[0]] = made
                return
            found, wanted = self.shape(made), _shape(op.results[0])
            if found != wanted:
                raise Unsupported(f"its shape is {wanted}, imported {found}")
            if isinstance(made, Value):
                _require_small(made.ssa)
            self.values[op.results[0]] = made
        except (Unsupported, VerifyException, *ODD) as error:
            self.values[op.results[0]] = self._refused(op, given, str(error))

    def _refused(self, op: Operation, given: Sequence[Operand], why: str) -> Value:
        """A value in its place, so that the import can go on to the next."""
        refused = any(
            isinstance(each, Value) and isinstance(each.ssa.owner, UnrealizedConversionCastOp)
            for each in given
        )
        if not refused:  # Else it may be the fault of what is refused already.
            self.refuse(op.name, why, self.path, self.operations.nearest.get(op.name, ""))
        shape = _shape(op.results[0], of_numbers=False)
        cast = UnrealizedConversionCastOp.get([], [TensorType(f32_type, shape)])
        return Value(cast.results[0], tuple(range(len(shape))))

    def shape(self, value: Value | Padded) -> tuple[int, ...]:
        """The shape of a value in the text."""
        if isinstance(value, Padded):
            own = zip(self.shape(value.value), value.sides, strict=True)
            return tuple(size + before + after for size, (before, after) in own)
        sizes = dict(zip(value.axes, (self.rows, *nn.shape_of(value.ssa)[1:]), strict=True))
        rank = sum(axis >= 0 for axis in value.axes) + len(value.ones)
        return tuple(sizes.get(axis, 1) for axis in range(rank))


def _require_small(value: SSAValue) -> None:
    """Refuses values whose places would take long to follow."""
    size = math.prod(nn.shape_of(value))
    if size > MOST_PLACES:
        raise Unsupported(f"a value of {size:,} numbers")
    views = 0
    while isinstance(op := value.owner, MOVES):
        views, value = views + 1, op.x
    if views > MOST_VIEWS:
        raise Unsupported(f"more than {MOST_VIEWS} views of one another")


def _shape(value: SSAValue, of_numbers: bool = True) -> tuple[int, ...]:
    type = value.type
    real = isinstance(type, TensorType) and isinstance(type.element_type, Float32Type)
    if not isinstance(type, TensorType) or (of_numbers and not real):
        raise UserError(f"{type} is no tensor of f32")
    shape = type.get_shape()
    if min(shape, default=1) < 1:
        raise UserError(f"{type} has an axis of no fixed size; lower it for a number of examples")
    return shape
