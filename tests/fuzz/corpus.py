"""Valid inputs of every parser: miniature models with keys, artifacts and proofs, and some texts.

Made by the functions that write such files, with random numbers that are the same in every run, so that a
seed of the fuzzer names an input for good.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from zklemma.runtime.circuit.encoding import encode_circuit, encode_program
from zklemma.runtime.circuit.extents import Axis
from zklemma.runtime.circuit.generation import TOKENS, Generation
from zklemma.runtime.circuit.index import Index
from zklemma.runtime.circuit.program import Program
from zklemma.runtime.circuit.relations import Circuit, Column, Expr, Linear, Term
from zklemma.runtime.model.budget import MemoryBudget
from zklemma.runtime.model.keys import Artifact, VerifyingKey
from zklemma.runtime.model.masks import WeightMasks
from zklemma.runtime.model.tokenizer import compact
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.protocol.disclosure.prover import Sealed
from zklemma.runtime.protocol.parameters import Parameters
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.proving.inference import Inference, Visibility, prove
from zklemma.runtime.proving.prover import CommittedWeights, Prover, prove_ranges
from zklemma.runtime.proving.rotation import rotate
from zklemma.runtime.randomness import Randomness
from zklemma.runtime.verifying.disclosure import Opened

for folder in ("executor", "protocol", "functions"):
    path = str(Path(__file__).parents[1] / folder)
    if path not in sys.path:
        sys.path.append(path)
proving: Any = import_module("proving")
tiny: Any = import_module("tiny")
toy: Any = import_module("toy")
mlp: Any = import_module("mlp")

WORDS = ["<pad>", "<eos>", "<bos>", "once", "upon", "a"]
PROMPT, OUTPUT = (2, 1), (3, 4, 5)
# What is private in each proof, and whether it hides.
PROOFS = [((), True), ((), False), (("prompt", "output"), True), (("output",), False)]
TABLES = [
    "round(2^15 * exp(-x / 2^12))",
    "max(-2^15, min(2^15 - 1, round(2^11 * 0.5 * (x / 2^11) * (1 + tanh(sqrt(2 / pi) * x)))))",
    "floor(sqrt(x * x)) + abs(x) - 3",
    "round(2^14 * cos(x * 10000^(-2 * x / 8)) + sin(x) - erf(x / 7))",
    "x",
]
EXPRESSIONS = [
    "layer, token: 65536*mlp.gate_proj.limb1[layer, token] + a0[layer, token] - 8388608",
    "dim, generated: -a[rot(dim), window(generated), next(generated), previous(generated)]",
    "token, layer: embed[token(token), pick(layer; 0 1 0)] + 2*token[token] - 3*d[*, <layer]",
    "generated: 0",
    ": x[] - 1",
]
PRODUCTS = [f"-3 * ({text}) * ({text})" for text in EXPRESSIONS]


@dataclass(frozen=True)
class Proved:
    """A proof, its statement, and what opens what is private in it."""

    statement: Statement
    proof: bytes
    opened: dict[str, Opened]


@dataclass(frozen=True)
class Model:
    """An artifact and what proves with it."""

    artifact: Artifact

    @property
    def key(self) -> VerifyingKey:
        return self.artifact.key

    @cached_property
    def prover(self) -> Prover:
        artifact = self.artifact
        return Prover(artifact.key, artifact.program, artifact.params, artifact.masks)

    def prove(self, private: tuple[str, ...], hiding: bool) -> Proved:
        shown = PROMPT * ("prompt" not in private) + OUTPUT * ("output" not in private)
        statement = Statement(len(PROMPT), len(OUTPUT), shown, hiding, nonce=b"nonce")
        params, sealed = dict(self.artifact.params), {}
        if private:
            # A position more for the tokens that are generated.
            shape = Generation(len(PROMPT) + 1, len(OUTPUT))
            witness = tiny.tiny_private_witness(params, shape, PROMPT, OUTPUT)
            for what in private:
                names = self.key.private_circuit.reveals[what]
                cells = np.concatenate([witness[name].reshape(-1) for name in names]).tolist()
                sealed[what] = Sealed(cells, self.key.parameters, Randomness(hiding))
            digests: Any = {f"{what}_digest": found.digest for what, found in sealed.items()}
            statement = replace(statement, **digests)
        else:
            witness = tiny.tiny_witness(params, statement.shape, statement.tokens)
        made = self.prover.prove_witness(statement, witness, Clock(Silent()), sealed=sealed)
        opened = {what: Opened(found.rows, found.salts) for what, found in sealed.items()}
        return Proved(statement, made.proof, opened)


class Corpus:
    """What the parsers' inputs are mutated from."""

    @cached_property
    def models(self) -> list[Model]:
        """Two with private weights, of which the second was rotated, and one whose weights are public."""
        private = proving.parameters(10, [2], pads=600)
        longer = proving.parameters(11, [2], pads=600)
        public = proving.parameters(10, [2], pads=600, hiding=0)
        with same_randomness():
            return [
                Model(artifact(0, private, word_tokenizer())),
                Model(rotate(artifact(1, longer, piece_tokenizer()))),
                Model(artifact(2, public, word_tokenizer())),
            ]

    @cached_property
    def proved(self) -> list[Proved]:
        """Of the first model."""
        with same_randomness():
            return [self.models[0].prove(*what) for what in PROOFS]

    @cached_property
    def function(self) -> Artifact:
        """One with private weights."""
        with same_randomness():
            return mlp.mlp_artifact()

    @cached_property
    def inferences(self) -> list[Inference]:
        """Of the function: all shown, and of each visibility."""
        with same_randomness():
            return [
                prove(self.function, mlp.examples(count), Visibility(private, digest), nonce=b"n")
                for count, private, digest in ((2, (), ()), (3, ("left",), ("right", "score")))
            ]

    @cached_property
    def programs(self) -> list[bytes]:
        programs: list[Program] = [toy.toy_model()[1], tiny.tiny_program(), mlp.mlp_program()]
        return [encode_program(program) for program in programs]


@contextmanager
def same_randomness() -> Iterator[None]:
    """Masks, pads and salts that are the same each time."""
    with patch("os.urandom", Random(0).randbytes):
        yield


def artifact(seed: int, code: Parameters, tokenizer: Tokenizer) -> Artifact:
    circuit, params = circuit_of_everything(), tiny.tiny_params(seed)
    masks = WeightMasks.fresh(circuit, code)
    weights = CommittedWeights(circuit, code, params, masks)
    key = VerifyingKey(
        name="tiny",
        weights=sum(array.size for array in params.values()),
        code=code.to_list(),
        eos=(1,),
        weight_root=weights.root,
        circuit_bytes=encode_circuit(circuit),
        private_circuit_bytes=encode_circuit(tiny.tiny_private_circuit()),
        function_bytes=b"module",
        tokenizer_bytes=compact(tokenizer.to_str().encode()),
        range_proof=prove_ranges(circuit, code, weights),
    )
    meta = {"fidelity": {"greedy_agreement": 0.5, "positions": 7}}
    steps = encode_program(tiny.tiny_program())
    return Artifact(key, steps, steps, params, meta, masks, MemoryBudget(key))


def circuit_of_everything() -> Circuit:
    """The tiny circuit with every kind of index and of public column, in relations that hold for all values."""
    circuit: Circuit = tiny.tiny_circuit()
    same, row, channel = Index("same", "token"), Index("same", "row"), Index("same", "channel")
    reads = {
        "sum": Term(3, "weights", (row, Index("sum"))),
        "before": Term(-1, "weights", (Index("before", "row"), channel)),
        "rotate": Term(2, "embedding", (Index("rotate", "vocabulary"), channel)),
        "window": Term(1, "y", (Index("window", "generated"), row)),
        "token": Term(1, "embedding", (Index("token", "token"), channel)),
        "previous": Term(1, "embedding", (Index("previous", "generated"), channel)),
        "next": Term(1, "below", (Index("same", "generated"), Index("next", "generated"))),
        "pick": Term(5, "weights", (Index("pick", "layer", (2, 0)), channel)),
        "at": Term(7, "weights", (Index("at", "", (1,)), channel)),
        "stride": Term(-5, "weights", (Index("stride", "layer", (2, -1)), channel)),
        "mask": Term(1, "allowed", (Index("same", "layer"), same, Index("same", "source"))),
    }
    return replace(
        circuit,
        axes=(*circuit.axes, Axis("source", TOKENS), Axis("layer", 2)),
        columns=(
            *circuit.columns,
            Column("allowed", ("layer", "token", "source"), "public", 0, 1, "", "mask", (0, 2)),
            Column("below", ("generated", "vocabulary"), "public", 0, 1, "", "below-next"),
        ),
        linears=(*circuit.linears, *(_nothing(name, term) for name, term in reads.items())),
        data=circuit.data,
    )


def _nothing(name: str, term: Term) -> Linear:
    """The term minus itself."""
    axes = dict.fromkeys(index.axis for index in term.indices if index.axis)
    opposite = replace(term, coefficient=-term.coefficient)
    return Linear(f"no {name}", Expr(tuple(axes), (term, opposite)), 1 << 20)


def word_tokenizer() -> Tokenizer:
    words = {word: i for i, word in enumerate([*WORDS, "moon"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="moon"))
    tokenizer.add_special_tokens(WORDS[:3])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", 2)]
    )
    return tokenizer


def piece_tokenizer() -> Tokenizer:
    """Made as Gemma's is."""
    pieces = {piece: i for i, piece in enumerate([*WORDS[:3], "on", "\u2581", "<0x20>", "o", "n"])}
    tokenizer = Tokenizer(
        models.BPE(pieces, [("o", "n")], unk_token="<pad>", byte_fallback=True, fuse_unk=True)
    )
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.enable_padding(length=8)
    tokenizer.enable_truncation(max_length=16)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return tokenizer
