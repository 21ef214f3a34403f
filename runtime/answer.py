"""One answer of a model with its proof: tokenise, generate greedily, prove.

The proof covers the prompt and every generated token, up to and including the token that ends the
text if the model produces one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import UserError
from ..schema.circuit import Shape
from .keys import Artifact
from .progress import Progress, Silent

if TYPE_CHECKING:
    from .prover import ProofResult


@dataclass(frozen=True)
class Answer:
    """What the model said: tokens, the text of the generated ones, and how it was proved."""

    prompt: list[int]
    generated: list[int]
    text: str
    result: ProofResult

    @property
    def proof(self) -> bytes:
        return self.result.proof


def generate(
    artifact: Artifact,
    prompt: str,
    max_new_tokens: int,
    on_text: Callable[[str], None] | None = None,
) -> tuple[list[int], list[int]]:
    """The prompt's tokens and the generated ones; ``on_text`` gets both as text, piece by piece.

    `UserError` where the model can not answer this prompt at this length.
    """
    from .executor import Executor

    if not prompt:
        raise UserError("the prompt is empty: give it some text")
    key = artifact.key
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise UserError("the prompt is not valid Unicode text") from error
    tokens = key.tokenize(prompt)
    known, shown = list(tokens), ""

    def collect(token: int) -> None:
        nonlocal shown
        known.append(token)
        text = key.text(known)
        # A character that is not complete yet decodes to a replacement character.
        if on_text and not text.endswith("\N{REPLACEMENT CHARACTER}"):
            on_text(text[len(shown) :])
            shown = text

    executor = Executor(key.circuit, artifact.program, artifact.params)
    return tokens, executor.generate(tokens, max_new_tokens, collect, artifact.eos)


def prove_tokens(
    artifact: Artifact,
    prompt: Sequence[int],
    generated: Sequence[int],
    hiding: bool | None = None,
    progress: Progress | None = None,
) -> ProofResult:
    """Prove that the model continues ``prompt`` with ``generated``. ``hiding`` is on for private weights
    unless switched off, to measure. What the proof opens is counted before it is begun."""
    from .prover import prove as run

    private = artifact.key.private
    if hiding and not private:
        raise UserError("this model was compiled with public weights: its proofs hide nothing")
    artifact.budget.spend()
    return run(
        artifact.key,
        artifact.program,
        artifact.params,
        artifact.masks,
        [*prompt, *generated],
        len(prompt),
        len(generated),
        private if hiding is None else hiding,
        progress or Silent(),
    )


def security_bits(artifact: Artifact, prompt: int, generated: int) -> int:
    """The provable security, in bits, of a proof of that shape."""
    from .protocol.plan import Plan
    from .protocol.security import security_bits

    key = artifact.key
    return security_bits(Plan(key.circuit, key.parameters, Shape(prompt, generated)))


def prove(
    artifact: Artifact,
    prompt: str,
    max_new_tokens: int,
    hiding: bool | None = None,
    progress: Progress | None = None,
    on_text: Callable[[str], None] | None = None,
) -> Answer:
    """Generate at most ``max_new_tokens`` tokens after ``prompt`` and prove them."""
    tokens, generated = generate(artifact, prompt, max_new_tokens, on_text)
    result = prove_tokens(artifact, tokens, generated, hiding, progress)
    return Answer(tokens, generated, artifact.key.continuation(tokens, generated), result)
