"""Values of the compute side get names of their own; the program takes the residual stream from last steps."""

from __future__ import annotations

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin
from xdsl.parser import Parser
from zklemma.compiler.modules import systems
from zklemma.compiler.witness_program import witness_program
from zklemma.dialects import zk
from zklemma.errors import UserError
from zklemma.runtime.circuit.program import Program, Step

VALUE = "!zk.value<[token], 0 to 7>"


def program(layer: str, behind: str = "") -> Program:
    """The program of steps of a layer, and behind it, that add."""
    context = Context()
    for dialect in (Builtin, zk.ZK):
        context.load_dialect(dialect)
    text = f"""
      zk.system extents <tokens 8> {{
        zk.axis @layer 3
        zk.axis @token tokens
        zk.column @p public "data" [token] in 0 to 7 = ["token"]
        zk.compute {{
          %p = zk.read @p : {VALUE}
          %x = zk.add %p, %p : ({VALUE}, {VALUE}) -> {VALUE}
          %out = zk.layers %x : {VALUE} -> {VALUE} {{
          ^bb0(%r: {VALUE}):
            {layer}
          }}
          {behind}
        }}
        zk.constrain {{
        }}
      }}"""
    module = Parser(context, text).parse_module()
    module.verify()
    (system,) = systems(module, zk.SystemOp)
    return witness_program(system.compute, system.axes)


def adds(result: str, left: str, right: str) -> str:
    return f"%{result} = zk.add %{left}, %{right} : ({VALUE}, {VALUE}) -> {VALUE}\n"


def test_names() -> None:
    """By hints, numbered where they meet; of columns their own; the stream is one name everywhere."""
    found = program(
        adds("x_1", "r", "p") + adds("3", "x_1", "r") + f"zk.yield %3 : {VALUE}",
        adds("residual", "out", "x"),
    )
    assert found == Program(
        3,
        (Step("add", ("p", "p"), "x", ("token",)),),
        (
            Step("add", ("residual", "p"), "x2", ("token",)),
            Step("add", ("x2", "residual"), "add", ("token",)),
        ),
        (Step("add", ("residual", "x"), "residual2", ("token",)),),
    )


def test_layers_of_no_steps() -> None:
    assert program(f"zk.yield %r : {VALUE}").body == ()


def test_a_stream_that_the_last_step_does_not_make() -> None:
    steps = adds("a", "r", "p") + adds("b", "r", "r") + f"zk.yield %a : {VALUE}"
    with pytest.raises(UserError, match=r"zk\.add: this is the last step .* does not make the res"):
        program(steps)
