"""One answer of a model with its proof: tokenise, generate greedily, prove.

The proof covers the prompt and every generated token, up to and including the token that ends the
text if the model produces one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import UserError
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


class _EndOfText(Exception):
    """Leaves the generation loop when the model ends its text."""


def prompt_tokens(artifact: Artifact, prompt: str, max_new_tokens: int) -> list[int]:
    """The tokens of a prompt, or `UserError` if this model can not answer it at that length."""
    if not prompt:
        raise UserError("the prompt is empty: give it some text")
    if max_new_tokens < 1:
        raise UserError(f"max-new-tokens is {max_new_tokens}: generate at least one token")
    try:
        tokens = artifact.key.tokenize(prompt)
    except UnicodeEncodeError as error:
        raise UserError("the prompt is not valid Unicode text") from error
    circuit = artifact.key.circuit
    limit = circuit.max_tokens
    if len(tokens) + max_new_tokens > limit:
        raise UserError(
            f"the prompt has {len(tokens)} tokens, with {max_new_tokens} new ones that is "
            f"{len(tokens) + max_new_tokens}, over the {limit} this model was compiled for: "
            "shorten the prompt, ask for fewer tokens, or compile with a larger --max-tokens"
        )
    check_vocabulary(artifact, tokens)
    return tokens


def check_vocabulary(artifact: Artifact, tokens: Sequence[int]) -> None:
    """Raise `UserError` if a token has no row in the model's embedding."""
    size = artifact.key.circuit.axis["vocabulary"].size
    assert isinstance(size, int)
    for position, token in enumerate(tokens):
        if not 0 <= token < size:
            raise UserError(
                f"token {token} at position {position} of the prompt is out of the vocabulary: "
                f"the model knows the ids 0 to {size - 1}"
            )


def generate(
    artifact: Artifact,
    tokens: Sequence[int],
    max_new_tokens: int,
    on_text: Callable[[str], None] | None = None,
) -> list[int]:
    """The greedily generated tokens; ``on_text`` gets the text piece by piece."""
    from .executor import Executor

    key = artifact.key
    found: list[int] = []
    known, shown = list(tokens), key.text(tokens)

    def collect(token: int) -> None:
        nonlocal shown
        found.append(int(token))
        if on_text:
            text = key.text(known + found)
            # A character that is not complete yet decodes to a replacement character.
            if not text.endswith("\N{REPLACEMENT CHARACTER}"):
                on_text(text[len(shown) :])
                shown = text
        if token in artifact.eos:
            raise _EndOfText

    executor = Executor(key.circuit, artifact.program, artifact.params, key.circuit.max_tokens)
    with suppress(_EndOfText):
        executor.generate(known, max_new_tokens, collect)
    return found


def prove_tokens(
    artifact: Artifact,
    prompt: Sequence[int],
    generated: Sequence[int],
    progress: Progress | None = None,
) -> ProofResult:
    """Prove that the model continues ``prompt`` with ``generated``."""
    from .prover import prove as run

    return run(
        artifact.key,
        artifact.program,
        artifact.params,
        [*prompt, *generated],
        len(prompt),
        len(generated),
        progress or Silent(),
    )


def prove(
    artifact: Artifact,
    prompt: str,
    max_new_tokens: int,
    progress: Progress | None = None,
    on_text: Callable[[str], None] | None = None,
) -> Answer:
    """Generate at most ``max_new_tokens`` tokens after ``prompt`` and prove them."""
    tokens = prompt_tokens(artifact, prompt, max_new_tokens)
    generated = generate(artifact, tokens, max_new_tokens, on_text)
    result = prove_tokens(artifact, tokens, generated, progress)
    return Answer(tokens, generated, artifact.key.continuation(tokens, generated), result)
