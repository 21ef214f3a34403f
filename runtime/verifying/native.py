"""The second verifier (`verifier/`, in Rust) as an engine: it checks what proofs prove, in a process of its own.

It gets the bytes that were read here, and says its verdict and the statement as JSON. Both must be what this side
reads of the same bytes. What takes the tokenizer, or shows text, stays here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import InvalidProof, UserError, ZklemmaError
from ..model.files import Buffer, encode_proof
from ..model.keys import VerifyingKey
from ..protocol.channel import Reader
from ..protocol.statement import Statement, read_statement
from .verifier import Verified, check_prompt

NAME = "zklemma-verify"
# Where the program is, if not on the path or where `make verifier` puts it.
VARIABLE = "ZKLEMMA_VERIFIER"
BUILT = Path(__file__).parents[2] / "build" / "verifier" / "release" / NAME
# Exit statuses of a program that came to a verdict.
VERDICTS = (0, 1, 2)


def program() -> str:
    """The verifier's program; `UserError` where there is none."""
    found = os.environ.get(VARIABLE) or shutil.which(NAME) or str(BUILT)
    if not os.access(found, os.X_OK):
        raise UserError(f"{found}: there is no native verifier: `make verifier` builds it")
    return found


def verdicts(
    key: Buffer, proofs: Sequence[Buffer], *options: str, opening: Buffer | None = None
) -> list[dict[str, Any]]:
    """What the program says of each proof file's contents under a key file's, or of the key alone; ``options`` are
    its own."""
    with tempfile.TemporaryDirectory(prefix="zklemma-") as name:
        folder = Path(name)
        paths = [folder / f"{number}.proof" for number in range(len(proofs))]
        for path, data in zip([folder / "key", *paths], [key, *proofs], strict=True):
            path.write_bytes(data)
        if opening is not None:
            (folder / "opening").write_bytes(opening)
            options = (*options, "--reveal", str(folder / "opening"))
        command = [program(), *options, str(folder / "key"), *map(str, paths)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode not in VERDICTS:
        raise ZklemmaError(f"the native verifier failed, with status {done.returncode}")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    # A key that can not be used has one verdict for all proofs.
    return found * max(1, len(proofs)) if len(found) == 1 else found


class Native:
    """The engine for the key of a language model, with the contents of its file: what `own.Own` does, done by the
    program. `UserError` for the key of a function."""

    def __init__(self, key: VerifyingKey, contents: Buffer):
        key.require("language model")
        self._key, self._contents = key, contents

    def check_identity(self, model_id: str) -> None:
        self._demand([], "--skip-ranges", "--model-id", model_id)

    def check_ranges(self) -> None:
        self._demand([])

    def verify(self, content: bytes, allow_noncanonical_prompt: bool = False) -> Verified:
        found = self._demand([encode_proof(self._key.digest, content)], "--skip-ranges")
        statement = read_statement(Reader(content))
        facts = _facts(statement)
        if facts != {name: found[name] for name in facts}:
            raise ZklemmaError("the native verifier read another statement")
        prompt, allowed = statement.prompt_tokens, allow_noncanonical_prompt
        canonical = None if prompt is None else check_prompt(self._key, prompt, allowed)
        return Verified(statement, found["security_bits"], canonical)

    def _demand(self, proofs: Sequence[Buffer], *options: str) -> dict[str, Any]:
        """What the program says, which must be that all is valid."""
        (found,) = verdicts(self._contents, proofs, *options)
        if not found["usable"]:
            raise UserError(found["reason"])
        if not found["valid"]:
            raise InvalidProof(found["reason"])
        if found["model_id"] != self._key.model_id:
            raise ZklemmaError("the native verifier read another key")
        return found


def _facts(statement: Statement) -> dict[str, Any]:
    """A statement as the program writes it."""
    prompt, output = statement.prompt_tokens, statement.output_tokens
    return {
        "prompt_tokens": statement.prompt,
        "generated": statement.generated,
        "prompt_ids": None if prompt is None else list(prompt),
        "output_ids": None if output is None else list(output),
        "digests": {what: digest.hex() for what, digest in statement.digests.items()},
        "nonce": statement.nonce.hex(),
        "hiding": statement.hiding,
    }
