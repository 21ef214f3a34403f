"""From `zk.compute` to the witness program (`runtime.circuit.program`): values in SSA become named values.

A value is named by its hint, with a number where another one has that name; the residual stream is
`residual`, wherever it is read. What is before `zk.layers` is the prologue and what is behind it the
epilogue. A function whose layers are not stacked has no `zk.layers`: the embedding ends its prologue, and all
other steps are behind layers of no steps.

Errors: `UserError` where the step that makes the residual stream is not the last one of its part, from
which the program takes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from xdsl.ir import Operation, SSAValue

from ..dialects import zk
from ..dialects.nn import module_path
from ..errors import UserError
from ..runtime.circuit.extents import Axis, Shape
from ..runtime.circuit.program import Program, Step

RESIDUAL = "residual"


def witness_program(compute: zk.ComputeOp, axes: Mapping[str, Axis]) -> Program:
    """The program of a compute side whose systems have these axes."""
    layers = Shape().size(axes["layer"]) if "layer" in axes else 0
    ops = list(compute.body.block.ops)
    names = _Names()
    for place, op in enumerate(ops):
        if isinstance(op, zk.LayersOp):
            before = names.steps(ops[:place], op.enters)
            names.of[op.stream] = names.of[op.result] = RESIDUAL
            body = names.steps(op.body.block.ops, op.end.value)
            return Program(layers, before, body, names.steps(ops[place + 1 :]))
    embeds = [place for place, op in enumerate(ops) if layers and isinstance(op, zk.EmbedOp)]
    first = embeds[0] + 1 if embeds else len(ops)
    return Program(layers, names.steps(ops[:first]), (), names.steps(ops[first:]))


@dataclass
class _Names:
    """The program's names of values."""

    of: dict[SSAValue, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=lambda: {RESIDUAL})

    def steps(self, ops: Iterable[Operation], end: SSAValue | None = None) -> tuple[Step, ...]:
        """The steps of a part, which ends with what makes ``end``."""
        found, last = [], None
        for op in ops:
            if isinstance(op, zk.ReadOp):
                self.of[op.result] = op.column_name
            elif isinstance(op, zk.Step):
                found.append(self.step(op))
                last = op
        if end is not None and last is not None and end.owner is not last:
            raise UserError(
                f"{module_path(last) or last.name}: this is the last step before layers or of a layer, and "
                "does not make the residual stream"
            )
        return tuple(found)

    def step(self, op: zk.Step) -> Step:
        output = self.name(op)
        for value, name in zip(op.results, (output, f"{output}.inv"), strict=False):
            self.of[value] = name
        return Step(
            op=op.kind,
            inputs=tuple(self.of[value] for value in op.inputs),
            output=output,
            axes=zk.axes_of(op.results[0]),
            attributes=op.options,
            witness=zk.roles(op),
            origin=module_path(op),
        )

    def name(self, op: zk.Step) -> str:
        hint = op.results[0].name_hint or op.kind
        found, n = hint, 1
        while found in self.used:
            n += 1
            found = f"{hint}{n}"
        self.used.add(found)
        return found
