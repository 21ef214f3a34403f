"""``zklemma page``: write the page with which people check proofs in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import console
from .outputs import check_outputs


def page(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder for the page, index.html.")
    ],
) -> None:
    """Write a page that checks proofs in a browser, from a file too and without a network."""
    from ...runtime.model.files import atomic_write
    from ..page import page as text

    data = text().encode()
    output.mkdir(parents=True, exist_ok=True)
    path = output / "index.html"
    check_outputs({path: None}, [])
    with atomic_write(path) as file:
        file.write(data)
    print(f"{console.printable(str(path))}: {console.size(len(data))}")
