"""The prover: runs the integer model, commits to what it computed, and proves it."""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..schema.circuit import Circuit
from ..schema.program import Program
from . import field
from .evaluate import Columns
from .executor import Executor
from .masks import WeightMasks
from .progress import Progress
from .protocol import (
    einsum_prover,
    logup_prover,
    opening_prover,
    opening_verifier,
    pads_prover,
)
from .protocol.channel import Channel, Reader
from .protocol.codeword import Codeword
from .protocol.merkle import SALT_WORDS
from .protocol.parameters import Parameters
from .protocol.plan import Plan, place
from .protocol.prover_channel import ProverChannel
from .protocol.statement import Statement
from .protocol.weights import Expander, Tokens
from .protocol.witness import count_uses, lay_out
from .randomness import Randomness
from .verifier import Key, begin, verify_relations


@dataclass(frozen=True)
class ProofResult:
    """A proof; ``seconds`` for each of execute, commit, lookup, einsum, open, and their total."""

    proof: bytes
    seconds: dict[str, float]
    committed_cells: int
    lookups: int
    hiding: bool


def commit_weights(
    circuit: Circuit, parameters: Parameters, params: Mapping[str, np.ndarray], masks: WeightMasks
) -> bytes:
    """The root of the committed weights, 32 bytes."""
    return _weights(circuit, parameters, params, masks)[1].root


def _weights(
    circuit: Circuit, p: Parameters, params: Mapping[str, np.ndarray], masks: WeightMasks
) -> tuple[np.ndarray, Codeword]:
    placed, slabs = place(
        [(c.name, params[c.name].shape) for c in circuit.home("param")], p.slab_cells, p.row_bits
    )
    cells = lay_out(placed, params, 0, slabs, p.slab_cells)
    return cells, Codeword(_messages(p, cells, masks.cells), p.log_code, masks.salts)


def _messages(p: Parameters, cells: np.ndarray, masks: np.ndarray, extra: int = 0) -> np.ndarray:
    """Slabs as rows of data then mask cells, with room for ``extra`` rows below."""
    slabs, rows = cells.shape[0], 1 << p.row_bits
    out = np.zeros((slabs * rows + extra, 1 << p.log_columns), np.uint64)
    for slab in range(slabs):
        part = out[slab * rows : (slab + 1) * rows]
        part[:, : p.data_columns] = field.to_field(cells[slab].reshape(-1, rows).T)
        part[:, p.data_columns :] = masks[slab]
    return out


class Prover:
    """Proves statements under one key. The weights' codeword is made once and kept."""

    def __init__(
        self, key: Key, program: Program, params: Mapping[str, np.ndarray], masks: WeightMasks
    ):
        self.key = key
        self.params = params
        self.masks = masks
        self.executor = Executor(key.circuit, program, params, key.circuit.max_tokens)
        self._cells, self._code = _weights(key.circuit, key.parameters, params, masks)
        if self._code.root != key.weight_root:
            raise ValueError("the weights are not those that the key commits to")

    def prove(
        self,
        tokens: Sequence[int],
        prompt: int,
        generated: int,
        hiding: bool,
        progress: Progress,
    ) -> ProofResult:
        """Prove that the model continues tokens[:prompt] greedily with the other tokens."""
        started = time.perf_counter()
        witness = self.executor.witness(
            tokens, prompt, generated, lambda done: progress.stage("execute", done)
        )
        statement = Statement(prompt, generated, tuple(int(t) for t in tokens), hiding)
        seconds = {"execute": time.perf_counter() - started}
        return self.prove_witness(statement, witness, progress, seconds)

    def prove_witness(
        self,
        statement: Statement,
        witness: Mapping[str, np.ndarray],
        progress: Progress,
        seconds: dict[str, float] | None = None,
        strict: bool = True,
    ) -> ProofResult:
        """Prove the statement from given witness columns. With ``strict`` a looked-up value that is
        in no table raises `RangeError`; without, the proof is made all the same and does not verify."""
        clock = _Clock(progress, seconds or {})
        key, p, shape = self.key, self.key.parameters, statement.shape
        randomness = Randomness(statement.hiding)
        plan = Plan(key.circuit, p, shape)
        tokens = np.array(statement.tokens, np.int64)
        columns = Columns(key.circuit, shape, {**self.params, **witness}, tokens)
        expander = Expander(key.circuit, shape, Tokens(statement.tokens, shape))

        clock.start("commit")
        counts = count_uses(plan, columns, strict)
        committed = {c.name: witness[c.name] for c in key.circuit.home("witness")} | counts
        cells = lay_out(plan.placed, committed, plan.weight_slabs, plan.witness_slabs, p.slab_cells)
        masks = randomness.elements(plan.witness_slabs, 1 << p.row_bits, p.mask_columns)
        uniform = randomness.elements(2, 1 << p.log_columns)
        messages = _messages(p, cells, masks, extra=2)
        messages[-2:] = uniform
        code = Codeword(messages, p.log_code, randomness.elements(SALT_WORDS, 1 << p.log_code))
        del messages
        pads = pads_prover.Pads(plan, randomness)
        channel = ProverChannel(begin(key, statement), pads.pads)
        channel.raw("witness root", code.root)
        channel.raw("pads root", pads.code.root)

        clock.start("lookup")
        logup_prover.prove(channel, plan, columns, counts)
        clock.start("einsum")
        einsum_prover.prove(channel, plan, expander, columns)

        clock.start("open")
        # The claims and the constraints on pads are what the verifier makes of what was sent; nothing
        # is checked here.
        replay = Channel(begin(key, statement), Reader(channel.out), hiding=True)
        claims = verify_relations(replay, plan, statement).claims
        f, g = opening_prover.prove_masked(
            channel,
            plan,
            claims,
            np.concatenate([self._cells, cells]),
            np.concatenate([self.masks.cells, masks]),
            uniform,
        )
        opening_verifier.verify_masked(replay, plan, claims)
        opening_prover.prove_clear(channel, plan, f, g, self._code, code)
        pads_prover.prove(channel, plan, pads, replay)
        header = statement.encode()
        clock.stop()
        return ProofResult(
            proof=struct.pack("<I", len(header)) + header + bytes(channel.out),
            seconds=clock.seconds,
            committed_cells=plan.committed_cells,
            lookups=plan.lookup_cells,
            hiding=statement.hiding,
        )


def prove(
    key: Key,
    program: Program,
    params: Mapping[str, np.ndarray],
    masks: WeightMasks,
    tokens: Sequence[int],
    prompt: int,
    generated: int,
    hiding: bool,
    progress: Progress,
) -> ProofResult:
    """One proof: `Prover` for one statement."""
    prover = Prover(key, program, params, masks)
    return prover.prove(tokens, prompt, generated, hiding, progress)


class _Clock:
    """Times stages and reports them."""

    def __init__(self, progress: Progress, seconds: dict[str, float]):
        self.seconds = seconds
        self._progress = progress
        self._stage = ""
        self._since = 0.0

    def start(self, stage: str) -> None:
        self._end()
        self._stage, self._since = stage, time.perf_counter()
        self._progress.stage(stage, 0.0)

    def _end(self) -> None:
        if self._stage:
            self.seconds[self._stage] = time.perf_counter() - self._since
            self._progress.stage(self._stage, 1.0)

    def stop(self) -> None:
        self._end()
        self._stage = ""
        self.seconds["total"] = sum(self.seconds.values())
