"""The prover: runs the integer model, commits to what it computed, and proves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np

from ...errors import UserError
from ..circuit.generation import Generation
from ..circuit.layout import pieces
from ..circuit.program import Program
from ..circuit.relations import Circuit
from ..kernels.memory import return_freed_memory
from ..model.links import NEW, OLD, link_subject
from ..model.masks import WeightMasks
from ..model.subjects import Key, subject_of
from ..model.weight_ranges import range_subject
from ..progress import Clock, Progress, Silent
from ..protocol.channel import Channel, Reader
from ..protocol.commitment.cells import lay_out
from ..protocol.commitment.codeword import LeanCodeword, commit
from ..protocol.commitment.merkle import SALT_WORDS
from ..protocol.commitment.slabs import Slabs
from ..protocol.conversation import verify_relations
from ..protocol.deferred import deferred_weights
from ..protocol.disclosure import prover as disclosure_prover
from ..protocol.disclosure.prover import Sealed
from ..protocol.einsum import prover as einsum_prover
from ..protocol.function_statement import FunctionStatement
from ..protocol.lookup import prover as logup_prover
from ..protocol.lookup.multiplicities import count_uses
from ..protocol.opening import prover as opening_prover
from ..protocol.opening import verifier as opening_verifier
from ..protocol.pads import prover as pads_prover
from ..protocol.parameters import Parameters
from ..protocol.plan import place
from ..protocol.prover_channel import ProverChannel
from ..protocol.statement import Statement, frame
from ..protocol.subject import Subject
from ..randomness import Randomness
from ..witness.columns import Columns
from ..witness.executor import Executor
from .footprint import prove_bytes


@dataclass(frozen=True)
class Request:
    """What to prove: that the model continues tokens[:prompt] greedily with the others.

    ``private`` names what of "prompt" and "output" the statement commits to only; a private prompt's length
    shows as at most ``bound``. ``nonce`` goes into the statement.
    """

    tokens: tuple[int, ...]
    prompt: int
    hiding: bool
    private: tuple[str, ...] = ()
    bound: int = 0
    nonce: bytes = b""

    @property
    def length(self) -> int:
        """The prompt's length as the statement gives it."""
        return self.bound if "prompt" in self.private else self.prompt

    @property
    def shape(self) -> Generation:
        """Tokens in columns take one position more."""
        return Generation(self.length + bool(self.private), len(self.tokens) - self.prompt)


S = TypeVar("S", Statement, FunctionStatement)


@dataclass(frozen=True)
class ProofResult(Generic[S]):
    """A proof; ``seconds`` for each of load, execute, commit, lookup, einsum, open, and their total;
    ``predicted_bytes`` of memory (`memory`).

    ``sealed`` can open what the statement keeps behind digests.
    """

    statement: S
    proof: bytes
    seconds: dict[str, float]
    committed_cells: int
    lookups: int
    predicted_bytes: int
    sealed: Mapping[str, Sealed]

    @property
    def hiding(self) -> bool:
        return self.statement.hiding


class CommittedWeights:
    """The weights, their cells in slabs, their masks and their codeword. ``masks`` get its tree."""

    def __init__(
        self,
        circuit: Circuit,
        p: Parameters,
        params: Mapping[str, np.ndarray],
        masks: WeightMasks,
    ):
        tensors = ((c.name, pieces(params[c.name].shape)) for c in circuit.home("param"))
        placed, slabs = place(tensors, p.data_columns, p.row_bits)
        self.params = params
        self.slabs = Slabs(p, lay_out(placed, params, 0, slabs), masks.cells)
        self.code = LeanCodeword(self.slabs, p.log_code, masks.salts, masks.tree)
        self.masks = replace(masks, tree=self.code.layers)
        self._tree_given = masks.tree is not None

    @property
    def root(self) -> bytes:
        return self.code.root

    def check(self, key: Key) -> None:
        """`UserError` unless these are the weights and masks of that key."""
        if self._tree_given:
            # Other rows differ in three columns of four.
            drawn = Randomness(True).elements(4) >> np.uint64(64 - key.parameters.log_code)
            self.code.columns(sorted({int(position) for position in drawn}))
        if self.root != key.weight_root:
            raise UserError("the weights and masks are not those that the key commits to")

    def named(self, prefix: str) -> CommittedWeights:
        """The same commitment for a circuit in which the columns' names have a prefix."""
        found = copy(self)
        found.params = {prefix + name: array for name, array in self.params.items()}
        return found


def prove_subject(
    subject: Subject,
    weights: Sequence[CommittedWeights],
    witness: Mapping[str, np.ndarray],
    clock: Clock,
    strict: bool = True,
    sealed: Mapping[str, Sealed] | None = None,
) -> bytes:
    """The prover's side of the conversation, from weights, one for each root, and witness columns.

    With ``strict`` a looked-up value that is in no table raises `RangeError`; without, the proof is made all
    the same and does not verify. ``sealed`` are the commitments behind the subject's digests; all other
    randomness is drawn here, anew for each call.
    """
    plan, p = subject.plan, subject.parameters
    randomness = Randomness(subject.hiding)
    values = {name: array for held in weights for name, array in held.params.items()} | {**witness}
    columns = Columns(subject.circuit, subject.shape, values, subject.inputs)

    clock.start("commit")
    counts = count_uses(plan, columns, strict)
    committed = {c.name: witness[c.name] for c in subject.circuit.committed} | counts
    *others, own = plan.slabs
    cells = lay_out(plan.placed, committed, sum(map(len, others)), own)
    masks = randomness.elements(plan.rows[-1], p.mask_columns)
    uniform = randomness.elements(2, 1 << p.log_columns)
    salts = randomness.elements(SALT_WORDS, 1 << p.log_code)
    slabs = Slabs(p, cells, masks, uniform)
    code = commit(slabs, p.log_code, salts)
    pads = pads_prover.Pads(plan, randomness)
    channel = ProverChannel(subject.begin(), pads.pads)
    channel.raw("witness root", code.root)
    channel.raw("pads root", pads.code.root)

    return_freed_memory()
    clock.start("lookup")
    left = logup_prover.prove(channel, plan, columns, counts)
    deferred = deferred_weights(plan, subject.expander, *left)
    clock.start("einsum")
    einsum_prover.prove(channel, plan, subject.expander, columns, deferred)
    disclosure_prover.prove(channel, plan, columns, sealed or {})

    return_freed_memory()
    clock.start("open")
    # The claims and the constraints on pads are what the verifier makes of what was sent; nothing is
    # checked here.
    replay = Channel(subject.begin(), Reader(channel.out), hiding=True)
    claims = verify_relations(replay, subject).claims
    f, g = opening_prover.prove_masked(
        channel, plan, claims, [*(held.slabs for held in weights), slabs], uniform
    )
    opening_verifier.verify_masked(replay, plan, claims)
    opening_prover.prove_clear(channel, plan, f, g, [*(held.code for held in weights), code])
    pads_prover.prove(channel, plan, pads, replay)
    clock.stop()
    return bytes(channel.out)


def prove_ranges(circuit: Circuit, parameters: Parameters, weights: CommittedWeights) -> bytes:
    """The proof that `ranges` describes; it opens one proof's worth of columns of the weights.

    `RangeError` names a weight out of range.
    """
    subject = range_subject(circuit, parameters, weights.root)
    return prove_subject(subject, [weights], {}, Clock(Silent()))


def prove_link(
    circuit: Circuit, parameters: Parameters, old: CommittedWeights, new: CommittedWeights
) -> bytes:
    """The proof that `links` describes; it opens one proof's worth of columns of both."""
    subject = link_subject(circuit, parameters, old.root, new.root)
    return prove_subject(subject, [old.named(OLD), new.named(NEW)], {}, Clock(Silent()))


class KeyProver:
    """Proves statements under one key from witnesses. The weights' codeword is made once and kept."""

    def __init__(self, key: Key, params: Mapping[str, np.ndarray], masks: WeightMasks):
        self.key = key
        self.weights = CommittedWeights(key.circuit, key.parameters, params, masks)
        self.weights.check(key)

    def prove_witness(
        self,
        statement: S,
        witness: Mapping[str, np.ndarray],
        clock: Clock,
        strict: bool = True,
        sealed: Mapping[str, Sealed] | None = None,
    ) -> ProofResult[S]:
        """Prove the statement from given witness columns; see `prove_subject`."""
        subject = subject_of(self.key, statement)
        said = prove_subject(subject, [self.weights], witness, clock, strict, sealed)
        return ProofResult(
            statement=statement,
            proof=frame(statement) + said,
            seconds=clock.seconds | {"total": sum(clock.seconds.values())},
            committed_cells=subject.plan.committed_cells,
            lookups=subject.plan.lookup_cells,
            predicted_bytes=max(prove_bytes(subject.plan).values()),
            sealed=sealed or {},
        )


class Prover(KeyProver):
    """Proves generations under one key. ``program`` makes the witness of the circuit that is proved: with
    ``private``, of the key's private one."""

    def __init__(
        self,
        key: Key,
        program: Program,
        params: Mapping[str, np.ndarray],
        masks: WeightMasks,
        private: bool = False,
    ):
        circuit = key.private_circuit if private else key.circuit
        self.executor = Executor(circuit, program, params)
        super().__init__(key, params, masks)

    def prove(self, request: Request, clock: Clock) -> ProofResult[Statement]:
        """Prove what is asked, with fresh commitments to what is private."""
        clock.start("execute")
        tokens, prompt = request.tokens, request.prompt
        generated = len(tokens) - prompt
        shown = tokens[:prompt] * ("prompt" not in request.private)
        shown += tokens[prompt:] * ("output" not in request.private)
        witness = self.executor.witness(tokens, prompt, generated, clock.at, request.shape)
        randomness = Randomness(request.hiding)
        sealed = {}
        for what in request.private:
            columns = (witness[name].reshape(-1) for name in self.executor.circuit.reveals[what])
            cells = np.concatenate(list(columns)).tolist()
            sealed[what] = Sealed(cells, self.key.parameters, randomness)
        digests = {f"{what}_digest": found.digest for what, found in sealed.items()}
        statement = Statement(
            request.length, generated, shown, request.hiding, nonce=request.nonce, **digests
        )
        return self.prove_witness(statement, witness, clock, sealed=sealed)


def prove(
    key: Key,
    program: Program,
    params: Mapping[str, np.ndarray],
    masks: WeightMasks,
    request: Request,
    progress: Progress,
) -> ProofResult[Statement]:
    """One proof: `Prover` for one request. The stage ``load`` makes the weights' codeword again."""
    clock = Clock(progress)
    clock.start("load")
    return Prover(key, program, params, masks, bool(request.private)).prove(request, clock)
