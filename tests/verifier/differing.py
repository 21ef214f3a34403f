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
from zklemma.errors import UserError
from zklemma.runtime.model import files
from zklemma.runtime.model.keys import VerifyingKey
from zklemma.runtime.verifying import native
from zklemma.runtime.verifying.second import Verdicts

corpora: Any = import_module("corpus")
mutations: Any = import_module("mutations")
targets: Any = import_module("targets")

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


@cache
def corpus() -> Any:
    return corpora.Corpus()


def proof(seed: int, number: int) -> bytes:
    """A proof file for the corpus's first key: a proof changed, or a statement."""
    random = Random(f"{seed} proof {number}")
    proofs = [found.proof for found in corpus().proved]
    changed = targets.change_proof(random, random.choice(proofs), random.choice(proofs))
    return files.encode_proof(corpus().models[0].key.digest, changed)


def key(seed: int, number: int) -> tuple[bytes, bytes]:
    """A key file with a part changed or taken from another key, and a proof that says it is for it."""
    random = Random(f"{seed} key {number}")
    keys = [model.key.encode() for model in corpus().models]
    changed = mutations.change_container(random, random.choice(keys), random.choice(keys))
    content = random.choice(corpus().proved).proof
    try:
        digest = VerifyingKey.decode(changed).digest
    except UserError:
        digest = bytes(32)
    return changed, files.encode_proof(digest, content)


def compare_proofs(
    seed: int, numbers: Iterable[int], verdicts: Verdicts = native.verdicts
) -> Tally:
    tally, contents = Tally(), corpus().models[0].key.encode()
    for some in _batches(numbers):
        made = [proof(seed, number) for number in some]
        second = engines.of_rust(contents, made, "--skip-ranges", verdicts=verdicts)
        for number, data, said in zip(some, made, second, strict=True):
            first = engines.of_python(contents, data, check_ranges=False)
            tally.add(f"proof {number} of seed {seed}", first, said)
    return tally


def compare_keys(seed: int, numbers: Iterable[int], verdicts: Verdicts = native.verdicts) -> Tally:
    tally = Tally()
    for number in numbers:
        contents, made = key(seed, number)
        (second,) = engines.of_rust(contents, [made], verdicts=verdicts)
        tally.add(f"key {number} of seed {seed}", engines.of_python(contents, made), second)
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
