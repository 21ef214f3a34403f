"""The integer executor of a function: a batch of examples in, the outputs or the witness of a proof out.

It defines the function that is proved, by the steps that generation takes too (`runtime.witness.steps`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...errors import UserError, ZklemmaError
from ..circuit import function
from ..circuit.function import Batch
from ..circuit.index import Inputs
from ..circuit.program import DEFINE, Program
from ..circuit.relations import Circuit
from .recorder import Recorder, check_params
from .steps import Model, Observe, Pass, axes_and_bits

REMEDY = "compile with more headroom (--headroom 4), or calibrate on examples like this"


class FunctionExecutor:
    """Runs one function. ``params`` are its ``param`` columns, in any integer dtype."""

    def __init__(
        self, circuit: Circuit, program: Program, params: Mapping[str, np.ndarray]
    ) -> None:
        check_params(circuit, params)
        self.circuit = circuit
        self.model = Model(circuit, params)
        steps = (*program.prologue, *program.epilogue)
        self.steps = [step for step in steps if step.op != DEFINE]
        self.definitions = [step for step in steps if step.op == DEFINE]
        self.axes, self.bits = axes_and_bits(self.steps)
        outputs = function.columns(circuit, function.OUTPUT)
        self._outputs = {what.partition(" ")[2] for what in outputs}
        if program.layers or program.body:
            raise ZklemmaError("a function has no layers")

    def run(
        self, inputs: Mapping[str, np.ndarray], observe: Observe | None = None
    ) -> dict[str, np.ndarray]:
        """The integers of each output (examples, ...) by its name, from those of each input; ``observe`` gets each
        step's value."""
        run = self._pass(inputs)
        run.observe = observe
        self._run(run)
        if missing := self._outputs - set(run.results):
            raise UserError(f"the witness program does not give {', '.join(sorted(missing))}")
        return run.results

    def witness(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Every witness column for as many examples as there are, in its narrowest integer dtype."""
        run = self._pass(inputs)
        examples, most = len(next(iter(inputs.values()), ())), function.most(self.circuit)
        if examples > most:
            raise UserError(
                f"{examples} examples are too many: the function was compiled for {most}"
            )
        recorder = Recorder(self.circuit, Batch(examples))
        run.record = recorder.record
        self._run(run)
        recorder.define(self.definitions, self.model.params, Inputs())
        return recorder.complete()

    def _run(self, run: Pass) -> None:
        for step in self.steps:
            try:
                run.run(step)
            except (LookupError, TypeError, ValueError) as error:
                # Anyone may have written the program.
                where = step.origin or step.output
                raise UserError(
                    f"the witness program does not fit the circuit: {where}: {step.op}"
                ) from error

    def _pass(self, inputs: Mapping[str, np.ndarray]) -> Pass:
        none = np.zeros(0, np.int64)
        run = Pass(self.model, self.axes, self.bits, none, slice(0), given=inputs, remedy=REMEDY)
        if len({len(array) for array in inputs.values()}) != 1:
            raise UserError("a function takes inputs, all of one number of examples")
        return run
