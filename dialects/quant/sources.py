"""What a function of `quant` starts from: token ids, weights, and the rows that the ids name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from xdsl.dialects.builtin import ArrayAttr, StringAttr, UnitAttr
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from ..interfaces import Named, Parameter, TokenSource
from ..nn import HUGE, require, require_normal
from . import axes as named
from .attributes import MAX_BITS, QuantTensorType
from .base import FUNCTIONAL, Float, Inferred, Int, Ints, LeafOp, QuantOp, type_of

MOST_DOUBLINGS = 126
"""The largest exponent of two that multiplies a row or a column of weights, either way."""


@irdl_op_definition
class TokensOp(LeafOp, TokenSource):
    """The token ids that enter the model, T of them.

    ```mlir
    %ids = quant.tokens : !quant.tensor<[64], bits = 32, frac = 0>
    ```
    """

    name = "quant.tokens"
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "attr-dict `:` type($result)"

    def verify_(self) -> None:
        type = type_of(self.result)
        require(len(type.shape) == 1, f"tokens have shape [T], got {list(type.shape)}")
        require(type.fraction == 0, "tokens are whole numbers, frac = 0")

    @property
    def positions(self) -> int:
        return type_of(self.result).shape[0]


@irdl_op_definition
class ParamOp(LeafOp, Parameter, Named):
    """Weights of the checkpoint: round((offset + w) * factor * 2^frac), ties upwards.

    `rows` and `columns` are exponents that equalise channels: element [i, j] of a matrix is also
    multiplied by 2^(rows[i] + columns[j]), element [i] of a vector by 2^rows[i]; a single exponent is
    that of all. One name is one tensor. With `stacked` the names are the same weight of each layer in
    turn, the result has the layer axis first, and exponents are listed layer after layer. `sha256` are
    those of the tensors' fp32 bytes; where a function is published it has none.

    ```mlir
    %w = quant.param ["model.norm.weight"]
         sha256 ["0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]
         offset 1.0 factor 11.3137
         : !quant.tensor<[128], bits = 16, frac = 9>
    ```
    """

    name = "quant.param"
    KIND: ClassVar[str] = "weight"
    names = prop_def(ArrayAttr[StringAttr])
    sha256 = opt_prop_def(ArrayAttr[StringAttr])
    offset = prop_def(Float)
    factor = prop_def(Float)
    rows = opt_prop_def(Ints)
    columns = opt_prop_def(Ints)
    stacked = opt_prop_def(UnitAttr)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = (
        "(`stacked` $stacked^)? $names (`sha256` $sha256^)? `offset` $offset `factor` $factor"
        " (`rows` $rows^)? (`columns` $columns^)? attr-dict `:` type($result)"
    )

    @property
    def param_names(self) -> tuple[str, ...]:
        return tuple(name.data for name in self.names)

    def verify_(self) -> None:
        shape = type_of(self.result).shape
        layers = 1
        if self.stacked is not None and shape:
            layers, shape = shape[0], shape[1:]
        digests = self.names if self.sha256 is None else self.sha256
        require(
            len(self.names) == len(digests) == layers,
            f"{len(self.names)} names and {len(digests)} digests for {layers} tensors",
        )
        factor, offset = self.factor.value.data, self.offset.value.data
        require_normal("factor", factor)
        require(abs(offset) < HUGE, f"offset must be a finite f32, got {offset}")
        for exponents in (self.rows, self.columns):
            for exponent in exponents.get_values() if exponents else ():
                require(
                    abs(exponent) <= MOST_DOUBLINGS,
                    f"exponent {exponent} is not in -{MOST_DOUBLINGS} .. {MOST_DOUBLINGS}",
                )
        require(
            self.rows is None
            or (len(shape) >= 1 and len(self.rows) in (layers, layers * shape[0])),
            "rows must be one exponent, or one for each row",
        )
        require(
            self.columns is None
            or (len(shape) == 2 and len(self.columns) in (layers, layers * shape[1])),
            "columns must be one exponent, or one for each column of a matrix",
        )


@irdl_op_definition
class EmbedPositionsOp(QuantOp, Named):
    """Rows of a table by position: x[t, :] = table[offset + t, :] << shift for t = 0 .. count - 1.

    ```mlir
    %x = quant.embed_positions %table offset 2 count 64 shift 4
         : (!quant.tensor<[1026, 128], bits = 16, frac = 13>) -> !quant.tensor<[64, 128], bits = 20, frac = 17>
    ```
    """

    name = "quant.embed_positions"
    KIND: ClassVar[str] = "embedding of positions"
    table = operand_def(QuantTensorType)
    offset = prop_def(Int)
    count = prop_def(Int)
    shift = prop_def(Int)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$table `offset` $offset `count` $count `shift` $shift" + FUNCTIONAL

    @staticmethod
    def infer(table: QuantTensorType, offset: int, count: int, shift: int) -> Sequence[Inferred]:
        require(len(table.shape) == 2, f"the table must be [positions, h], got {list(table.shape)}")
        rows, width = table.shape
        require(
            offset >= 0 and 0 < count <= rows - offset,
            f"a table of {rows} rows has none for positions 0 .. {count - 1} from row {offset} on",
        )
        require(0 <= shift < MAX_BITS, f"shift {shift} is not in 0 .. {MAX_BITS - 1}")
        return [Inferred((count, width), table.width + shift, table.fraction + shift)]

    def axes_rules(self) -> Iterator[named.Rule]:
        yield named.Over(self.table, named.POSITIONS)
        yield named.Over(self.result, named.CHANNELS)


@irdl_op_definition
class EmbedOp(QuantOp, Named):
    """Rows of a table: x[t, :] = table[ids[t], :] << shift; ids [N, T] of examples make [N, T, h].

    A negative shift rounds: x = (row + 2^(-shift-1)) >> -shift.

    ```mlir
    %x = quant.embed %ids, %table shift 4 : (!quant.tensor<[64], bits = 32, frac = 0>,
         !quant.tensor<[1024, 128], bits = 16, frac = 13>)
         -> !quant.tensor<[64, 128], bits = 28, frac = 17>
    ```
    """

    name = "quant.embed"
    KIND: ClassVar[str] = "embedding"
    ids = operand_def(QuantTensorType)
    table = operand_def(QuantTensorType)
    shift = prop_def(Int)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$ids `,` $table `shift` $shift" + FUNCTIONAL

    @staticmethod
    def infer(ids: QuantTensorType, table: QuantTensorType, shift: int) -> Sequence[Inferred]:
        require(
            len(ids.shape) in (1, 2),
            f"ids must be [T], or [N, T] of examples, got {list(ids.shape)}",
        )
        require(
            len(table.shape) == 2, f"the table must be [vocabulary, h], got {list(table.shape)}"
        )
        least = 1 - table.width
        require(least <= shift < MAX_BITS, f"shift {shift} is not in {least} .. {MAX_BITS - 1}")
        shape = (*ids.shape, table.shape[1])
        return [Inferred(shape, _bits(table, shift), table.fraction + shift)]

    @property
    def bits(self) -> int:
        """The bits that its elements need, of which their type may have more."""
        return _bits(type_of(self.table), self.shift.value.data)

    def axes_rules(self) -> Iterator[named.Rule]:
        shape = type_of(self.result).shape
        if len(shape) == 2:
            yield named.Over(self.table, named.EMBEDDING)
            yield named.Over(self.result, named.CHANNELS)
            return
        yield named.Over(self.table, named.rows(type_of(self.table).shape))
        yield named.Over(self.result, named.examples(shape))


def _bits(table: QuantTensorType, shift: int) -> int:
    """Of a row that is shifted; what is rounded up may need one more."""
    return table.width + shift + (shift < 0)
