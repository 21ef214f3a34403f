"""Damaged proofs and keys, given to both verifiers; what a seed and a number make is the same each time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from random import Random
from typing import Any

import engines
import zklemma
from zklemma.errors import UserError
from zklemma.runtime.model import files
from zklemma.runtime.model.keys import VerifyingKey
from zklemma.runtime.proving.inference import Visibility
from zklemma.runtime.verifying import native
from zklemma.runtime.verifying.second import Verdicts

corpora: Any = import_module("corpus")
mutations: Any = import_module("mutations")
targets: Any = import_module("targets")

# Of language models, of functions, and of functions that windows move in.
KINDS = ("text", "function", "images")
# Proofs that one process of the second verifier gets.
TOGETHER = 200


@dataclass
class Tally:
    """How often both said what, and the inputs on which they differ."""

    verdicts: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def add(self, name: str, first: str, second: str) -> None:
        self.verdicts[first] += 1
        if first != second:
            self.differences.append(f"{name}: {first} in Python, {second} in Rust")


@dataclass(frozen=True)
class Source:
    """Keys of one kind, and what the proofs of the first of them hold."""

    keys: list[VerifyingKey]
    proofs: list[bytes]


@cache
def corpus() -> Any:
    return corpora.Corpus()


@cache
def source(kind: str) -> Source:
    """Of a kind in `KINDS`."""
    if kind == "text":
        keys = [model.key for model in corpus().models]
        return Source(keys, [found.proof for found in corpus().proved])
    if kind == "function":
        key = corpus().function.key
        return Source([key], [found.result.proof for found in corpus().inferences])
    with corpora.same_randomness():
        return images()


def images() -> Source:
    """A network that reads windows with strides, padding and groups."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    layers = nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(2)
    layers = (*layers, nn.Conv2d(4, 4, 2, groups=2), nn.Flatten(), nn.Linear(16, 3))
    examples = torch.rand(8, 2, 12, 12) - 0.5
    compiled = zklemma.compile(nn.Sequential(*layers).eval(), examples, batch=3)
    inputs = [tensor.name for tensor in compiled.key.function_signature.inputs]
    proofs = [
        compiled.prove(examples[:count], visibility=Visibility(private)).proof
        for count, private in ((1, inputs), (3, ()))
    ]
    return Source([compiled.key], [files.decode_proof(found, "proof")[1] for found in proofs])


def proof(seed: int, number: int, kind: str = "text") -> bytes:
    """A proof file for the first key of a kind: a proof changed, or a statement."""
    random = Random(f"{seed} proof {number}")
    proofs = source(kind).proofs
    changed = targets.change_proof(random, random.choice(proofs), random.choice(proofs))
    return files.encode_proof(source(kind).keys[0].digest, changed)


def key(seed: int, number: int, kind: str = "text") -> tuple[bytes, bytes]:
    """A key file with a part changed or taken from another key, and a proof that says it is for it."""
    random = Random(f"{seed} key {number}")
    keys = [key.encode() for key in source(kind).keys]
    changed = mutations.change_container(random, random.choice(keys), random.choice(keys))
    content = random.choice(source(kind).proofs)
    try:
        digest = VerifyingKey.decode(changed).digest
    except UserError:
        digest = bytes(32)
    return changed, files.encode_proof(digest, content)


def compare_proofs(
    seed: int, numbers: Iterable[int], verdicts: Verdicts = native.verdicts, kind: str = "text"
) -> Tally:
    tally, contents = Tally(), source(kind).keys[0].encode()
    for some in _batches(numbers):
        made = [proof(seed, number, kind) for number in some]
        second = engines.of_rust(contents, made, "--skip-ranges", verdicts=verdicts)
        for number, data, said in zip(some, made, second, strict=True):
            first = engines.of_python(contents, data, check_ranges=False)
            tally.add(f"{kind} proof {number} of seed {seed}", first, said)
    return tally


def compare_keys(
    seed: int, numbers: Iterable[int], verdicts: Verdicts = native.verdicts, kind: str = "text"
) -> Tally:
    tally = Tally()
    for number in numbers:
        contents, made = key(seed, number, kind)
        (second,) = engines.of_rust(contents, [made], verdicts=verdicts)
        name = f"{kind} key {number} of seed {seed}"
        tally.add(name, engines.of_python(contents, made), second)
    return tally


def _batches(numbers: Iterable[int]) -> Iterator[list[int]]:
    some: list[int] = []
    for number in numbers:
        some.append(number)
        if len(some) == TOGETHER:
            yield some
            some = []
    if some:
        yield some
