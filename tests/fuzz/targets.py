"""What is fuzzed: each parser with its valid inputs, how they are mutated, and what must hold.

Any bytes are refused with one of the errors that the parser may raise, or they are accepted; then they encode again
to the same bytes, and a proof is one that the prover made.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import msgpack
from corpus import (
    EXPRESSIONS,
    OUTPUT,
    PRODUCTS,
    PROMPT,
    TABLES,
    Corpus,
    piece_tokenizer,
    word_tokenizer,
)
from mutations import (
    DIGEST,
    Mutation,
    change_container,
    change_json,
    change_msgpack,
    change_text,
    change_tokenizer,
    damage,
)
from xdsl.utils.exceptions import VerifyException
from zklemma.compiler.analysis.requantise import differences
from zklemma.compiler.families.gemma3 import GEMMA3
from zklemma.compiler.module_text import parse_module
from zklemma.compiler.published import publish, read_function, write_function
from zklemma.dialects import affine_expr, table_expr
from zklemma.errors import InvalidProof, UserError, ZklemmaError
from zklemma.runtime.circuit.encoding import (
    decode_circuit,
    decode_program,
    encode_circuit,
    encode_program,
)
from zklemma.runtime.circuit.extents import CircuitError
from zklemma.runtime.model import files
from zklemma.runtime.model.budget import FileBudget, MemoryBudget
from zklemma.runtime.model.keys import VerifyingKey, load_artifact, save_artifact
from zklemma.runtime.model.links import link_circuit
from zklemma.runtime.model.weight_ranges import range_circuit
from zklemma.runtime.protocol import subject
from zklemma.runtime.protocol.function_statement import FunctionStatement
from zklemma.runtime.protocol.parameters import Parameters
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.protocol.statements import read_any_statement
from zklemma.runtime.protocol.transcript import Transcript
from zklemma.runtime.verifying import disclosure, reading
from zklemma.runtime.verifying.disclosure import Opened
from zklemma.runtime.verifying.function_verifier import verify_function
from zklemma.runtime.verifying.verifier import check_links, verify
from zklemma.tools.inspection import describe
from zklemma.tools.security import security


class Broken(AssertionError):
    """Accepted, but not as it should be."""


@dataclass(frozen=True)
class Target:
    """``share``: how many of the inputs of a run, relative to the others. ``check`` returns if it
    accepts and raises one of ``refusals`` if not; anything else is a bug."""

    name: str
    share: int
    parents: list[bytes]
    mutate: Mutation
    check: Callable[[bytes], None]
    refusals: tuple[type[Exception], ...]

    def make(self, seed: int, number: int) -> bytes:
        """An input; the same for the same numbers."""
        random = Random(f"{seed} {self.name} {number}")
        return self.mutate(random, random.choice(self.parents), random.choice(self.parents))


def require(fact: bool, text: str) -> None:
    if not fact:
        raise Broken(text)


def targets(folder: Path) -> list[Target]:
    """All of them; ``folder`` is for the files of those that read files."""
    made = Corpus()
    model, rotated, _ = made.models
    key = model.key
    proofs = [found.proof for found in made.proved]
    sealed = [found for found in made.proved if found.opened]
    artifacts = [_artifact(x.artifact, folder) for x in made.models]
    framed = [files.encode_proof(key.digest, proof[:200]) for proof in proofs]
    ranges = [bytes(x.key.range_proof) for x in made.models[:2]]
    link = rotated.key.links[0][1]
    recorded = {proof: _record(key, proof) for proof in proofs}
    count = FileBudget(folder / "count", key)
    counts = []
    for spent in (0, 200):
        count.create(spent)
        counts.append(count.path.read_bytes())

    def budget(data: bytes) -> None:
        count.path.write_bytes(data)
        count.spent()
        count.create(0)
        require(count.path.read_bytes() == data, "another encoding")

    def artifact(data: bytes) -> None:
        path = _fresh(folder / "read.zkl", data)
        found = load_artifact(path)
        _ = found.program, found.private_program, found.eos
        require(_artifact(found, folder) == data, "another encoding")

    def proof(data: bytes) -> None:
        verify(key, data, check_ranges=False)
        require(data in proofs, "a proof that nobody made")

    function, inferences = made.function, made.inferences
    function_proofs = [found.result.proof for found in inferences]

    def function_proof(data: bytes) -> None:
        verify_function(function.key, data, check_ranges=False)
        require(data in function_proofs, "a proof that nobody made")

    def function_statement(data: bytes) -> None:
        found = FunctionStatement.decode(data)
        require(found.encode() == data, "another encoding")
        found.check(function.key.circuit)

    def function_opening(data: bytes) -> None:
        found = disclosure.decode(data, "x")
        require(disclosure.encode(found) == data, "another encoding")
        for what, opened in [*found.items()][:1]:
            disclosure.cells(inferences[1].result.statement, what, opened, function.key)

    def replayed(data: bytes) -> None:
        """Under the challenges of the proof that it resembles most, so that the checks come late."""
        parent = max(proofs, key=lambda known: _common(known, data))
        with _challenges(recorded[parent]):
            verify(key, data, check_ranges=False)

    def range_proof(data: bytes) -> None:
        replace(key, range_proof=data).check_ranges()
        require(data == ranges[0], "a proof that nobody made")

    def key_link(data: bytes) -> None:
        check_links(replace(rotated.key, links=((rotated.key.links[0][0], data),)))
        require(data == link, "a link that nobody made")

    def foreign_key(data: bytes) -> None:
        found = VerifyingKey.decode(data)
        for number in (0, 2):
            verify(found, proofs[number])
        require(found.digest == key.digest, "a proof under another key")

    def opening(data: bytes) -> None:
        found = disclosure.decode(data, "x")
        require(disclosure.encode(found) == data, "another encoding")
        # One is enough: it takes long.
        for what, opened in [*found.items()][:1]:
            tokens = disclosure.tokens(sealed[0].statement, what, opened, key.parameters)
            require(tuple(tokens) == {"prompt": PROMPT, "output": OUTPUT}[what], "other tokens")

    def tokenizer(data: bytes) -> None:
        found = replace(key, tokenizer_bytes=data)
        found.tokenize("once upon a  moon \u2581 \u00e9")
        found.continuation([2, 3, 1], [4, 5, 0, 6, 9, 1 << 31])
        canonical = not reading.fault(found, [2, 3, 1])
        reading.describe(found, [2, 3, 1], [4, 5, 0, 6, 9, 1, 1 << 31], canonical)

    unusable, invalid, any_of_ours = (UserError,), (InvalidProof,), (ZklemmaError,)
    circuit_error = (CircuitError,)
    keys = [x.key.encode() for x in made.models]
    statements = [found.statement.encode() for found in made.proved]
    compact_tokenizers = [bytes(made.models[1].key.tokenizer_bytes)]
    said = [found.result.statement.encode() for found in inferences]
    sealed_tensors = inferences[1].result.sealed.items()
    kept = disclosure.encode({w: Opened(s.rows, s.salts) for w, s in sealed_tensors})
    function_keys = [function.key.encode()]
    openings = [disclosure.encode(found.opened) for found in sealed]
    codes = [_msgpack(x.key.code) for x in made.models]
    circuits = [key.circuit, key.private_circuit, range_circuit(key.circuit)]
    encoded = [encode_circuit(x) for x in (*circuits, link_circuit(key.circuit))]
    return [
        Target("proof file", 20, framed, damage, _proof_file, any_of_ours),
        Target("statement", 40, statements, change_msgpack, _statement, invalid),
        Target("proof", 3, proofs, change_proof, proof, invalid),
        Target("proof, replayed", 2, proofs, change_proof, replayed, invalid),
        Target("range proof", 1, ranges, damage, range_proof, invalid),
        Target("link", 1, [link], damage, key_link, invalid),
        Target("opening", 1, openings, change_container, opening, any_of_ours),
        Target("function proof", 2, function_proofs, damage, function_proof, invalid),
        Target("function statement", 40, said, change_msgpack, function_statement, invalid),
        Target("function opening", 1, [kept], change_container, function_opening, any_of_ours),
        Target("function key", 6, function_keys, change_container, _key(folder), unusable),
        Target("verifying key", 12, keys, change_container, _key(folder), unusable),
        Target("key of a proof", 3, keys, change_container, foreign_key, any_of_ours),
        Target("parameters", 30, codes, change_msgpack, _parameters, (ValueError,)),
        Target("circuit", 30, encoded, change_msgpack, _circuit, circuit_error),
        Target("program", 24, made.programs, change_msgpack, _program, circuit_error),
        Target("tokenizer", 6, _tokenizers(), change_json, tokenizer, unusable),
        Target("compact tokenizer", 6, compact_tokenizers, change_tokenizer, tokenizer, unusable),
        Target("function", 1, [_published()], change_text, _function, (UserError, VerifyException)),
        Target("artifact", 8, artifacts, change_container, artifact, unusable),
        Target("budget", 12, counts, change_count, budget, unusable),
        Target("table expression", 2, _texts(TABLES), change_text, _table, unusable),
        Target("affine expression", 6, _texts(EXPRESSIONS), change_text, _expression, unusable),
        Target("affine product", 4, _texts(PRODUCTS), change_text, _product, unusable),
    ]


def _msgpack(value: Any) -> bytes:
    data = msgpack.packb(value)
    assert data is not None
    return data


def _fresh(path: Path, data: bytes) -> Path:
    """A new file: one that is mapped into memory must not be written to."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    return path


def change_proof(random: Random, data: bytes, other: bytes) -> bytes:
    """The statement changed as a value, or the rest damaged."""
    statement = read_any_statement(data).encode()
    end = 4 + len(statement)
    if random.random() < 0.1:
        changed = change_msgpack(random, statement, statement)
        return struct.pack("<I", len(changed)) + changed + data[end:]
    start = random.choice([0, end])
    return data[:start] + damage(random, data[start:], other[start:])


def change_count(random: Random, data: bytes, other: bytes) -> bytes:
    """The checksum mostly made right again."""
    if random.random() < 0.1:
        return damage(random, data, other)
    body = change_msgpack(random, data[:-DIGEST], other[:-DIGEST])
    return body + hashlib.sha256(body).digest()


def _proof_file(data: bytes) -> None:
    require(files.encode_proof(*files.decode_proof(data, "x")) == data, "another encoding")


def _statement(data: bytes) -> None:
    found = Statement.decode(data)
    require(found.encode() == data, "another encoding")
    found.check(6, 8)


def _parameters(data: bytes) -> None:
    items: Any = msgpack.unpackb(data) if _readable(data) else data
    require(Parameters.from_list(items).to_list() == items, "another encoding")


def _readable(data: bytes) -> bool:
    try:
        return msgpack.packb(msgpack.unpackb(data)) == data
    except (ValueError, msgpack.UnpackException):
        return False


def _circuit(data: bytes) -> None:
    require(encode_circuit(decode_circuit(data)) == data, "another encoding")


def _program(data: bytes) -> None:
    require(encode_program(decode_program(data)) == data, "another encoding")


def _key(folder: Path) -> Callable[[bytes], None]:
    """The key and all that commands tell of it."""
    path = folder / "read.vk"

    def check(data: bytes) -> None:
        found = VerifyingKey.decode(data, "x")
        require(found.encode() == data, "another encoding")
        describe(_fresh(path, data))
        if found.kind == "language model":
            _ = found.private_circuit
        security(found, None, None)

    return check


def _artifact(artifact: Any, folder: Path) -> bytes:
    """As `save_artifact` writes it, with a new count."""
    path = folder / "written.zkl"
    for old in (path, path.with_name("written.zkl.budget")):
        old.unlink(missing_ok=True)
    save_artifact(path, replace(artifact, budget=MemoryBudget(artifact.key)))
    return path.read_bytes()


def _tokenizers() -> list[bytes]:
    return [made().to_str().encode() for made in (word_tokenizer, piece_tokenizer)]


def _texts(texts: list[str]) -> list[bytes]:
    return [text.encode() for text in texts]


def _published() -> bytes:
    """The function of a small model, as a key says it."""
    text = (Path(__file__).parents[1] / "lowering" / "tiny.mlir").read_text()
    return write_function(publish(parse_module(text)))


def _function(data: bytes) -> None:
    found = read_function(data)
    require(write_function(found) == data, "another encoding")
    differences(GEMMA3.read(found).module(16), found)


def _table(data: bytes) -> None:
    text = data.decode()
    found = table_expr.evaluate(text, -3, 5)
    require((table_expr.evaluate(text, 0, 5) == found[3:]).all(), "other values at once")


def _expression(data: bytes) -> None:
    found = affine_expr.parse_expr(data.decode())
    require(affine_expr.parse_expr(affine_expr.format_expr(found)) == found, "reads otherwise")


def _product(data: bytes) -> None:
    found = affine_expr.parse_product(data.decode())
    require(
        affine_expr.parse_product(affine_expr.format_product(found)) == found, "reads otherwise"
    )


def _common(first: bytes, second: bytes) -> int:
    """How many of some words, counted from the end, are the same."""
    offsets = range(8, min(len(first), len(second)), 1 << 11)
    return sum(first[-at:][:8] == second[-at:][:8] for at in offsets)


class _Tape:
    """A transcript's hash whose digests, from which all challenges are drawn, are given by ``digest``."""

    def __init__(self, real: Any, digest: Callable[[bytes], bytes]):
        self.update = real.update
        self.digest = lambda: digest(real.digest())


@contextmanager
def _taped(digest: Callable[[bytes], bytes]) -> Iterator[None]:
    class Taped(Transcript):
        def __init__(self, protocol: str):
            super().__init__(protocol)
            self._hash: Any = _Tape(self._hash, digest)

    with patch.object(subject, "Transcript", Taped):
        yield


def _record(key: VerifyingKey, proof: bytes) -> list[bytes]:
    """What the challenges of a valid proof are drawn from."""
    seen: list[bytes] = []

    def record(digest: bytes) -> bytes:
        seen.append(digest)
        return digest

    with _taped(record):
        verify(key, proof, check_ranges=False)
    return seen


@contextmanager
def _challenges(recorded: list[bytes]) -> Iterator[None]:
    """Draw what was recorded, whatever was absorbed, as long as there is any."""
    left = iter(recorded)
    with _taped(lambda digest: next(left, digest)):
        yield
