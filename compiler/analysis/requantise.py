"""Whether an integer function is the quantisation of a float function, and where it is not.

Quantising is choosing: the format of every value and weight, the exponents and the root of every norm, the
precision of reciprocals, the width of logits; and how many powers of two move from one weight to another,
of which the eps of norms tell (`equalize-layers`). The float function is given the integer function's
choices and converted by the compiler's own passes. Then both must be the same operations on the same
shapes with the same constants, whatever their order; every difference is a line that names the operation
and the layer, or "*" for all layers.

That the choices are good ones, so that the integers predict what the floats do, is not looked at.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from xdsl.context import Context
from xdsl.dialects.builtin import (
    DenseArrayBase,
    FloatAttr,
    IntegerAttr,
    ModuleOp,
    UnitAttr,
    f64,
    i64,
)
from xdsl.ir import Attribute, Block, BlockArgument, Operation, OpResult, SSAValue
from xdsl.utils.exceptions import VerifyException

from ...dialects import nn, quant
from ...dialects.interfaces import Named
from ...dialects.quant import FormatAttr, QuantTensorType
from ...errors import ZklemmaError, expect
from ..modules import main_function, takes_tensors
from ..published import publish
from ..transforms.batch_decode import BatchDecode
from ..transforms.convert_nn_to_quant import ConvertNNToQuant
from ..transforms.guard import summary
from ..transforms.stack_layers import StackLayers, per_layer
from .equalize import LARGEST
from .plan import EPS, EXPONENTS, FACTOR, FORMAT, ROOT, UNROUNDED, WIDTH, K, weight_factor
from .roles import Roles, path_of
from .scales import integer_eps

Role = tuple[str, str, int]
"""Module path, kind of operation, and place among those of the same path and kind."""


def differences(model: ModuleOp, function: ModuleOp) -> list[str]:
    """Where a published function is not the quantisation of a raised `nn` module; empty if it is."""
    wanted = roles(model)
    found = roles(function)
    lines = [_absent(role, "is missing") for role in wanted if role not in found]
    lines += [_absent(role, "does not belong") for role in found if role not in wanted]
    if lines:
        return lines
    try:
        converted = requantise(model, function)
    except (ZklemmaError, VerifyException) as error:
        return [f"the formats do not fit: {summary(error)}"]
    return _Comparison().functions(converted, function)


def requantise(model: ModuleOp, function: ModuleOp) -> ModuleOp:
    """The published function of a raised `nn` module with the choices of another of the same roles.

    What the compiler's passes raise, `UserError` or `VerifyException`, where choices do not fit.
    """
    return publish(with_formats(model, function))


def with_formats(model: ModuleOp, function: ModuleOp) -> ModuleOp:
    """As `requantise`, with what only whoever has the weights may know."""
    model, found = model.clone(), roles(function)
    for role, peers in roles(model).items():
        for layer, op in enumerate(peers):
            _adopt(op, found[role][0], layer)
    rows = [op.rows.value.data for op in function.walk() if isinstance(op, quant.SelectOp)]
    for each in (ConvertNNToQuant(), StackLayers(), BatchDecode(rows[0] if rows else None)):
        each.apply(Context(), model)
    model.verify()
    return model


def roles(module: ModuleOp) -> dict[Role, list[Operation]]:
    """The operations of each role of a function, of all layers in turn, in order. Of a function of tensors, where
    nothing is stacked, each is a role by itself."""
    function = main_function(module)
    peers = Roles(() if takes_tensors(module) else function.body.block.ops)
    found: dict[Role, list[Operation]] = defaultdict(list)
    places: Counter[tuple[str, str]] = Counter()
    for op in function.walk():
        if isinstance(op, Named):
            path, kind = path_of(op), op.KIND
            found[peers.path(op), kind, places[path, kind]].append(op)
            places[path, kind] += 1
    return found


def quantised_eps(eps: float, type: QuantTensorType) -> int:
    """`integer_eps` of a norm whose input is of a type."""
    return integer_eps(eps, type.shape[-1], type.fraction)


def rounded(op: Operation) -> QuantTensorType:
    """The type of an operation's result, after it was rounded."""
    found = rounding(op)
    return quant.type_of(op.results[0] if found is None else found.result)


def rounding(op: Operation) -> quant.RequantizeOp | None:
    """What rounds an operation's result."""
    readers = (use.operation for use in op.results[0].uses)
    return next((each for each in readers if isinstance(each, quant.RequantizeOp)), None)


def _absent(role: Role, what: str) -> str:
    path, kind, _ = role
    return f"{path.replace('{layer}', '*') or 'the function'}: this {kind} {what}"


def _adopt(op: Operation, found: Operation, layer: int) -> None:
    """Gives an operation of `nn` the choices of its counterpart."""
    if isinstance(found, quant.MulOp) and rounding(found) is None:
        op.attributes[UNROUNDED] = UnitAttr()
        return
    type = rounded(found)
    op.attributes[FORMAT] = FormatAttr.of(type.width, type.fraction)
    if isinstance(op, nn.ParamOp):
        op.attributes[FACTOR] = FloatAttr(weight_factor(op), f64)
    elif isinstance(op, nn.RMSNormOp) and isinstance(found, quant.RmsNormOp):
        op.attributes[EPS] = IntegerAttr(_eps(op, found, layer), i64)
        op.attributes[ROOT] = found.root
        op.attributes[EXPONENTS] = found.exponents
    elif isinstance(op, nn.AttendOp) and isinstance(found, quant.AttendOp):
        k = quant.type_of(found.e).fraction + quant.type_of(found.inv).fraction
        op.attributes[K] = IntegerAttr(k, i64)
    elif isinstance(op, nn.ProbabilitiesOp) and isinstance(found, quant.ProbabilitiesOp):
        op.attributes[K] = found.k
    elif isinstance(op, nn.LinearOp) and isinstance(found, quant.ArgmaxOp):
        op.attributes[WIDTH] = found.width


def _eps(op: nn.RMSNormOp, found: quant.RmsNormOp, layer: int) -> int:
    """That of the layer in the found norm, if it is the float one's, up to a power of four where the input
    may have been rescaled: anywhere but on the residual stream."""
    type, entries = quant.type_of(found.x), found.eps.get_values()
    eps = op.eps.value.data
    source = op.x.owner.x.owner if isinstance(op.x.owner, nn.CenterOp) else op.x.owner
    if not isinstance(source, nn.AddOp | nn.EmbeddingOp) and layer < len(entries):
        for moved in range(-LARGEST, LARGEST + 1):
            if quantised_eps(eps * 4.0**moved, type) == entries[layer]:
                return entries[layer]
    return quantised_eps(eps, type)


class _Comparison:
    """Two functions from their results backwards: the wanted one, and the one that was found."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.counterpart: dict[Operation, Operation] = {}

    def functions(self, wanted: ModuleOp, found: ModuleOp) -> list[str]:
        first, second = main_function(wanted), main_function(found)
        self.blocks(first.body.block, second.body.block)
        counts = [sum(1 for _ in function.walk()) for function in (first, second)]
        if not self.lines and counts[0] != counts[1]:
            self.lines.append(f"the function has {counts[1]} operations, not {counts[0]}")
        return self.lines

    def blocks(self, wanted: Block, found: Block) -> None:
        self.operation(expect(wanted.last_op, Operation), expect(found.last_op, Operation))

    def value(self, wanted: SSAValue, found: SSAValue, reader: str) -> None:
        wanted, found = _through(wanted), _through(found)
        if isinstance(wanted, BlockArgument) and isinstance(found, BlockArgument):
            return  # The stream, in both.
        if isinstance(wanted, OpResult) and isinstance(found, OpResult):
            counterpart = self.counterpart.get(wanted.op, found.op)
            if counterpart is found.op and wanted.index == found.index:
                self.operation(wanted.op, found.op)
                return
        self.lines.append(f"{reader} reads another value")

    def operation(self, wanted: Operation, found: Operation) -> None:
        if wanted in self.counterpart:
            return
        self.counterpart[wanted] = found
        if wanted.name != found.name:
            place = f"{found.name} at {_where(found)}" if path_of(found) else found.name
            self.lines.append(f"{_where(wanted)}: {wanted.name} is missing, there is {place}")
            return
        where = f"{_where(wanted)}: {wanted.name}"
        for name in sorted({*wanted.properties, *found.properties}):
            self.property(where, name, wanted, found)
        if wanted.attributes != found.attributes:
            self.lines.append(f"{where} stands at {_where(found)}")
        for one, other in zip(wanted.results, found.results, strict=True):
            if one.type != other.type:
                self.lines.append(f"{where} gives {other.type}, not {one.type}")
        if isinstance(wanted, quant.LayersOp) and isinstance(found, quant.LayersOp):
            self.value(wanted.residual, found.residual, where)
            # Weights are compared where the body reads them. All of them differ in stacks of other heights.
            if wanted.count == found.count:
                self.blocks(wanted.body.block, found.body.block)
            return
        if len(wanted.operands) != len(found.operands):
            self.lines.append(f"{where} reads {len(found.operands)} values")
        for one, other in zip(wanted.operands, found.operands, strict=False):
            self.value(one, other, where)

    def property(self, where: str, name: str, wanted: Operation, found: Operation) -> None:
        one, other = wanted.properties.get(name), found.properties.get(name)
        if one == other:
            return
        lists = isinstance(one, DenseArrayBase) and isinstance(other, DenseArrayBase)
        if not lists or name != per_layer(wanted):
            self.lines.append(f"{where}: {name} is {_shown(other)}, not {_shown(one)}")
            return
        pairs = zip(one.get_values(), other.get_values(), strict=False)  # type: ignore
        for layer, (a, b) in enumerate(pairs):
            if a != b:
                place = where.replace("*", str(layer), 1)
                self.lines.append(f"{place}: {name} is {b}, not {a}")


def _through(value: SSAValue) -> SSAValue:
    """The stacked weights, for an argument of the layers' body that is a slice of them; others as they are."""
    if isinstance(value, BlockArgument) and value.index:
        stack = expect(value.block.parent_op(), quant.LayersOp)
        return stack.params[value.index - 1]
    return value


def _where(op: Operation) -> str:
    return path_of(op).replace("{layer}", "*") or "the function"


def _shown(attribute: Attribute | None) -> str:
    if attribute is None:
        return "not given"
    if isinstance(attribute, IntegerAttr | FloatAttr):
        return str(attribute.value.data)
    if isinstance(attribute, DenseArrayBase):
        return str(list(attribute.get_values()))
    return str(attribute)
