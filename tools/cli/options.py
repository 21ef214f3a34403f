"""What the commands have in common: options, and how their values are read and printed."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import UserError
from .. import console

if TYPE_CHECKING:
    from ...runtime.protocol.statement import Statement

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Checkpoint = Annotated[
    str,
    typer.Argument(
        help="A language model: a Hugging Face directory, a GGUF file, a hub id, or gemma3-270m."
    ),
]
AllowNoncanonicalPrompt = Annotated[
    bool,
    typer.Option(
        "--allow-noncanonical-prompt",
        help="Accept a prompt whose tokens are not those that the tokenizer makes of its text, and show them.",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print errors and warnings only (and --json)."),
]


class Visibility(StrEnum):
    PRIVATE = "private"
    PUBLIC = "public"


def emit(values: dict[str, Any]) -> None:
    print(console.one_object(values))


def hexadecimal(nonce: str) -> bytes:
    from ...runtime.protocol.statement import MOST_NONCE

    try:
        found = bytes.fromhex(nonce)
    except ValueError:
        raise UserError(f"--nonce {nonce}: not hexadecimal (an even number of 0-9, a-f)") from None
    if len(found) > MOST_NONCE:
        raise UserError(f"--nonce {nonce}: longer than {MOST_NONCE} bytes")
    return found


def visibilities(private: bool, statement: Statement) -> dict[str, str]:
    """What is private and what public, by name."""
    names = {"weights": private, **{w: w in statement.digests for w in ("prompt", "output")}}
    return {name: str(Visibility.PRIVATE if p else Visibility.PUBLIC) for name, p in names.items()}
