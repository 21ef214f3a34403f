"""The examples in the dialect's docstrings parse, verify and print as themselves."""

from __future__ import annotations

import re

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func
from xdsl.ir import Operation
from xdsl.parser import Parser
from zklemma.dialects.quant import QUANT, LayersOp, QuantTensorType, YieldOp, signed_bits

OPERATIONS = [op for op in QUANT.operations if op not in (LayersOp, YieldOp)]


def parse(text: str) -> ModuleOp:
    context = Context()
    for dialect in (Builtin, Func, QUANT):
        context.load_dialect(dialect)
    module = Parser(context, text).parse_module()
    module.verify()
    return module


@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.name)
def test_docstring_example(op: type[Operation]) -> None:
    match = re.search(r"```mlir\n(.*?)```", op.__doc__ or "", re.DOTALL)
    assert match is not None
    example = match[1]
    names = re.findall(r"%\w+", example.partition("=")[2])
    signature = re.search(r":\s*\((.*?)\)\s*->", example, re.DOTALL)
    types = re.findall(r"!quant\.tensor<.*?>", signature[1], re.DOTALL) if signature else []
    arguments = ", ".join(f"{n}: {t}" for n, t in zip(names, types, strict=True))
    module = parse(f"func.func @example({arguments}) {{\n{example}\nfunc.return\n}}")
    assert any(type(each) is op for each in module.walk())
    assert str(parse(str(module))) == str(module)


def test_signed_bits_hold_both_signs() -> None:
    for magnitude in (0, 1, 127, 128, 1 << 40):
        bound = QuantTensorType.of([1], signed_bits(magnitude), 0).bound
        assert -bound <= -magnitude and magnitude < bound
