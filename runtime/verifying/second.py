"""The second verifier (`verifier/`, in Rust) as an engine: it checks what proofs prove.

It gets the bytes that were read here, and says its verdict and the statement as JSON. Both must be what this side
reads of the same bytes. What shows text stays here, and whether a prompt is canonical where the program does not
read the key's tokenizer. `native` and `wasm` run it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from ...errors import InvalidProof, UserError, ZklemmaError
from ..model.files import Buffer, encode_proof
from ..model.keys import VerifyingKey
from ..protocol.channel import Reader
from ..protocol.function_statement import FunctionStatement, read_function_statement
from ..protocol.statement import Statement, read_statement
from ..protocol.statements import AnyStatement
from .function_verifier import VerifiedFunction, read_values
from .verifier import Verified, check_prompt

# Exit statuses of a program that came to a verdict.
VERDICTS = (0, 1, 2)


class Verdicts(Protocol):
    """What the program says of each proof file's contents under a key file's, or of the key alone; ``options`` are
    its own."""

    def __call__(
        self, key: Buffer, proofs: Sequence[Buffer], *options: str, opening: Buffer | None = None
    ) -> list[dict[str, Any]]: ...


class Second:
    """The engine for a key, with the contents of its file: what `own.Own` does, done by the program."""

    def __init__(self, key: VerifyingKey, contents: Buffer, verdicts: Verdicts):
        self._key, self._contents, self._verdicts = key, contents, verdicts

    def check_identity(self, model_id: str) -> None:
        self._demand([], "--skip-ranges", "--model-id", model_id)

    def check_ranges(self) -> None:
        self._demand([])

    def verify(
        self, content: bytes, allow_noncanonical_prompt: bool = False
    ) -> Verified | VerifiedFunction:
        options = ["--skip-ranges", *["--allow-noncanonical-prompt"] * allow_noncanonical_prompt]
        found = self._demand([encode_proof(self._key.digest, content)], *options)
        if self._key.kind == "function":
            return self._function(found, read_function_statement(Reader(content)))
        statement = read_statement(Reader(content))
        _require_same(_facts(statement), found)
        prompt, canonical = statement.prompt_tokens, found["canonical_prompt"]
        if prompt is not None and canonical is None:
            canonical = check_prompt(self._key, prompt, allow_noncanonical_prompt)
        return Verified(statement, found["security_bits"], canonical)

    def _function(self, found: dict[str, Any], statement: FunctionStatement) -> VerifiedFunction:
        """What was found of a function, which must be what the statement says."""
        signature = self._key.function_signature
        values, tensors = read_values(signature, statement.shown), signature.tensors
        told = {
            "name": [tensor.name for tensor in tensors.values()],
            "shape": [[statement.batch, *tensor.shape] for tensor in tensors.values()],
            "values": [
                values[tensor.name].tolist() if tensor.name in values else None
                for tensor in tensors.values()
            ],
        }
        said = {name: [tensor[name] for tensor in found["tensors"]] for name in told}
        _require_same(told, said)
        _require_same({"examples": statement.batch, **_common(statement)}, found)
        return VerifiedFunction(statement, found["security_bits"], signature)

    def _demand(self, proofs: Sequence[Buffer], *options: str) -> dict[str, Any]:
        """What the program says, which must be that all is valid."""
        (found,) = self._verdicts(self._contents, proofs, *options)
        if not found["usable"]:
            raise UserError(found["reason"])
        if not found["valid"]:
            raise InvalidProof(found["reason"])
        if found["model_id"] != self._key.model_id:
            raise ZklemmaError("the second verifier read another key")
        return found


@contextmanager
def laid_out(
    key: Buffer, proofs: Sequence[Buffer], options: Sequence[str], opening: Buffer | None
) -> Iterator[tuple[Path, list[str]]]:
    """A folder of its own with what the program reads, and the program's arguments, which name files in it."""
    contents = {"key": key, **{f"{number}.proof": data for number, data in enumerate(proofs)}}
    arguments = [*options, *contents]
    if opening is not None:
        contents["opening"] = opening
        arguments = ["--reveal", "opening", *arguments]
    with tempfile.TemporaryDirectory(prefix="zklemma-") as name:
        for file, data in contents.items():
            Path(name, file).write_bytes(data)
        yield Path(name), arguments


def read_verdicts(lines: Sequence[str], proofs: Sequence[Buffer]) -> list[dict[str, Any]]:
    """What the program printed, as a verdict for each proof: a key that can not be used has one for all of them."""
    said, wanted = [json.loads(line) for line in lines], max(1, len(proofs))
    if len(said) not in (1, wanted):
        raise ZklemmaError(f"the second verifier gave {len(said)} verdicts, not {wanted}")
    return said * wanted if len(said) == 1 else said


def _facts(statement: Statement) -> dict[str, Any]:
    """A statement as the program writes it."""
    prompt, output = statement.prompt_tokens, statement.output_tokens
    return {
        "prompt_tokens": statement.prompt,
        "generated": statement.generated,
        "prompt_ids": None if prompt is None else list(prompt),
        "output_ids": None if output is None else list(output),
        **_common(statement),
    }


def _common(statement: AnyStatement) -> dict[str, Any]:
    """Of that what a statement of either kind says."""
    return {
        "digests": {what: digest.hex() for what, digest in statement.digests.items()},
        "nonce": statement.nonce.hex(),
        "hiding": statement.hiding,
    }


def _require_same(facts: dict[str, Any], found: dict[str, Any]) -> None:
    if facts != {name: found[name] for name in facts}:
        raise ZklemmaError("the second verifier read another statement")
