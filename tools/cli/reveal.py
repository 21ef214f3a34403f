"""``zklemma reveal``: open what a proof keeps private, to whom one likes."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ...errors import UserError
from .outputs import check_outputs


class Item(StrEnum):
    PROMPT = "prompt"
    OUTPUT = "output"


def reveal(
    secret: Annotated[Path, typer.Argument(help="The file that prove kept beside a proof.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The opening to write.")],
    what: Annotated[
        list[Item] | None, typer.Option(help="What to reveal. [default: all that is private]")
    ] = None,
) -> None:
    """Write what opens a private prompt or output, for `verify --reveal`."""
    from ...runtime import disclosure, files

    check_outputs({output: files.OPENING}, [secret])
    kept = disclosure.decode(files.read(secret, files.OPENING.most), str(secret))
    names = [str(item) for item in what or kept]
    for name in names:
        if name not in kept:
            raise UserError(f"{secret}: it opens no {name}, only {' and '.join(kept)}")
    with files.atomic_write(output) as file:
        file.write(disclosure.encode({name: kept[name] for name in names}))
