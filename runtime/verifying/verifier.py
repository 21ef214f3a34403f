"""The verifier of what a language model said: a key and a proof in, the statement or a reason out.

It never runs the model: it replays the transcript, evaluates public data, and opens commitments. It imports
numpy and nothing heavier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import InvalidProof, UserError
from ..circuit import function
from ..circuit.generation import longest, vocabulary
from ..model import files
from ..model.files import Buffer
from ..model.links import verify_link
from ..model.subjects import Key, subject_of
from ..protocol.channel import Reader
from ..protocol.statement import Statement, read_statement
from ..protocol.verification import verify_subject
from . import reading


@dataclass(frozen=True)
class Verified:
    """A statement that was proved, how strongly, and whether its prompt is canonical (`reading`), None if that is
    private."""

    statement: Statement
    security_bits: int
    canonical_prompt: bool | None


def check_links(key: Key, first: int = 0) -> None:
    """Raise `InvalidProof` unless the links from the ancestor number ``first`` on all hold."""
    roots = [ancestor.weight_root for ancestor in key.ancestors] + [key.weight_root]
    for number in range(first, len(key.ancestors)):
        old, new = roots[number : number + 2]
        try:
            verify_link(key.circuit, key.parameters, old, new, key.ancestors[number].link)
        except InvalidProof as error:
            of = f"{number + 1} of {len(key.ancestors)}"
            raise InvalidProof(f"the key's link {of} to an older one: {error}") from None


def check_identity(key: Key, model_id: str) -> None:
    """Raise `InvalidProof` unless the key is that of the model with this id (in hex), or was rotated
    from it."""
    try:
        wanted = bytes.fromhex(model_id)
    except ValueError:
        wanted = b""
    if len(wanted) != len(key.digest):
        raise UserError(f"{model_id}: a model id has {2 * len(key.digest)} hexadecimal digits")
    if wanted == key.digest:
        return
    chain = [ancestor.digest for ancestor in key.ancestors]
    if wanted not in chain:
        raise InvalidProof(
            f"the key is that of model {key.digest.hex()}, not of {wanted.hex()} or one rotated from it"
        )
    check_links(key, chain.index(wanted))


def read_proof(key: Key, proof: Buffer | str | Path, where: str = "proof") -> bytes:
    """The bare proof in ``proof``: a file, the contents of one, or what one holds for the model of ``key``.

    `InvalidProof` if the file says that it is about another model, `UserError` if it can not be read. ``where``
    names contents in errors.
    """
    if isinstance(proof, str | Path):
        proof, where = files.read(proof, files.PROOF.most), str(proof)
    elif proof[: len(files.PROOF.magic)] != files.PROOF.magic:
        return bytes(proof)
    claimed, content = files.decode_proof(proof, where)
    if claimed != key.digest:
        older = any(ancestor.digest == claimed for ancestor in key.ancestors)
        hint = ", but of one that it was rotated from: check it with the older key" * older
        raise InvalidProof(f"the proof is one of model {claimed.hex()}, not of this key's{hint}")
    return content


def open_proof(
    key: Key, proof: Buffer | str | Path, model_id: str | None, check_ranges: bool
) -> Reader:
    """A proof to read, once the key is found to be the model's and, unless that is known, its weights in range."""
    if model_id is not None:
        check_identity(key, model_id)
    reader = Reader(read_proof(key, proof))
    if check_ranges:
        key.check_ranges()
    return reader


def check_prompt(
    key: reading.Canonical, prompt: Sequence[int], allow_noncanonical: bool = False
) -> bool:
    """Whether a prompt is canonical; `InvalidProof` if it must be and is not."""
    found = reading.fault(key, prompt)
    if found and not allow_noncanonical:
        raise InvalidProof(f"{found}; allow noncanonical prompts to see its tokens")
    return not found


def verify(
    key: Key,
    proof: Buffer | str | Path,
    model_id: str | None = None,
    allow_noncanonical_prompt: bool = False,
    check_ranges: bool = True,
) -> Verified:
    """Raise `InvalidProof` with the reason unless ``proof`` proves its statement under ``key``, which
    must be the key of ``model_id``, if given, by itself or by its links. ``proof`` is a file or its contents. A
    public prompt must be canonical, unless others are allowed: the tokens that the tokenizer makes of its text.

    What is proved about integers rests on the weights' ranges, which the key proves. Who has checked that of a key
    with the same id (`VerifyingKey.check_ranges`) may leave it out: ``check_ranges`` = False.
    """
    reader = open_proof(key, proof, model_id, check_ranges)
    if function.most(key.circuit):
        raise UserError(
            "this is the key of a function; what is asked needs that of a language model"
        )
    most = longest(key.circuit)
    statement = read_statement(reader, most)
    statement.check(vocabulary(key.circuit.axis), most)
    if statement.digests and not key.private_circuit.reveals:
        raise InvalidProof("the key does not serve private prompts or outputs")
    if statement.hiding and not (key.parameters.hiding or statement.digests):
        raise InvalidProof("the key's weights are committed without masks, so no proof hides them")
    bits = verify_subject(subject_of(key, statement), reader)
    prompt, allowed = statement.prompt_tokens, allow_noncanonical_prompt
    return Verified(statement, bits, None if prompt is None else check_prompt(key, prompt, allowed))
