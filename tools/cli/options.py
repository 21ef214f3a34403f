"""What the commands have in common: options, and how their values are read and printed."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import UserError

if TYPE_CHECKING:
    from ...runtime.protocol.statement import Statement

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Checkpoint = Annotated[
    str,
    typer.Argument(
        help="A Gemma-3 text model: a Hugging Face directory, a GGUF file, a hub id, or gemma3-270m."
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
    unicode = sys.stdout.encoding.lower() in (
        "utf-8",
        "utf8",
    )  # JSON is UTF-8, whatever the locale.
    print(json.dumps(values, ensure_ascii=not unicode, allow_nan=False))


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
