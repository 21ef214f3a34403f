"""What the tests prove with: keys of two small circuits, honest proofs, and provers that cheat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module

import numpy as np
from tiny import (
    tiny_circuit,
    tiny_params,
    tiny_private_circuit,
    tiny_private_witness,
    tiny_program,
    tiny_witness,
)
from zklemma.runtime import field
from zklemma.runtime.circuit.encoding import encode_circuit
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.circuit.program import Program
from zklemma.runtime.circuit.relations import Circuit
from zklemma.runtime.field import Ext
from zklemma.runtime.model.keys import VerifyingKey
from zklemma.runtime.model.links import Ancestor
from zklemma.runtime.model.masks import WeightMasks
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.protocol.axis_weights import Expander
from zklemma.runtime.protocol.channel import Channel, Reader
from zklemma.runtime.protocol.conversation import verify_circuit
from zklemma.runtime.protocol.deferred import deferred_weights
from zklemma.runtime.protocol.disclosure.prover import Sealed
from zklemma.runtime.protocol.einsum import prover as einsum_prover
from zklemma.runtime.protocol.lookup import prover as logup_prover
from zklemma.runtime.protocol.lookup.multiplicities import Rows, count_uses
from zklemma.runtime.protocol.pads.shared import cells
from zklemma.runtime.protocol.parameters import GRIND_BITS, Level, Parameters, queries
from zklemma.runtime.protocol.plan import Plan
from zklemma.runtime.protocol.prover_channel import ProverChannel
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.protocol.transcript import Transcript
from zklemma.runtime.proving.prover import CommittedWeights, Prover
from zklemma.runtime.randomness import Randomness
from zklemma.runtime.verifying.verifier import Verified, verify
from zklemma.runtime.witness.columns import Columns
from zklemma.runtime.witness.executor import Executor

toy_model = import_module("toy").toy_model

LOOKUP = "lookup: the sum of fractions"

Witness = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Key:
    circuit: Circuit
    parameters: Parameters
    weight_root: bytes
    digest: bytes
    private_circuit: Circuit
    ancestors: tuple[Ancestor, ...] = ()

    def check_ranges(self) -> None:
        """`tests/hiding/test_ranges.py` is about them."""

    def tokenize(self, text: str) -> list[int]:
        """A tokenizer of single characters, which any tokens are canonical for."""
        return [*map(ord, text)]

    def text(self, tokens: Sequence[int]) -> str:
        return "".join(map(chr, tokens))


def parameters(
    log_columns: int,
    folds: Sequence[int],
    pads: int = 1500,
    group_bits: int = 22,
    hiding: int = 1,
) -> Parameters:
    """Just over 100 bits, with one recursion level for each fold. A key may say that it hides its
    weights; here they are not committed with masks, and nobody relies on it."""
    work, masks = 104 - GRIND_BITS, 128
    levels, cells = [], log_columns
    for blowup, fold in enumerate(folds, 3):
        count = queries(2.0**-blowup, work)
        levels.append(Level(cells, fold, cells - fold + blowup, count, GRIND_BITS))
        cells -= fold
    pads_log_code = (16 * (pads + 1 + masks) - 1).bit_length()
    return Parameters(
        row_bits=5,
        log_columns=log_columns,
        log_code=log_columns + 2,
        queries=queries(0.25, work),
        grind=GRIND_BITS,
        levels=tuple(levels),
        pads_masks=masks,
        pads_log_code=pads_log_code,
        pads_queries=queries((pads + 1 + masks) / 2**pads_log_code, work),
        group_bits=group_bits,
        hiding=hiding,
    )


class Setting:
    """A circuit with weights, its key and its prover."""

    def __init__(
        self,
        circuit: Circuit,
        program: Program,
        params: dict[str, np.ndarray],
        code: Parameters,
        witness: Callable[[Statement], Witness] | None = None,
        private: Circuit | None = None,
        private_witness: Callable[[Generation, Sequence[int], Sequence[int]], Witness]
        | None = None,
    ):
        circuit.check()
        private = private or circuit
        private.check()
        masks = WeightMasks.fresh(circuit, code)
        root = CommittedWeights(circuit, code, params, masks).root
        self.circuit, self.program, self.params = circuit, program, params
        # The key as a file, for whoever reads keys: without ranges and tokenizer.
        self.file = VerifyingKey(
            name="test",
            weights=0,
            code=code.to_list(),
            eos=(),
            weight_root=root,
            circuit_bytes=encode_circuit(circuit),
            private_circuit_bytes=encode_circuit(private),
            function_bytes=b"",
            tokenizer_bytes=b"",
            range_proof=b"",
        )
        self.key = Key(circuit, code, root, self.file.digest, private)
        self.prover = Prover(self.key, program, params, masks)
        self._witness = witness
        self._private_witness = private_witness

    def answer(self, prompt: Sequence[int], generated: int, hiding: bool = False) -> Statement:
        """The true statement about a prompt."""
        tokens = [*prompt, *self.prover.executor.generate(prompt, generated)]
        return Statement(len(prompt), generated, tuple(tokens), hiding)

    def witness(self, statement: Statement) -> Witness:
        if self._witness:
            return self._witness(statement)
        return self.prover.executor.witness(statement.tokens, statement.prompt, statement.generated)

    def prove(self, statement: Statement, witness: Witness | None = None) -> bytes:
        """An honest proof, or one around a given witness, whether it holds or not."""
        columns = self.witness(statement) if witness is None else witness
        return self.prover.prove_witness(statement, columns, Clock(Silent()), strict=False).proof

    def seal(
        self, statement: Statement, witness: Witness, items: Sequence[str]
    ) -> tuple[Statement, dict[str, Sealed]]:
        """The statement with digests of the witness's prompt or output, and what is behind them."""
        sealed = {}
        for what in items:
            names = self.key.private_circuit.reveals[what]
            flat = np.concatenate([witness[name].reshape(-1) for name in names])
            cells = [cell % field.P for cell in flat.tolist()]
            randomness = Randomness(statement.hiding)
            sealed[what] = Sealed(cells, self.key.parameters, randomness)
        digests = {f"{what}_digest": found.digest for what, found in sealed.items()}
        return replace(statement, **digests), sealed

    def private_case(
        self,
        items: Sequence[str],
        prompt: Sequence[int],
        output: Sequence[int],
        bound: int,
        hiding: bool = True,
    ) -> tuple[Statement, Witness, dict[str, Sealed]]:
        """A true statement that keeps the items private, its witness, and what its digests commit to."""
        length = bound if "prompt" in items else len(prompt)
        tokens = tuple(prompt) * ("prompt" not in items) + tuple(output) * ("output" not in items)
        shape = Generation(length + 1, len(output))
        assert self._private_witness
        witness = self._private_witness(shape, prompt, output)
        statement = Statement(length, len(output), tokens, hiding)
        statement, sealed = self.seal(statement, witness, items)
        return statement, witness, sealed

    def prove_private(
        self, statement: Statement, witness: Witness, sealed: Mapping[str, Sealed]
    ) -> bytes:
        """An honest proof around a witness, whether it holds or not."""
        clock = Clock(Silent())
        return self.prover.prove_witness(statement, witness, clock, False, sealed).proof

    def verify(self, proof: bytes) -> Verified:
        return verify(self.key, proof)

    def failing(
        self,
        statement: Statement,
        witness: Witness,
        circuit: Circuit | None = None,
        counts: dict[str, np.ndarray] | None = None,
    ) -> set[str]:
        """All the verifier's constraints that a prover fails who follows the protocol around
        ``witness``, in ``circuit`` or the setting's own. A verifier rejects for the first of them;
        nothing is committed or opened here."""
        circuit, shape = circuit or self.circuit, statement.shape
        plan = Plan(circuit, self.key.parameters, shape)
        columns = Columns(circuit, shape, {**self.params, **witness}, statement.inputs)
        expander = Expander(circuit, shape, statement.inputs)
        counts = counts or count_uses(plan, columns, strict=False)
        channel = ProverChannel(Transcript("test"), np.zeros((2, cells(plan)), np.uint64))
        left = logup_prover.prove(channel, plan, columns, counts)
        deferred = deferred_weights(plan, expander, *left)
        einsum_prover.prove(channel, plan, expander, columns, deferred)
        # A channel that hides collects the constraints; the pads are zero, so constants are values.
        replay = Channel(Transcript("test"), Reader(channel.out), hiding=True)
        claims = verify_circuit(replay, plan, expander)
        replay.reader.finish()
        # Where a column is not committed, what lookups say of it is a claim on what defines it.
        reads = [
            einsum_prover.read_value(expander, columns, r) * r.coefficient for r in claims[1].reads
        ]
        lookups = {"deferred claims"} if sum(reads, Ext.ZERO) != claims[1].value.constant else set()
        return lookups | {name for name, value in replay.constraints if value.constant}

    def lost(
        self, statement: Statement, witness: Witness, circuit: Circuit | None = None
    ) -> set[str]:
        """The lookups that look something up that is in no table."""
        circuit = circuit or self.circuit
        columns = Columns(circuit, statement.shape, {**self.params, **witness}, statement.inputs)
        return {
            lookup.name
            for lookup in circuit.lookups
            if (self.rows(lookup.table).find([columns.expr(e) for e in lookup.exprs]) < 0).any()
        }

    @cache  # noqa: B019
    def rows(self, table: str) -> Rows:
        return Rows(self.circuit.table[table], self.circuit.data[table])


def toy_setting(code: Parameters | None = None, seed: int = 0) -> Setting:
    circuit, program, params = toy_model(2, seed)
    private, private_program, _ = toy_model(2, seed, private=True)
    executor = Executor(private, private_program, params)

    def private_witness(shape: Generation, prompt: Sequence[int], output: Sequence[int]) -> Witness:
        return executor.witness([*prompt, *output], len(prompt), len(output), shape=shape)

    code = code or parameters(13, [4])
    return Setting(circuit, program, params, code, None, private, private_witness)


def tiny_setting(
    code: Parameters | None = None, seed: int = 0, circuit: Circuit | None = None
) -> Setting:
    params = tiny_params(seed)

    def witness(statement: Statement) -> Witness:
        return tiny_witness(params, statement.shape, statement.tokens)

    def private_witness(shape: Generation, prompt: Sequence[int], output: Sequence[int]) -> Witness:
        return tiny_private_witness(params, shape, prompt, output)

    code, private = code or parameters(8, [2], pads=300), tiny_private_circuit()
    return Setting(
        circuit or tiny_circuit(), tiny_program(), params, code, witness, private, private_witness
    )
