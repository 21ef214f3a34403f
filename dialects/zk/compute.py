"""The compute side of `zk`: steps that make the witness (`schema.program`). Nothing here is trusted.

Why it stands apart from the relations: what the prover computes may be wrong, slow or replaced by
another program without any effect on what is proved. The two regions share nothing but the names of
columns, and a verifier sees the relations only.

Errors: options and columns of an unknown form are a `VerifyException`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    DictionaryAttr,
    IntegerAttr,
    StringAttr,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region
from xdsl.irdl import IRDLOperation, irdl_op_definition, prop_def, region_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import NoTerminator
from xdsl.utils.exceptions import VerifyException

from ...errors import expect
from ..nn import require, with_path
from .attributes import names_attr


@irdl_op_definition
class StepOp(IRDLOperation):
    """A step of the witness program; its meaning is in `schema.program`.

    ```mlir
    zk.step "matmul" ["x", "w"] to "y" ["token", "out"] attributes {shift = 13, bits = 16}
      witness {limbs = ["y.limb0"], rem = ["y.rem0"]}
    ```
    """

    name = "zk.step"
    kind = prop_def(StringAttr)
    inputs = prop_def(ArrayAttr[StringAttr])
    output = prop_def(StringAttr)
    axes = prop_def(ArrayAttr[StringAttr])
    options = prop_def(DictionaryAttr)
    witness = prop_def(DictionaryAttr)
    assembly_format = (
        "$kind $inputs `to` $output $axes `attributes` $options `witness` $witness attr-dict"
    )

    def __init__(
        self,
        kind: str,
        inputs: Sequence[str],
        output: str,
        axes: Sequence[str],
        options: Mapping[str, int | str | Sequence[int]],
        witness: Mapping[str, Sequence[str]],
        module: str = "",
    ):
        super().__init__(
            properties={
                "kind": StringAttr(kind),
                "inputs": names_attr(inputs),
                "output": StringAttr(output),
                "axes": names_attr(axes),
                "options": DictionaryAttr({k: _option(v) for k, v in options.items()}),
                "witness": DictionaryAttr({k: names_attr(v) for k, v in witness.items()}),
            }
        )
        with_path(self, module)

    @property
    def plain_options(self) -> dict[str, int | str | tuple[int, ...]]:
        return {name: _plain(value) for name, value in self.options.data.items()}

    @property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """The witness columns of each role."""
        roles: dict[str, tuple[str, ...]] = {}
        for role, names in self.witness.data.items():
            found = (expect(name, StringAttr) for name in expect(names, ArrayAttr))
            roles[role] = tuple(name.data for name in found)
        return roles

    def verify_(self) -> None:
        for name, value in self.options.data.items():
            try:
                _plain(value)
            except TypeError:
                raise VerifyException(f"attribute {name} is no number, text or list") from None
        for role, names in self.witness.data.items():
            require(
                isinstance(names, ArrayAttr) and all(isinstance(n, StringAttr) for n in names),
                f"witness role {role} is no list of columns",
            )


def _option(value: int | str | Sequence[int]) -> Attribute:
    if isinstance(value, int):
        return IntegerAttr(value, i64)
    if isinstance(value, str):
        return StringAttr(value)
    return DenseArrayBase.from_list(i64, value)


def _plain(attribute: Attribute) -> int | str | tuple[int, ...]:
    if isinstance(attribute, IntegerAttr):
        return attribute.value.data
    if isinstance(attribute, StringAttr):
        return attribute.data
    if isinstance(attribute, DenseArrayBase):
        return tuple(int(value) for value in attribute.get_values())
    raise TypeError


class Scope(IRDLOperation):
    """An operation that only groups others."""

    body = region_def("single_block")

    def __init__(self, operations: Sequence[Operation]):
        super().__init__(regions=[Region(Block(operations))])

    @classmethod
    def parse(cls, parser: Parser):
        attributes = parser.parse_optional_attr_dict_with_keyword()
        region = parser.parse_region()
        if not region.blocks:
            region.add_block(Block())
        op = cls.create(regions=[region])
        op.attributes |= attributes.data if attributes else {}
        return op

    def print(self, printer: Printer) -> None:
        printer.print_op_attributes(self.attributes, print_keyword=True)
        printer.print_string(" ")
        printer.print_region(self.body, print_empty_block=False)


@irdl_op_definition
class LayersOp(Scope):
    """The steps that run once for each layer.

    ```mlir
    zk.layers {
      zk.step "add" ["x", "delta"] to "y" ["token", "channel"] attributes {} witness {}
    }
    ```
    """

    name = "zk.layers"
    traits = traits_def(NoTerminator())

    def verify_(self) -> None:
        require(
            all(isinstance(op, StepOp) for op in self.body.block.ops), "zk.layers has steps only"
        )


@irdl_op_definition
class ComputeOp(Scope):
    """How the witness is made: steps, one `zk.layers`, steps. Nothing here is trusted.

    ```mlir
    zk.compute {
      zk.layers {
        zk.step "add" ["x", "delta"] to "y" ["token", "channel"] attributes {} witness {}
      }
    }
    ```
    """

    name = "zk.compute"
    traits = traits_def(NoTerminator())

    def verify_(self) -> None:
        ops = list(self.body.block.ops)
        require(
            all(isinstance(op, StepOp | LayersOp) for op in ops)
            and sum(isinstance(op, LayersOp) for op in ops) == 1,
            "zk.compute has steps and one zk.layers",
        )
