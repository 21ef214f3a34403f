"""The signature of an integer function: what the inputs and outputs of a `quant` function are, which became a
circuit. A key says it, and an audit reads it off the key's function again."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import ReturnOp

from ..compiler.modules import main_function
from ..dialects import quant
from ..dialects.quant import InputOp, type_of
from ..errors import UserError, expect
from ..runtime.circuit.function import OUTPUT
from ..runtime.circuit.relations import Circuit
from ..runtime.model.signature import Signature, Tensor


def signature_of(module: ModuleOp, circuit: Circuit, labels: Sequence[str]) -> Signature:
    """``labels`` name the classes of the first output. `UserError` for an output that is no tensor of the
    circuit."""
    function = main_function(module)
    inputs = [_input(op) for op in function.walk() if isinstance(op, InputOp)]
    returned = expect(function.body.block.last_op, ReturnOp).operands
    names = quant.output_names(len(returned))
    outputs = [
        _output(name, type_of(value), circuit, () if number else labels)
        for number, (name, value) in enumerate(zip(names, returned, strict=True))
    ]
    made = Signature(tuple(inputs), tuple(outputs))
    if not made.fits(circuit):
        raise UserError(
            "an output is an image as one row; return the image, or what a layer makes of the row"
        )
    return made


def _input(op: InputOp) -> Tensor:
    type = type_of(op.result)
    if op.below is not None:
        return Tensor.of_ids(op.tensor.data, type.shape[1:], op.below.value.data)
    return _tensor(op.tensor.data, type, type.width)


def _output(
    name: str, type: quant.QuantTensorType, circuit: Circuit, labels: Sequence[str]
) -> Tensor:
    """Of an activation the circuit has all that its table gives, whether values become as large or not."""
    (column,) = (circuit.column[each] for each in circuit.reveals[f"{OUTPUT} {name}"])
    bits = 1 + max(column.high.bit_length(), (~column.low).bit_length())
    return _tensor(name, type, max(type.width, bits), labels)


def _tensor(
    name: str, type: quant.QuantTensorType, bits: int, labels: Sequence[str] = ()
) -> Tensor:
    return Tensor(name, type.shape[1:], bits, type.fraction, tuple(labels))
