"""One answer of a model with its proof: tokenise, generate greedily, prove.

The proof covers the prompt and every generated token, up to and including the token that ends the
text if the model produces one. A private output goes on after it: its length says nothing then. Prompts are
canonical (`reading`), unless that is waived for token ids.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import UserError
from ..circuit.generation import Generation, longest
from ..model import files
from ..model.keys import Artifact
from ..model.lowered import Executable, LoweredModel
from ..progress import Progress, Silent
from ..protocol.statement import MOST_NONCE, Statement, private_bound
from ..verifying import reading

if TYPE_CHECKING:
    from .prover import ProofResult


# The least length that a private prompt's is rounded up to.
LEAST_BOUND = 16


@dataclass(frozen=True)
class Privacy:
    """What a statement keeps private. ``bound`` is on the length of a private prompt, by default the next power
    of two, or as much as the model allows; it is rounded up to what positions are made for."""

    prompt: bool = False
    output: bool = False
    bound: int | None = None

    @property
    def items(self) -> tuple[str, ...]:
        return ("prompt",) * self.prompt + ("output",) * self.output


@dataclass(frozen=True)
class Answer:
    """What the model said: tokens, the text of the generated ones up to the one that ends it, and how it was
    proved. ``model_id`` is that of the key which it was proved under."""

    prompt: list[int]
    generated: list[int]
    text: str
    result: ProofResult[Statement]
    model_id: bytes

    @property
    def proof(self) -> bytes:
        """The contents of a proof file, which `verify` takes, as the command does."""
        return files.encode_proof(self.model_id, self.result.proof)

    def save(self, path: str | Path) -> int:
        """Write the proof to a file; return its size in bytes."""
        with files.atomic_write(path) as file:
            return file.write(self.proof)


def generate(
    artifact: Executable,
    prompt: str,
    max_new_tokens: int,
    on_text: Callable[[str], None] | None = None,
    privacy: Privacy | None = None,
) -> tuple[list[int], list[int]]:
    """The prompt's tokens and the generated ones; ``on_text`` gets both as text, piece by piece, up to the token
    that ends it.

    `UserError` where the model can not answer this prompt at this length, or its tokens do not say what it is.
    """
    privacy = privacy or Privacy()
    from ..witness.executor import Executor

    if not prompt:
        raise UserError("the prompt is empty: give it some text")
    key = artifact.key
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise UserError("the prompt is not valid Unicode text") from error
    tokens = key.tokenize(prompt)
    _require_canonical(key, tokens)
    if privacy.items:
        bound(artifact, len(tokens), max_new_tokens, privacy)  # To know before long work.
    said: list[int] = []
    start, shown, ended = key.text(tokens), "", False

    def collect(token: int) -> None:
        nonlocal shown, ended
        ended = ended or token in artifact.eos
        if ended or not on_text:
            return
        said.append(token)
        text = start + key.continuation(tokens, said)
        # A character that is not complete yet decodes to a replacement character.
        if not text.endswith("\N{REPLACEMENT CHARACTER}"):
            on_text(text[len(shown) :])
            shown = text

    executor = Executor(key.circuit, artifact.program, artifact.params)
    stop = frozenset() if privacy.output else artifact.eos
    generated = executor.generate(tokens, max_new_tokens, collect, stop)
    if on_text:
        # The rest of a text that ends inside a character.
        on_text((start + key.continuation(tokens, said))[len(shown) :])
    return tokens, generated


def bound(artifact: Executable, prompt: int, generated: int, privacy: Privacy) -> int:
    """The length that the statement gives for a prompt; `UserError` if it is too long for the key."""
    most = longest(artifact.key.circuit)
    if not privacy.prompt:
        if Generation(prompt + 1, generated).rows > most:
            raise UserError(
                f"{prompt} prompt tokens and {generated} new ones are too many: at most {most}, one less if "
                "any are private"
            )
        return prompt
    if privacy.bound is not None:
        if privacy.bound < prompt:
            raise UserError(
                f"the prompt has {prompt} tokens, more than the bound of {privacy.bound}"
            )
        chosen = privacy.bound
    else:
        chosen = max(LEAST_BOUND, 1 << (prompt - 1).bit_length())
        while chosen > prompt and Generation(chosen + 1, generated).rows > most:
            chosen -= 1
    if Generation(chosen + 1, generated).rows > most:
        raise UserError(
            f"a private prompt of at most {chosen} tokens with {generated} new ones needs "
            f"{Generation(chosen + 1, generated).rows} positions, but the model was compiled for {most}: lower the "
            "bound or compile with more --max-tokens"
        )
    return private_bound(chosen, generated)


def hides(artifact: Artifact, privacy: Privacy, asked: bool | None = None) -> bool:
    """Whether a proof hides: on for whatever is private unless switched off, to measure."""
    private = artifact.key.private or bool(privacy.items)
    if asked and not private:
        raise UserError(
            "this model was compiled with public weights: its proofs hide private prompts and outputs only"
        )
    return private if asked is None else asked


def prove_tokens(
    artifact: Artifact,
    prompt: Sequence[int],
    generated: Sequence[int],
    hiding: bool | None = None,
    progress: Progress | None = None,
    privacy: Privacy | None = None,
    nonce: bytes = b"",
    allow_noncanonical_prompt: bool = False,
) -> ProofResult[Statement]:
    """Prove that the model continues ``prompt`` with ``generated``. What the proof opens is counted before
    it is begun, and not if there is too little memory for it. `UserError` if the prompt is not canonical, unless
    that is allowed: whoever verifies must allow it too."""
    from ..protocol.plan import Plan
    from .footprint import require_memory
    from .prover import Request
    from .prover import prove as run

    privacy = privacy or Privacy()
    if not allow_noncanonical_prompt:
        _require_canonical(artifact.key, prompt)
    hiding = hides(artifact, privacy, hiding)
    if len(nonce) > MOST_NONCE:
        raise UserError(f"the nonce is longer than {MOST_NONCE} bytes")
    request = Request(
        (*prompt, *generated),
        len(prompt),
        hiding,
        privacy.items,
        bound(artifact, len(prompt), len(generated), privacy) if privacy.items else 0,
        nonce,
    )
    circuit = artifact.key.private_circuit if privacy.items else artifact.key.circuit
    shape = request.shape
    plan = Plan(circuit, artifact.key.parameters, shape, privacy.items)
    # Tokens in columns take one position more.
    extra = int(bool(privacy.items))

    def smaller(tokens: int) -> Plan:
        shorter = max(1, tokens - shape.generated), min(shape.generated, tokens - 1)
        least = Generation(shorter[0] + extra, shorter[1])
        return Plan(circuit, artifact.key.parameters, least, privacy.items)

    sizes = range(2, shape.prompt - extra + shape.generated)
    require_memory(plan, smaller, sizes, "tokens", "shorten the text")
    artifact.budget.spend()
    program = artifact.private_program if privacy.items else artifact.program
    return run(
        artifact.key, program, artifact.params, artifact.masks, request, progress or Silent()
    )


def security_bits(artifact: Artifact, statement: Statement) -> int:
    """The provable security, in bits, of a proof of the statement."""
    from ..model.subjects import subject_of
    from ..protocol.soundness import security_bits

    return security_bits(subject_of(artifact.key, statement).plan)


def prove(
    artifact: Artifact,
    prompt: str,
    max_new_tokens: int,
    hiding: bool | None = None,
    progress: Progress | None = None,
    on_text: Callable[[str], None] | None = None,
    privacy: Privacy | None = None,
    nonce: bytes = b"",
) -> Answer:
    """Generate at most ``max_new_tokens`` tokens after ``prompt`` and prove them."""
    tokens, generated = generate(artifact, prompt, max_new_tokens, on_text, privacy)
    result = prove_tokens(artifact, tokens, generated, hiding, progress, privacy, nonce)
    said = text(artifact, tokens, generated)
    return Answer(tokens, generated, said, result, artifact.key.digest)


def text(artifact: Executable, prompt: Sequence[int], generated: Sequence[int]) -> str:
    """What the model said, up to the token that ends the text."""
    return reading.said(artifact.key, prompt, generated).text


def _require_canonical(key: LoweredModel, prompt: Sequence[int]) -> None:
    if found := reading.fault(key, prompt):
        raise UserError(f"{found}; nobody could tell from the text what was proved")
