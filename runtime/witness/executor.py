"""The integer executor: greedy generation, logits, and the witness of a proof.

It defines the function that is proved: exact integers, no rounding that depends on the machine. All
three ways to run go through the same steps (`runtime.witness.steps`), so generation with cached keys and
values and the one batched pass that makes the witness agree bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...errors import UserError
from ..circuit.generation import Generation, Tokens, longest, position_ids
from ..circuit.index import Inputs
from ..circuit.program import DEFINE, Program
from ..circuit.relations import Circuit
from .recorder import Recorder, check_params
from .steps import Axes, Model, Observe, Pass, axes_and_bits


class Executor:
    """Runs one model. ``params`` are its ``param`` columns, in any integer dtype."""

    def __init__(
        self,
        circuit: Circuit,
        program: Program,
        params: Mapping[str, np.ndarray],
        max_tokens: int | None = None,
    ) -> None:
        self.circuit = circuit
        self.definitions = [step for step in program.epilogue if step.op == DEFINE]
        self.program = replace(
            program, epilogue=tuple(step for step in program.epilogue if step.op != DEFINE)
        )
        self.max_tokens = min(max_tokens or longest(circuit), longest(circuit))
        check_params(circuit, params)
        self.model = Model(circuit, params)
        steps = (*program.prologue, *program.body, *self.program.epilogue)
        axes, self.bits = axes_and_bits(steps)
        self.axes: dict[str, Axes] = {"residual": program.prologue[-1].axes, **axes}
        embed = next(step for step in program.prologue if step.op == "embed")
        self.vocabulary = len(params[embed.inputs[0]])

    def generate(
        self,
        prompt_ids: Sequence[int],
        count: int,
        on_token: Callable[[int], None] | None = None,
        stop: Collection[int] = (),
    ) -> list[int]:
        """The ``count`` greedy tokens after the prompt; fewer if one of ``stop`` ends the text."""
        ids = self._ids(prompt_ids)
        self._check_length(len(ids), count)
        cache: dict[tuple[str, int | None], np.ndarray] = {}
        tokens: list[int] = []
        start = 0
        while len(tokens) < count and (not tokens or tokens[-1] not in stop):
            run = self._pass(ids, slice(-1, None), start=start, capacity=self.max_tokens)
            run.cache = cache
            self._run(run)
            start = run.stop
            ids = run.values[self.program.epilogue[-1].output]
            tokens.append(int(ids[0]))
            if on_token:
                on_token(tokens[-1])
        return tokens

    def logits(self, ids: Sequence[int], observe: Observe | None = None) -> np.ndarray:
        """The integer logits after each position: int64 [len(ids), vocabulary]; ``observe`` gets each
        step's value with its layer."""
        array = self._ids(ids)
        if len(array) > self.max_tokens:
            raise UserError(f"{len(array)} tokens are too many: at most {self.max_tokens}")
        run = self._pass(array, slice(None), capacity=len(array))
        run.observe = observe
        self._run(run)
        return run.values[f"{self.program.epilogue[-1].output}.logits"]

    def witness(
        self,
        ids: Sequence[int],
        prompt: int,
        generated: int,
        progress: Callable[[float], None] | None = None,
        shape: Generation | None = None,
    ) -> dict[str, np.ndarray]:
        """Every witness column at ``shape``, in its narrowest integer dtype.

        ``ids`` are the prompt and the generated tokens, which must be the model's own. ``progress``
        receives the fraction that is done. A circuit that takes its tokens as inputs has the shape
        Generation(prompt, generated). One that holds them in columns has a position for the last token
        too, Generation(prompt + 1, generated) at least; any longer prompt hides how long this one is.
        """
        tokens = self._ids(ids)
        if len(tokens) != prompt + generated:
            raise UserError(f"{len(tokens)} tokens given, {prompt} + {generated} announced")
        self._check_length(prompt, generated)
        shape = shape or self._least_shape(prompt, generated)
        self._check_shape(shape, prompt, generated)
        recorder = Recorder(self.circuit, shape)
        run = self._pass(
            position_ids(shape, tokens),
            slice(prompt - 1, prompt - 1 + generated),
            capacity=shape.rows,
        )
        run.targets, run.record = tokens[prompt:], recorder.record
        self._run(run, progress)
        inputs = Inputs() if self.circuit.reveals else Tokens(tokens, shape)
        recorder.define(self.definitions, self.model.params, inputs)
        return recorder.complete()

    def _pass(self, ids: np.ndarray, chosen: slice, start: int = 0, capacity: int = 0) -> Pass:
        return Pass(self.model, self.axes, self.bits, ids, chosen, start, capacity)

    def _run(self, run: Pass, progress: Callable[[float], None] | None = None) -> None:
        program = self.program
        for step in program.prologue:
            residual = run.run(step)
        for layer in range(program.layers):
            run.layer, run.values["residual"] = layer, residual
            for step in program.body:
                residual = run.run(step)
            if progress:
                progress((layer + 1) / program.layers)
        run.layer = None
        run.values["residual"] = residual
        for step in program.epilogue:
            run.run(step)

    def _ids(self, ids: Sequence[int]) -> np.ndarray:
        array = np.asarray(ids, dtype=np.int64)
        if array.size == 0:
            raise UserError("the prompt is empty: it needs at least one token")
        if array.min() < 0 or array.max() >= self.vocabulary:
            bad = next(int(i) for i in array if not 0 <= i < self.vocabulary)
            raise UserError(f"token {bad} is not in the vocabulary of {self.vocabulary}")
        return array

    def _check_length(self, prompt: int, generated: int) -> None:
        if prompt < 1 or generated < 1:
            raise UserError("a proof needs at least one prompt token and one generated token")
        if (total := prompt + generated) > self.max_tokens:
            raise UserError(
                f"{prompt} prompt tokens and {generated} new ones make {total}, but the model was "
                f"compiled for {self.max_tokens}: shorten them or compile with more --max-tokens"
            )
        if (rows := Generation(prompt, generated).rows) > (most := longest(self.circuit)):
            raise UserError(
                f"{total} tokens need {rows} positions, but the model was compiled for "
                f"{most}: shorten them or compile with --max-tokens {rows}"
            )

    def _least_shape(self, prompt: int, generated: int) -> Generation:
        return Generation(prompt + 1 if self.circuit.reveals else prompt, generated)

    def _check_shape(self, shape: Generation, prompt: int, generated: int) -> None:
        least = self._least_shape(prompt, generated)
        fits = shape.prompt >= least.prompt if self.circuit.reveals else shape == least
        if not fits or shape.generated != generated:
            raise UserError(
                f"{prompt} prompt tokens and {generated} new ones do not fit a proof of "
                f"{shape.prompt} and {shape.generated}: it needs {least.prompt} and {generated}"
            )
        if shape.rows > (most := longest(self.circuit)):
            raise UserError(
                f"a proof of {shape.prompt} prompt tokens and {generated} new ones needs "
                f"{shape.rows} positions, but the model was compiled for "
                f"{most}: lower the bound on the prompt's length or compile with "
                f"--max-tokens {shape.rows}"
            )
