"""``zklemma reveal``: open what a proof keeps private, to whom one likes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import UserError
from .. import console
from .options import AllowNoncanonicalPrompt
from .outputs import check_outputs

if TYPE_CHECKING:
    from ...runtime.verifying.disclosure import Opened


class Item(StrEnum):
    PROMPT = "prompt"
    OUTPUT = "output"


def reveal(
    secret: Annotated[Path, typer.Argument(help="The file that prove kept beside a proof.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The opening to write.")],
    what: Annotated[
        list[Item] | None, typer.Option(help="What to reveal. [default: all that is private]")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(help="The model's verifying key (.vk), to check and show what is revealed."),
    ] = None,
    allow_noncanonical_prompt: AllowNoncanonicalPrompt = False,
) -> None:
    """Write what opens a private prompt or output, for `verify --reveal`."""
    from ...runtime.model import files
    from ...runtime.verifying import disclosure

    check_outputs({output: files.OPENING}, [secret, *([key] if key else [])])
    kept = disclosure.decode(files.read(secret, files.OPENING.most), str(secret))
    names = [str(item) for item in what or kept]
    for name in names:
        if name not in kept:
            raise UserError(f"{secret}: it opens no {name}, only {' and '.join(kept)}")
    opened = {name: kept[name] for name in names}
    if key:
        _show(key, opened, str(secret), allow_noncanonical_prompt)
    with files.atomic_write(output) as file:
        file.write(disclosure.encode(opened))


def _show(path: Path, opened: Mapping[str, Opened], where: str, allow_noncanonical: bool) -> None:
    """Print what is revealed; `UserError` if the prompt would not be accepted."""
    from ...errors import InvalidProof
    from ...runtime.circuit.generation import vocabulary
    from ...runtime.model.keys import load_key
    from ...runtime.verifying import disclosure, reading
    from ...runtime.verifying.verifier import check_prompt

    key = load_key(path)
    found = {what: disclosure.claimed(what, item) for what, item in opened.items()}
    if any(token >= vocabulary(key.circuit.axis) for ids in found.values() for token in ids):
        raise UserError(f"{where}: it is not of a proof under {path}")
    prompt, answer = found.get("prompt"), found.get("output")
    try:
        canonical = prompt is not None and check_prompt(key, prompt, allow_noncanonical)
    except InvalidProof as error:
        raise UserError(f"{where}: {error}") from None
    report = reading.describe(key, prompt, answer, canonical)
    report |= {"generated": len(answer or ()), "revealed": []}
    if prompt is not None:
        print(f"Reveals the prompt, {console.tokens(len(prompt))} long,")
        print(*console.prompt_lines(report), sep="\n")
    if answer is not None:
        print(f"Reveals the output, {console.tokens(len(answer))} long,")
        print(*console.answer_lines(report), sep="\n")
